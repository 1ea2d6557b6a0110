"""Whether an address answers, how fast, and how often it fails.

`url` may be `lab:ENDPOINT/path`: an address of the lab, `lab:app/ready`.
"""

from __future__ import annotations

import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
from chaoslib.exceptions import ActivityFailed

from sretool.chaos import sources


def answers(
    url: str | list[str],
    status: int = 200,
    within: float = 1.0,
    wait: float = 0.0,
    method: str = "GET",
    headers: dict[str, str] | None = None,
    lab: str = "",
    sure: bool = False,
) -> bool:
    """Whether `url` answers with `status` within so many seconds. No answer is an answer: False.

    Give the addresses of all replicas where each of them has to: through a load balancer another one answers
    every time, and one that is well says nothing of the others. `wait`: seconds that it may take until it is
    so. `sure`: fail instead of giving False, so that no run passes without it.
    """
    urls = [url] if isinstance(url, str) else url
    if not urls:
        raise ActivityFailed("no address is given")
    places = [address(each, lab) for each in urls]

    def does(place: str) -> bool:
        try:
            with httpx.Client(timeout=within, trust_env=False) as client:
                began = time.monotonic()
                reply = client.request(method, place, headers=headers)
                return reply.status_code == status and time.monotonic() - began <= within
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise ActivityFailed(f"{place!r} is not the address of a web server") from error
        except httpx.HTTPError:
            return False

    problem = f"{', '.join(urls)} did not answer with {status} within {wait:.0f} s"
    return sources.sure_of(sources.wait_until(lambda: all(map(does, places)), wait), sure, problem)


def seconds_to_answer(
    url: str,
    requests: int = 5,
    timeout: float = 5.0,
    headers: dict[str, str] | None = None,
    lab: str = "",
) -> float:
    """Median seconds to an answer, whatever its status, one request after the other.

    Fails where fewer than half of them were answered within `timeout` seconds.
    """
    place, took = address(url, lab), []
    with httpx.Client(timeout=timeout, trust_env=False) as client:
        for _ in range(requests):
            began = time.monotonic()
            try:
                client.get(place, headers=headers)
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
    lab: str = "",
) -> float:
    """Share of requests without an answer or with a 5xx, 0 to 1."""
    if requests < 1:
        raise ActivityFailed("no requests, no share")
    place = address(url, lab)

    with (
        httpx.Client(timeout=timeout, trust_env=False) as client,
        ThreadPoolExecutor(max_workers=at_once) as pool,
    ):

        def fails(_: int) -> bool:
            try:
                return client.get(place, headers=headers).status_code >= 500
            except httpx.HTTPError:
                return True

        return sum(pool.map(fails, range(requests))) / requests


def address(url: str, lab: str) -> str:
    """`url` itself, or what `lab:ENDPOINT/path` means."""
    if not url.startswith("lab:"):
        return url
    name, _, path = url.removeprefix("lab:").partition("/")
    endpoints = sources.lab(lab).endpoints
    if name not in endpoints:
        raise ActivityFailed(f"the lab has no endpoint {name!r}; it has {', '.join(sorted(endpoints))}")
    return f"{endpoints[name]}/{path}"
