"""What toxics there are, with their attributes, as Toxiproxy 2.x has them."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import msgspec


class Stream(StrEnum):
    UPSTREAM = "upstream"
    """What the client sends to the server."""
    DOWNSTREAM = "downstream"
    """What the server sends to the client."""


class Noop(msgspec.Struct):
    """Passes everything on."""


class Latency(msgspec.Struct):
    """Everything is delivered later."""

    latency: int = 0
    """Milliseconds."""
    jitter: int = 0
    """Milliseconds by which each delay differs at most from `latency`, to either side."""


class Bandwidth(msgspec.Struct):
    """So much gets through in a second."""

    rate: int = 0
    """Thousands of bytes per second; 0 lets nothing through."""


class SlowClose(msgspec.Struct):
    """The end of the stream is delivered later."""

    delay: int = 0
    """Milliseconds."""


class Timeout(msgspec.Struct):
    """Nothing gets through, and the connection is closed when nothing came for so long."""

    timeout: int = 0
    """Milliseconds; 0 never closes it."""


class ResetPeer(msgspec.Struct):
    """The connection is reset instead of its first data being delivered."""

    timeout: int = 0
    """Milliseconds after the data came."""


class Slicer(msgspec.Struct):
    """Data arrives in small pieces."""

    average_size: int = 0
    """Bytes of a piece."""
    size_variation: int = 0
    """Bytes by which a piece differs at most from that."""
    delay: int = 0
    """Microseconds after each piece."""


class LimitData(msgspec.Struct):
    """The connection is closed when so much got through."""

    bytes: int = 0


Attributes = Noop | Latency | Bandwidth | SlowClose | Timeout | ResetPeer | Slicer | LimitData

TYPES: Final[dict[str, type[Attributes]]] = {
    "noop": Noop,
    "latency": Latency,
    "bandwidth": Bandwidth,
    "slow_close": SlowClose,
    "timeout": Timeout,
    "reset_peer": ResetPeer,
    "slicer": Slicer,
    "limit_data": LimitData,
}


@dataclass(slots=True)
class Toxic:
    """One toxic of one proxy; all connections share it."""

    name: str
    type: str
    stream: Stream
    toxicity: float
    """Share of connections it is applied to, 0–1."""
    attributes: Attributes

    def document(self) -> dict[str, Any]:
        """As the API gives it."""
        # Toxiproxy keeps a 32-bit number, and writes a whole one without a point.
        toxicity = struct.unpack("f", struct.pack("f", self.toxicity))[0]
        shortest = float(f"{toxicity:.7g}")
        return {
            "attributes": msgspec.to_builtins(self.attributes),
            "name": self.name,
            "type": self.type,
            "stream": self.stream.value,
            "toxicity": int(shortest) if shortest.is_integer() else shortest,
        }
