"""Addresses as Toxiproxy takes and gives them, and sockets that listen there."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import Final

_ANY: Final = ""


class AddressError(Exception):
    """An address that cannot be used, in the words of Toxiproxy."""


def split(address: str) -> tuple[str, int]:
    """`host:port`, `[::1]:port`, `:port` as host and port."""
    host, colon, port = address.rpartition(":")
    if not colon:
        raise AddressError(f"address {address}: missing port in address")
    if ":" in host and not (host.startswith("[") and host.endswith("]")):
        raise AddressError(f"address {address}: too many colons in address")
    try:
        number = int(port or "0")
    except ValueError:
        raise AddressError(f"lookup tcp/{port}: unknown port") from None
    if not 0 <= number <= 65535:
        raise AddressError(f"address {port}: invalid port")
    return host.strip("[]"), number


async def resolve(address: str) -> str:
    """The address with a number for its host; unchanged where it has none."""
    host, port = split(address)
    if not host:
        return address
    return join(*await _numeric(host, port))


async def listen(address: str) -> socket.socket:
    """A socket that listens there; port 0 takes a free one."""
    try:
        host, port = split(address) if address else (_ANY, 0)
        if host:
            where = await _numeric(host, port)
            family = socket.AF_INET6 if ":" in where[0] else socket.AF_INET
            return socket.create_server(where, family=family, backlog=1024)
        if socket.has_dualstack_ipv6():
            return socket.create_server(
                (_ANY, port), family=socket.AF_INET6, dualstack_ipv6=True, backlog=1024
            )
        return socket.create_server((_ANY, port), backlog=1024)
    except AddressError as error:
        raise AddressError(f"listen tcp: {error}") from None
    except OSError as error:
        reason = os.strerror(error.errno).lower() if error.errno else str(error)
        raise AddressError(f"listen tcp {address}: bind: {reason}") from None


def of(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return join(host, port)


def join(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def _numeric(host: str, port: int) -> tuple[str, int]:
    """IPv4 first, as most servers of a name listen there."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise AddressError(f"lookup {host}: no such host") from None
    found.sort(key=lambda each: each[0] != socket.AF_INET)
    return str(found[0][4][0]), int(found[0][4][1])
