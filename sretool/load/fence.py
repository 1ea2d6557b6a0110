"""Connections go to the targets of the test and nowhere else, whatever client a locustfile uses."""

from __future__ import annotations

import ipaddress
import socket as stdlib_socket
from typing import TYPE_CHECKING, Any, Final

import gevent.socket

from sretool.load.client import ForbiddenHost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Fence:
    """Around all sockets of Python in this process, from `close` on."""

    def __init__(self, hosts: Iterable[str]) -> None:
        self._names = {host.lower() for host in hosts}
        self._addresses: set[str] = set()

    def close(self) -> None:
        kind = gevent.socket.socket
        kind.connect = self._checked(kind.connect)
        kind.connect_ex = self._checked(kind.connect_ex)
        # Addresses a name stands for may change from one answer to the next.
        modules: tuple[Any, ...] = (stdlib_socket, gevent.socket)
        for module in modules:
            module.getaddrinfo = self._watched(module.getaddrinfo)

    def allows(self, address: str) -> bool:
        if _plain(address) in self._addresses or address.lower() in self._names:
            return True
        self._resolve()
        return _plain(address) in self._addresses

    def _resolve(self) -> None:
        for name in self._names:
            try:
                self._remember(_getaddrinfo(name, None))
            except OSError:
                continue

    def _remember(self, found: Iterable[tuple[Any, ...]]) -> None:
        self._addresses.update(_plain(str(each[4][0])) for each in found)

    def _watched(self, getaddrinfo: Callable[..., Any]) -> Callable[..., Any]:
        def watched(host: Any, *arguments: Any, **options: Any) -> Any:
            found = getaddrinfo(host, *arguments, **options)
            if isinstance(host, str) and host.lower() in self._names:
                self._remember(found)
            return found

        return watched

    def _checked(self, connect: Callable[..., Any]) -> Callable[..., Any]:
        def checked(sock: Any, address: Any) -> Any:
            internet = sock.family in (stdlib_socket.AF_INET, stdlib_socket.AF_INET6)
            if internet and sock.type & stdlib_socket.SOCK_STREAM and not self.allows(str(address[0])):
                raise ForbiddenHost(f"{address[0]} is no target of this test")
            return connect(sock, address)

        return checked


_getaddrinfo: Final = gevent.socket.getaddrinfo


def _plain(address: str) -> str:
    """An address as it is compared: IPv4 in IPv6 is IPv4."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address.lower()
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(found)
