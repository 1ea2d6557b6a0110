"""Lets packets wait: `python -m sretool.chaos.actions.packet_queue NUMBER --delay SECONDS`.

A helper (see `sretool.chaos.actions.helper`) that takes the packets which a rule puts into queue NUMBER of
the kernel (nfnetlink_queue) and gives each back, unchanged and in order, after its delay. The packets stay in
the kernel; only their numbers come here. When this program is gone, the kernel lets them pass, because the
rule says so (`bypass`), and because the queue is told to fail open.
"""

from __future__ import annotations

import argparse
import errno
import os
import select
import socket
import struct
import sys
import time
from collections import deque
from typing import TYPE_CHECKING, Final

from sretool.chaos.actions.helper import told_to_begin

if TYPE_CHECKING:
    from collections.abc import Iterator

_NETLINK_NETFILTER: Final = 12
_QUEUE: Final = 3 << 8
"""Subsystem of messages about queues."""
_PACKET, _VERDICT_BATCH, _CONFIG = _QUEUE | 0, _QUEUE | 3, _QUEUE | 2
_ERROR: Final = 2
_REQUEST, _ACK = 1, 4
_CFG_CMD, _CFG_PARAMS, _CFG_MAXLEN, _CFG_MASK, _CFG_FLAGS = 1, 2, 3, 4, 5
_BIND: Final = 1
_COPY_META: Final = 1
_FAIL_OPEN, _GSO = 1, 4
_PACKET_HEADER, _VERDICT_HEADER = 1, 2
_ACCEPT: Final = 1
_LONGEST: Final = 100_000
"""Packets that may wait at once."""
_BUFFER: Final = 8 * 1024 * 1024


def attribute(kind: int, data: bytes) -> bytes:
    """Length, type, data, padding to four bytes."""
    return struct.pack("=HH", 4 + len(data), kind) + data + b"\0" * (-len(data) % 4)


def message(kind: int, queue: int, *attributes: bytes, flags: int = _REQUEST, sequence: int = 0) -> bytes:
    """One message of nfnetlink about a queue."""
    body = struct.pack("=BB", 0, 0) + struct.pack(">H", queue) + b"".join(attributes)
    return struct.pack("=IHHII", 16 + len(body), kind, flags, sequence, 0) + body


def packets(data: bytes) -> Iterator[int]:
    """Numbers of the packets that a read of the socket tells of."""
    place = 0
    while place + 16 <= len(data):
        length, kind = struct.unpack_from("=IH", data, place)
        if length < 16:
            return
        if kind == _PACKET:
            yield from _packet_id(data[place + 20 : place + length])
        place += (length + 3) & ~3


def _packet_id(attributes: bytes) -> Iterator[int]:
    place = 0
    while place + 4 <= len(attributes):
        length, kind = struct.unpack_from("=HH", attributes, place)
        if length < 4:
            return
        if kind & 0x3FFF == _PACKET_HEADER:
            yield struct.unpack_from(">I", attributes, place + 4)[0]
            return
        place += (length + 3) & ~3


class Queue:
    """One queue of the kernel's, bound to this process."""

    def __init__(self, number: int) -> None:
        """OSError where it cannot be bound."""
        self._number = number
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        self._socket.bind((0, 0))
        flags = struct.pack(">I", _FAIL_OPEN | _GSO)
        for attributes in (
            [attribute(_CFG_CMD, struct.pack(">BBH", _BIND, 0, 0))],
            [
                attribute(_CFG_PARAMS, struct.pack(">IB", 0, _COPY_META)),
                attribute(_CFG_MAXLEN, struct.pack(">I", _LONGEST)),
                attribute(_CFG_FLAGS, flags),
                attribute(_CFG_MASK, flags),
            ],
        ):
            self._configure(attributes)

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def arrived(self) -> list[int]:
        """Numbers of the packets that came since, oldest first."""
        try:
            return list(packets(self._socket.recv(1 << 20)))
        except OSError as error:
            if error.errno == errno.ENOBUFS:
                return []  # More came than fits; those passed at once.
            raise

    def pass_until(self, number: int) -> None:
        """Let every packet up to this one go on."""
        verdict = attribute(_VERDICT_HEADER, struct.pack(">II", _ACCEPT, number))
        self._socket.send(message(_VERDICT_BATCH, self._number, verdict))

    def _configure(self, attributes: list[bytes]) -> None:
        self._socket.send(message(_CONFIG, self._number, *attributes, flags=_REQUEST | _ACK))
        reply = self._socket.recv(65536)
        kind = struct.unpack_from("=H", reply, 4)[0]
        code = -struct.unpack_from("=i", reply, 16)[0] if kind == _ERROR else errno.EPROTO
        if code:
            raise OSError(code, os.strerror(code))


def hold(queue: Queue, delay: float) -> None:
    """Let each packet wait for `delay` seconds, until standard input ends."""
    waiting: deque[tuple[float, int]] = deque()
    while True:
        now = time.monotonic()
        last = None
        while waiting and waiting[0][0] <= now:
            last = waiting.popleft()[1]
        if last is not None:
            queue.pass_until(last)
        wait = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        readable, _, _ = select.select([0, queue.fileno()], [], [], wait)
        if queue.fileno() in readable:
            due = time.monotonic() + delay
            waiting.extend((due, number) for number in queue.arrived())
        if 0 in readable and not os.read(0, 64):
            break
    if waiting:
        queue.pass_until(waiting[-1][1])


def main() -> int:
    parser = argparse.ArgumentParser(prog="packet_queue")
    parser.add_argument("number", type=int)
    parser.add_argument("--delay", type=float, required=True, help="seconds")
    given = parser.parse_args()
    if not told_to_begin():
        return 0
    try:
        queue = Queue(given.number)
    except OSError as error:
        print(f"! queue {given.number} cannot be had: {error.strerror}", flush=True)
        return 1
    print("in", flush=True)
    hold(queue, given.delay)
    queue.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
