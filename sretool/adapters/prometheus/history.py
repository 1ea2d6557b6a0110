"""Long ranges of recorded history as arrays, through prometheus-api-client.

It is synchronous and stands on requests, so only commands that look at weeks of the past use it; what is
asked every few seconds goes through `source`.
"""

from __future__ import annotations

import ast
import ipaddress
import re
from datetime import timedelta
from itertools import chain
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import numpy as np
import requests
from prometheus_api_client import PrometheusConnect
from prometheus_api_client.exceptions import PrometheusApiClientException
from urllib3.util.retry import Retry

from sretool.adapters.prometheus import protocol
from sretool.core.analysis.recording import Points
from sretool.errors import (
    SourceError,
    SourceRefused,
    SourceReplyInvalid,
    SourceTimeout,
    SourceTooMuch,
    SourceUnreachable,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sretool.ports import Endpoint

DEADLINE: Final = timedelta(minutes=2)
"""As long as Prometheus itself works on a query."""

_CONNECT_SECONDS: Final = 5.0
_SHOWN_OF_TEXT: Final = 200
_FAILED: Final = re.compile(r"HTTP Status Code (\d+) \((.*)\)", re.DOTALL)
_TOO_MUCH: Final = ("too many samples", "exceeded maximum resolution", "timed out", "too many points")
"""What servers say when a shorter range would be answered."""


class PrometheusHistory:
    """Asks one server for ranges; every method raises a `SourceError` and nothing else."""

    def __init__(self, endpoint: Endpoint, *, deadline: timedelta = DEADLINE) -> None:
        self.where = f"Prometheus at {endpoint.url}"
        self._deadline = deadline
        self._session = _session(endpoint)
        headers = dict(endpoint.headers)
        if _is_loopback(urlsplit(endpoint.url).hostname or ""):
            # Compressing takes Prometheus four times as long as the answer itself.
            headers["Accept-Encoding"] = "identity"
        if endpoint.token is not None:
            headers["Authorization"] = f"Bearer {endpoint.token}"
        self._client = PrometheusConnect(
            url=endpoint.url,
            headers=headers,
            auth=endpoint.basic,
            session=self._session,
            retry=Retry(0, read=False),
            timeout=(_CONNECT_SECONDS, deadline.total_seconds()),
        )

    def range(self, query: str, start: datetime, end: datetime, step: timedelta) -> Sequence[Points]:
        """Every series of the answer; SourceTooMuch where a shorter range may be answered."""
        seconds = self._deadline.total_seconds()
        try:
            result = self._client.custom_query_range(
                query,
                start_time=start,
                end_time=end,
                step=f"{step.total_seconds():g}",
                params={"timeout": f"{seconds:g}s"},
            )
            return [_points(item) for item in result]
        except requests.exceptions.Timeout as error:
            if isinstance(error, requests.exceptions.ConnectTimeout):
                raise SourceTimeout(f"{self.where} cannot be reached in {_CONNECT_SECONDS:g} s") from error
            raise SourceTooMuch(f"{self.where} gave no answer in {seconds:g} s") from error
        except PrometheusApiClientException as error:
            raise self._refused(str(error)) from error
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            # A body that is not JSON is a ValueError of requests, too.
            raise SourceReplyInvalid(
                f"{self.where} sent an answer that is not Prometheus's",
                remedy="check that the address is Prometheus's API and not a login or proxy page",
            ) from error
        except (requests.exceptions.RequestException, OSError) as error:
            raise SourceUnreachable(
                f"{self.where} cannot be reached: {_reason(error)}",
                remedy="check that it runs and that the address is right",
            ) from error

    def close(self) -> None:
        self._session.close()

    def _refused(self, text: str) -> SourceError:
        """The client knows failures as text only: status and body stand in it."""
        found = _FAILED.search(text)
        status, body = (int(found[1]), _bytes(found[2])) if found else (0, text.encode())
        said = " ".join((protocol.error_text(body) or body.decode("utf-8", "replace")).split())
        message = f"{self.where} answered HTTP {status}: {said[:_SHOWN_OF_TEXT]}".removesuffix(": ")
        if status in (400, 422, 503) and any(sign in said for sign in _TOO_MUCH):
            return SourceTooMuch(message)
        remedy = "check the token, user or client certificate" if status in (401, 403) else None
        return SourceRefused(message, remedy=remedy)


def _session(endpoint: Endpoint) -> requests.Session:
    session = requests.Session()
    session.verify = endpoint.ca_file or True
    if endpoint.client_cert is not None:
        certificate, key = endpoint.client_cert
        session.cert = (certificate, key) if key is not None else certificate
    # Without a user of our own requests would look for one in ~/.netrc, and replace the token by it.
    session.auth = _as_it_is
    session.trust_env = not _is_loopback(urlsplit(endpoint.url).hostname or "")
    return session


def _as_it_is(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _is_loopback(host: str) -> bool:
    """Whether a proxy of the environment must be left out: it cannot reach our own machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _points(item: dict[str, Any]) -> Points:
    values = item.get("values") or []
    flat = list(chain.from_iterable(values))
    if len(flat) != 2 * len(values):
        raise ValueError("a point is not a time and a value")
    return Points(
        item["metric"],
        np.fromiter(map(round, flat[::2]), dtype=np.int64, count=len(values)),
        np.fromiter(map(float, flat[1::2]), dtype=np.float64, count=len(values)),
    )


def _bytes(literal: str) -> bytes:
    """A body as the client quotes it: `b'…'`."""
    try:
        value = ast.literal_eval(literal)
    except (ValueError, SyntaxError):
        value = literal
    return value if isinstance(value, bytes) else str(value).encode()


def _reason(error: Exception) -> str:
    """The innermost cause, without the object addresses that requests puts around it."""
    text = str(getattr(error.args[0], "reason", error) if error.args else error)
    inner = text.rpartition(": ")[2] if "object at 0x" in text else text
    return " ".join(inner.split())[:_SHOWN_OF_TEXT] or type(error).__name__
