"""Whether a target can be reached at all: its name, its port, its certificate."""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import socket
import ssl
from typing import TYPE_CHECKING, Final

from sretool.errors import SourceTimeout, SourceUnreachable, UsageError

if TYPE_CHECKING:
    from sretool.core.plans.load.target import Target

_DEADLINE: Final = 5.0
"""Seconds for a connection, its TLS handshake included."""
_SPARE_FILES: Final = 200
"""Open files a generator needs beside its connections."""
_CROWDED: Final = 1.0
"""Load of the machine per core from which on there is nothing left for a generator."""

_OTHER_NAME: Final = (62, 64)
"""OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""


async def addresses(target: Target) -> tuple[str, ...]:
    """What its name stands for; SourceUnreachable where it stands for nothing."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(_DEADLINE):
            found = await loop.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except TimeoutError:
        raise SourceTimeout(f"the name {target.host} was not resolved within {_DEADLINE:g} s") from None
    except (socket.gaierror, UnicodeError) as error:
        why = error.strerror if isinstance(error, socket.gaierror) else str(error)
        raise SourceUnreachable(
            f"the name {target.host} cannot be resolved: {why}", remedy="check --target, and DNS"
        ) from None
    return tuple(dict.fromkeys(str(each[4][0]) for each in found))


async def connect(target: Target, *, ca_file: str = "", insecure: bool = False) -> None:
    """One connection, closed again; a SourceError says why there can be none."""
    context = _context(ca_file, insecure=insecure) if target.scheme == "https" else None
    where = f"{target.host}:{target.port}"
    try:
        async with asyncio.timeout(_DEADLINE):
            _, writer = await asyncio.open_connection(
                target.host, target.port, ssl=context, server_hostname=target.host if context else None
            )
    except TimeoutError:
        raise SourceTimeout(f"the target {where} did not answer within {_DEADLINE:g} s") from None
    except ssl.SSLCertVerificationError as error:
        raise SourceUnreachable(
            f"the certificate of {where} is not trusted: {error.verify_message.rstrip('.')}",
            remedy="give --target a name that the certificate is made out to, or --insecure"
            if error.verify_code in _OTHER_NAME
            else "give --ca-file FILE with its authority, or --insecure",
        ) from None
    except ssl.SSLError as error:
        raise SourceUnreachable(
            f"{where} does not speak TLS as we do: {error.reason or error}",
            remedy="check whether the target is http:// or https://",
        ) from None
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        raise SourceUnreachable(
            f"the target {where} cannot be reached: {why}", remedy="check that it runs, and its port"
        ) from None
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def _context(ca_file: str, *, insecure: bool) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca_file or None)
    except (OSError, ssl.SSLError) as error:
        raise UsageError(f"{ca_file} holds no certificates: {error.strerror or error}") from None
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def make_room(connections: int) -> None:
    """Let this process's children have so many connections; UsageError where the system's limit is lower."""
    wanted = connections + _SPARE_FILES
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise UsageError(
            f"{connections} users need {wanted} open files, and the limit is {hard}",
            remedy="raise it (`ulimit -Hn`), lower the number of users, or spread them over more machines",
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def crowded() -> str:
    """What to warn of where the machine has no core to spare; empty: it has."""
    cores = len(os.sched_getaffinity(0))
    load = os.getloadavg()[0]
    if load / cores < _CROWDED:
        return ""
    return f"this machine is busy already (load {load:.1f} on {cores} cores); the generator may not keep up"
