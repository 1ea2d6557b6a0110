"""The block format, read back by a decoder written from the format's description."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sretool.adapters.lab.blocks import crc32c, crc32c_many, write_block, xor_chunks

if TYPE_CHECKING:
    from pathlib import Path

LABELS = (("__name__", "events_total"), ("job", "shop"))


class Bits:
    def __init__(self, data: bytes) -> None:
        self._text = "".join(f"{byte:08b}" for byte in data)
        self._at = 0

    def take(self, count: int) -> int:
        self._at += count
        return int(self._text[self._at - count : self._at] or "0", 2)

    def ones(self, most: int) -> int:
        """How many 1 bits come before a 0, at most `most`."""
        count = 0
        while count < most and self.take(1):
            count += 1
        return count

    def uvarint(self) -> int:
        number = shift = 0
        while True:
            byte = self.take(8)
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return number


def decoded(chunk: bytes) -> list[tuple[int, float]]:
    """Samples of one XOR chunk."""
    assert chunk[0] == 1
    (count,) = struct.unpack(">H", chunk[1:3])
    bits = Bits(chunk[3:])
    samples: list[tuple[int, float]] = []
    time = delta = value = leading = width = 0
    for number in range(count):
        if number == 0:
            zigzag = bits.uvarint()
            time, value = zigzag >> 1, bits.take(64)
        else:
            if number == 1:
                delta = bits.uvarint()
            else:
                size = (0, 14, 17, 20, 64)[bits.ones(4)]
                change = bits.take(size)
                delta += change - (1 << size) if size and change > 1 << (size - 1) else change
            time += delta
            if bits.take(1):
                if bits.take(1):
                    leading, width = bits.take(5), bits.take(6) or 64
                value ^= bits.take(width) << (64 - leading - width)
        samples.append((time, struct.unpack(">d", value.to_bytes(8, "big"))[0]))
    return samples


def samples_of(times: list[int], values: list[float]) -> list[tuple[int, float]]:
    chunks = xor_chunks(np.array(times, dtype=np.int64), np.array(values, dtype=np.float64))
    return [sample for chunk in chunks for sample in decoded(chunk)]


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.floats(allow_nan=False, width=64), min_size=1, max_size=260),
    start=st.integers(1, 2**42),
    data=st.data(),
)
def test_a_chunk_holds_exactly_what_was_put_in(values: list[float], start: int, data: st.DataObject) -> None:
    steps = data.draw(st.lists(st.integers(1, 500_000), min_size=len(values), max_size=len(values)))
    times = (start + np.cumsum(steps)).tolist()
    assert samples_of(times, values) == list(zip(times, values, strict=True))


def test_a_chunk_has_120_samples() -> None:
    times = np.arange(1, 242, dtype=np.int64) * 60_000
    chunks = xor_chunks(times, np.zeros(len(times)))
    assert [len(decoded(chunk)) for chunk in chunks] == [120, 120, 1]


def test_a_counter_that_stands_still_takes_two_bits_a_sample() -> None:
    times = np.arange(1, 121, dtype=np.int64) * 60_000 + 1_700_000_000_000
    (chunk,) = xor_chunks(times, np.full(120, 17.0))
    assert len(chunk) < 55


def test_a_hole_too_wide_for_the_format_is_refused() -> None:
    with pytest.raises(ValueError, match="uneven"):
        xor_chunks(np.array([1, 2, 3_000_000], dtype=np.int64), np.zeros(3))


def slow_crc32c(body: bytes) -> int:
    state = 0xFFFFFFFF
    for byte in body:
        state ^= byte
        for _ in range(8):
            state = state >> 1 ^ 0x82F63B78 * (state & 1)
    return state ^ 0xFFFFFFFF


def test_checksums_are_castagnolis() -> None:
    assert crc32c(b"123456789") == 0xE3069283


@settings(max_examples=30, deadline=None)
@given(bodies=st.lists(st.binary(min_size=4, max_size=300), min_size=1, max_size=5))
def test_checksums_of_many_are_those_of_each(bodies: list[bytes]) -> None:
    assert crc32c_many(bodies) == [slow_crc32c(body) for body in bodies]


@pytest.mark.parametrize("size", [0, 1, 3, 4095, 4096, 4097, 4099, 9000])
def test_checksum_of_any_length(size: int) -> None:
    body = bytes(number % 251 for number in range(size))
    assert crc32c(body) == slow_crc32c(body)


def test_a_block_says_what_it_holds(tmp_path: Path) -> None:
    times = np.array([60_000, 120_000], dtype=np.int64)
    stats = write_block(tmp_path, [(LABELS, times, np.array([0.0, 4.0]))], lambda: {"mark": b"x"})
    (folder,) = tmp_path.iterdir()
    assert folder.name == stats.ulid
    assert len(stats.ulid) == 26
    meta = json.loads((folder / "meta.json").read_text())
    assert (meta["minTime"], meta["maxTime"]) == (60_000, 120_001)
    assert meta["stats"] == {"numSamples": 2, "numSeries": 1, "numChunks": 1}
    assert (folder / "mark").read_bytes() == b"x"


def test_a_block_without_samples_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one sample"):
        write_block(tmp_path, [])
    assert list(tmp_path.iterdir()) == []
