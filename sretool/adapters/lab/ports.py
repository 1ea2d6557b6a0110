"""Free ports for a lab, and the same ones again when they are still free."""

from __future__ import annotations

import socket
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

from sretool.core.plans.lab_config import LOCALHOST
from sretool.errors import PortTaken

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

LOWEST = 20_000
BLOCK = 32
"""Ports that a lab has room for before the next one's begin."""


def choose(
    names: Sequence[str], *, recorded: Mapping[str, int], reserved: Collection[int], seed: str
) -> dict[str, int]:
    """A free port for every name: the recorded one where it still is free.

    New ones come from below the range the kernel takes for outgoing connections, so that nothing
    slips into the place of a program that is restarting; `seed` decides where the search begins, so that
    labs that don't know of each other rarely meet. PortTaken where there aren't enough.
    """
    chosen: dict[str, int] = {}
    for name in names:
        port = recorded.get(name)
        if port is not None and port not in reserved and is_free(port):
            chosen[name] = port
    candidates = _candidates(seed)
    taken = set(reserved) | set(chosen.values())
    for name in names:
        if name in chosen:
            continue
        port = next((port for port in candidates if port not in taken and is_free(port)), None)
        if port is None:
            raise PortTaken(
                f"no free port is left on {LOCALHOST} for {name}",
                remedy="`sretool lab down` labs that are not needed",
            )
        chosen[name] = port
        taken.add(port)
    return chosen


def _candidates(seed: str) -> Iterator[int]:
    span = _highest() - LOWEST
    start = zlib.crc32(seed.encode()) % (span // BLOCK) * BLOCK
    return (LOWEST + (start + step) % span for step in range(span))


def _highest() -> int:
    try:
        ephemeral = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    except (OSError, ValueError):
        ephemeral = 32_768
    return ephemeral if ephemeral > LOWEST + 1000 else 32_768


def is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # Connections of a server that just ended must not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOCALHOST, port))
        except OSError:
            return False
    return True


def listener(port: int) -> str:
    """Who listens there, as far as we may see: "prometheus (pid 123)", or "another program"."""
    inodes = _listening_inodes(port)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and _holds(entry, inodes):
            try:
                return f"{(entry / 'comm').read_text().strip()} (pid {entry.name})"
            except OSError:
                continue
    return "another program"


def _listening_inodes(port: int) -> set[str]:
    inodes = set()
    for table in ("tcp", "tcp6"):
        try:
            rows = Path("/proc/net", table).read_text().splitlines()[1:]
        except OSError:
            continue
        for row in rows:
            fields = row.split()
            if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                inodes.add(fields[9])
    return inodes


def _holds(process: Path, inodes: set[str]) -> bool:
    wanted = {f"socket:[{inode}]" for inode in inodes}
    try:
        return any(str(link.readlink()) in wanted for link in (process / "fd").iterdir())
    except OSError:
        return False
