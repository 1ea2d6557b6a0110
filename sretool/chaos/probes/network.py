"""Whether something answers at all on a network address: connections that hang, told from those that fail."""

from __future__ import annotations

import socket
import time
from typing import Final
from urllib.parse import urlsplit

from chaoslib.exceptions import ActivityFailed

from sretool.chaos import sources

_QUESTIONS: Final = {
    "redis": b"PING\r\n",
    "http": b"GET / HTTP/1.0\r\n\r\n",
    "postgresql": b"\x00\x00\x00\x08\x04\xd2\x16/",
}
"""Of each protocol something that a well server answers at once (PostgreSQL: whether it speaks TLS)."""


def hanging(
    address: str = "",
    protocol: str = "redis",
    proxy: str = "",
    tries: int = 3,
    timeout: float = 1.0,
    lab: str = "",
) -> float:
    """Share of `tries` in which a connection was made and nothing came back for `timeout` seconds, 0 to 1.

    `address`: `HOST:PORT`, or `proxy` of the lab's Toxiproxy: the way that its service takes. `protocol`:
    redis, http or postgresql. A connection that is refused or broken off does not hang.
    """
    if protocol not in _QUESTIONS:
        raise ActivityFailed(f"protocol {protocol!r} is not known; say {', '.join(_QUESTIONS)}")
    place = urlsplit(f"//{address or _listen(proxy, lab)}")
    if place.hostname is None or place.port is None:
        raise ActivityFailed(f"{address!r} is not HOST:PORT")
    hung = sum(_hangs(place.hostname, place.port, _QUESTIONS[protocol], timeout) for _ in range(tries))
    return hung / tries


def _listen(proxy: str, lab: str) -> str:
    found = sources.lab(lab)
    if not proxy or "toxiproxy" not in found.endpoints:
        raise ActivityFailed("give an `address`, or a `proxy` of a lab that has a Toxiproxy")
    return str(sources.get(f"{found.endpoints['toxiproxy']}/proxies/{proxy}")["listen"])


def _hangs(host: str, port: int, question: bytes, timeout: float) -> bool:
    until = time.monotonic() + timeout
    try:
        with socket.create_connection((host, port), timeout) as connection:
            connection.settimeout(max(until - time.monotonic(), 0.01))
            connection.sendall(question)
            connection.recv(1)
    except TimeoutError:
        return True
    except OSError:
        return False
    return False
