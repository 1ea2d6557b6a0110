"""Whom probes ask: Prometheus, Alertmanager and a catalog, as an experiment names them or as a lab has them.

An address given as an argument comes first, then that of a lab that is named, then `SRETOOL_PROMETHEUS_URL`
and `SRETOOL_ALERTMANAGER_URL`, then the only lab that runs. What cannot be asked or has no answer is
`ActivityFailed`: never a value.
"""

from __future__ import annotations

import math
import os
import ssl
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx
from chaoslib.exceptions import ActivityFailed

from sretool.adapters.lab import record
from sretool.chaos import lab as labs
from sretool.errors import ChaosError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

PATIENCE: Final = 5.0
"""Seconds for one question."""
PAUSE: Final = 0.25
"""Seconds between two questions of a probe that waits."""

Secrets = dict[str, Any] | None
"""`token` (sent as `Authorization: Bearer …`), or `user` and `password`; without it those of the environment
that go with the address there (`SRETOOL_PROMETHEUS_TOKEN`, `…_USERNAME`, `…_PASSWORD`, `…_CA_FILE`)."""


def lab(name: str) -> labs.Lab:
    """The running lab; ActivityFailed where there is none."""
    with told():
        return labs.find(name)


@contextmanager
def told() -> Iterator[None]:
    """ActivityFailed for what a lab does not have, in its own words."""
    try:
        yield
    except ChaosError as error:
        raise ActivityFailed(error.message) from error


def prometheus(given: str, lab_name: str) -> str:
    return _address(given, "SRETOOL_PROMETHEUS_URL", "prometheus", lab_name)


def alertmanager(given: str, lab_name: str) -> str:
    return _address(given, "SRETOOL_ALERTMANAGER_URL", "alertmanager", lab_name)


def catalog(given: str, lab_name: str) -> Path:
    """Folder or file of objectives."""
    named = given or (os.environ.get("SRETOOL_CATALOG", "") if not lab_name else "")
    if named:
        return Path(named)
    found = record.load(lab(lab_name).name)
    if found is None:
        raise ActivityFailed("no catalog is named and there is no lab")
    return Path(found.catalog)


def _address(given: str, variable: str, endpoint: str, lab_name: str) -> str:
    # A lab that is named is meant, whatever the environment says.
    named = given or (os.environ.get(variable, "") if not lab_name else "")
    if named:
        return named.rstrip("/")
    found = lab(lab_name).endpoints.get(endpoint)
    if found is None:
        raise ActivityFailed(f"the lab has no {endpoint}")
    return found


def get(url: str, parameters: Mapping[str, str] | None = None, secrets: Secrets = None) -> Any:
    """The JSON that a GET of `url` gives; ActivityFailed where it gives none."""
    headers, auth, authorities = _identity(url, secrets)
    try:
        with httpx.Client(timeout=PATIENCE, trust_env=False, verify=authorities) as client:
            reply = client.get(url, params=dict(parameters or {}), headers=headers, auth=auth)
        if reply.status_code >= 400:
            raise ActivityFailed(f"{_bare(url)} answers {reply.status_code}: {_reason(reply)}")
        return reply.json()
    except httpx.HTTPError as error:
        raise ActivityFailed(
            f"{_bare(url)} gave no answer within {PATIENCE:.0f} s: {type(error).__name__}"
        ) from error
    except ValueError as error:
        raise ActivityFailed(f"{_bare(url)} answers something that is no JSON") from error


def _identity(
    url: str, secrets: Secrets
) -> tuple[dict[str, str], httpx.BasicAuth | None, ssl.SSLContext | bool]:
    """Headers, user with password, and whom to trust."""
    told = dict(secrets or {})
    authorities = ""
    for kind in ("PROMETHEUS", "ALERTMANAGER"):
        place = os.environ.get(f"SRETOOL_{kind}_URL", "")
        if place and url.startswith(place):
            names = {"token": "TOKEN", "user": "USERNAME", "password": "PASSWORD"}
            ours = {key: os.environ.get(f"SRETOOL_{kind}_{name}") for key, name in names.items()}
            told = {key: value for key, value in ours.items() if value} | told
            authorities = os.environ.get(f"SRETOOL_{kind}_CA_FILE", "")
    headers = {"Authorization": f"Bearer {told['token']}"} if told.get("token") else {}
    user = str(told.get("user") or "")
    auth = httpx.BasicAuth(user, str(told.get("password") or "")) if user and not headers else None
    try:
        trusted = ssl.create_default_context(cafile=authorities) if authorities else True
    except OSError as error:
        raise ActivityFailed(f"{authorities} holds no certificates: {error}") from error
    return headers, auth, trusted


def sure_of(answer: bool, sure: bool, otherwise: str) -> bool:
    """`answer`; where it is False and `sure` is asked, ActivityFailed."""
    if sure and not answer:
        raise ActivityFailed(otherwise)
    return answer


def number(value: object, what: str) -> float:
    """A figure that means something; ActivityFailed for NaN, infinity and what is no number."""
    try:
        found = float(str(value))
    except ValueError:
        raise ActivityFailed(f"{what} is {value!r}, no number") from None
    if not math.isfinite(found):
        raise ActivityFailed(f"{what} is {value}: there is no data")
    return found


def wait_until(ask: Callable[[], bool], within: float) -> bool:
    """Whether it came true in time; what could not be asked at the very end is raised."""
    until = time.monotonic() + within
    while True:
        problem: ActivityFailed | None = None
        try:
            if ask():
                return True
        except ActivityFailed as error:
            problem = error
        if time.monotonic() >= until:
            if problem is not None:
                raise problem
            return False
        time.sleep(min(PAUSE, max(until - time.monotonic(), 0)))


def _bare(url: str) -> str:
    """Without what may be a password."""
    parts = httpx.URL(url)
    return f"{parts.scheme}://{parts.host}{f':{parts.port}' if parts.port else ''}{parts.path}"


def _reason(reply: httpx.Response) -> str:
    try:
        said = reply.json()
    except ValueError:
        said = None
    text = said.get("error") if isinstance(said, dict) else None
    return str(text or reply.text or reply.reason_phrase)[:200]
