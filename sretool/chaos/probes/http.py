"""Whether an address answers, how fast, and how often it fails."""

from __future__ import annotations

import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
from chaoslib.exceptions import ActivityFailed


def answers(
    url: str,
    status: int = 200,
    within: float = 1.0,
    method: str = "GET",
    headers: dict[str, str] | None = None,
) -> bool:
    """Whether `url` answers with `status` within so many seconds. No answer is an answer: False."""
    try:
        with httpx.Client(timeout=within, trust_env=False) as client:
            began = time.monotonic()
            reply = client.request(method, url, headers=headers)
            return reply.status_code == status and time.monotonic() - began <= within
    except httpx.InvalidURL as error:
        raise ActivityFailed(f"{url!r} is not an address") from error
    except httpx.UnsupportedProtocol as error:
        raise ActivityFailed(f"{url!r} is not an address of a web server") from error
    except httpx.HTTPError:
        return False


def seconds_to_answer(
    url: str, requests: int = 5, timeout: float = 5.0, headers: dict[str, str] | None = None
) -> float:
    """Median seconds to an answer, whatever its status, one request after the other.

    Fails where fewer than half of them were answered within `timeout` seconds.
    """
    took = []
    with httpx.Client(timeout=timeout, trust_env=False) as client:
        for _ in range(requests):
            began = time.monotonic()
            try:
                client.get(url, headers=headers)
            except httpx.HTTPError:
                continue
            took.append(time.monotonic() - began)
    if len(took) * 2 < requests or not took:
        raise ActivityFailed(f"{len(took)} of {requests} requests were answered within {timeout:g} s")
    return statistics.median(took)


def failure_share(
    url: str,
    requests: int = 50,
    at_once: int = 5,
    timeout: float = 2.0,
    headers: dict[str, str] | None = None,
) -> float:
    """Share of requests without an answer or with a 5xx, 0 to 1."""
    if requests < 1:
        raise ActivityFailed("no requests, no share")

    with (
        httpx.Client(timeout=timeout, trust_env=False) as client,
        ThreadPoolExecutor(max_workers=at_once) as pool,
    ):

        def fails(_: int) -> bool:
            try:
                return client.get(url, headers=headers).status_code >= 500
            except httpx.HTTPError:
                return True

        return sum(pool.map(fails, range(requests))) / requests
