"""Writing Prometheus TSDB blocks from arrays.

Thirty days of a system's history are some thirty million samples. As OpenMetrics text that is four gigabytes,
which `promtool tsdb create-blocks-from` parses twice; written straight into the block format it takes seconds
and the memory of one series. The formats are Prometheus's own (tsdb/docs/format: index 2, chunks 1, XOR).
"""

from __future__ import annotations

import functools
import json
import shutil
import struct
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

Labels = tuple[tuple[str, str], ...]
"""Name and value pairs, sorted by name, `__name__` among them."""

CHUNK_SAMPLES = 120
_U64 = np.uint64
_CASTAGNOLI = 0x82F63B78
_ULID_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@dataclass(frozen=True, slots=True)
class BlockStats:
    """What one written block holds."""

    ulid: str
    series: int
    samples: int
    size: int
    """Bytes of all its files."""


@dataclass(frozen=True, slots=True)
class _SeriesChunks:
    labels: Labels
    first: NDArray[np.int64]
    """Time of each chunk's first sample, ms."""
    last: NDArray[np.int64]
    refs: NDArray[np.int64]
    """Where each chunk starts in the chunks file."""


def write_block(
    directory: Path,
    series: Iterable[tuple[Labels, NDArray[np.int64], NDArray[np.float64]]],
    extra: Callable[[], dict[str, bytes]] = dict,
) -> BlockStats:
    """Write (labels, times in ms, values) as one block, whose folder appears whole or not at all.

    Times rise within a series; the series come in any order. `extra` is called when all are written and gives
    further small files for the folder, which Prometheus ignores.
    """
    building = directory / ".building"
    (building / "chunks").mkdir(parents=True, exist_ok=False)
    try:
        rows, samples = _write_chunks(building / "chunks" / "000001", series)
        stats = _write_rest(building, rows, samples, extra())
        building.rename(directory / stats.ulid)
    except BaseException:
        shutil.rmtree(building, ignore_errors=True)
        raise
    return stats


def _write_chunks(
    path: Path, series: Iterable[tuple[Labels, NDArray[np.int64], NDArray[np.float64]]]
) -> tuple[list[_SeriesChunks], int]:
    """Where each series' chunks are in the file, and how many samples there are in all."""
    rows: list[_SeriesChunks] = []
    samples = 0
    with path.open("wb") as file:
        file.write(struct.pack(">IB3x", 0x85BD40DD, 1))
        for labels, times, values in series:
            if len(times) == 0:
                continue
            row, data = _encode_series(labels, times, values, file.tell())
            file.write(data)
            rows.append(row)
            samples += len(times)
    if not rows:
        raise ValueError("a block needs at least one sample")
    return rows, samples


def _write_rest(
    building: Path, rows: list[_SeriesChunks], samples: int, files: dict[str, bytes]
) -> BlockStats:
    """Index, meta.json and the other files of a block whose chunks are written."""
    rows.sort(key=lambda row: row.labels)
    index = _index(rows)
    latest = max(int(row.last[-1]) for row in rows)
    ulid = _ulid(latest, blake2b(b"".join((index, *files.values())), digest_size=10).digest())
    meta = {
        "ulid": ulid,
        "minTime": min(int(row.first[0]) for row in rows),
        "maxTime": latest + 1,
        "stats": {
            "numSamples": samples,
            "numSeries": len(rows),
            "numChunks": sum(len(row.refs) for row in rows),
        },
        "compaction": {"level": 1, "sources": [ulid]},
        "version": 1,
    }
    (building / "index").write_bytes(index)
    (building / "tombstones").write_bytes(struct.pack(">IBI", 0x0130BA30, 1, 0))
    for name, content in files.items():
        (building / name).write_bytes(content)
    (building / "meta.json").write_text(json.dumps(meta, indent=1))
    size = sum(file.stat().st_size for file in building.rglob("*") if file.is_file())
    return BlockStats(ulid, len(rows), samples, size)


def _ulid(millis: int, entropy: bytes) -> str:
    """48 bits of time and 80 of entropy in Crockford's base 32."""
    number = millis << 80 | int.from_bytes(entropy, "big")
    return "".join(_ULID_DIGITS[number >> shift & 31] for shift in range(125, -1, -5))


# --- chunks


def _encode_series(
    labels: Labels, times: NDArray[np.int64], values: NDArray[np.float64], offset: int
) -> tuple[_SeriesChunks, bytes]:
    """The series' chunks framed for a chunks file in which they begin at `offset`."""
    starts = np.arange(0, len(times), CHUNK_SAMPLES)
    ends = np.append(starts[1:], len(times)) - 1
    bodies = xor_chunks(times, values)
    sums = crc32c_many(bodies)
    refs = np.empty(len(bodies), dtype=np.int64)
    frames: list[bytes] = []
    for number, (body, checksum) in enumerate(zip(bodies, sums, strict=True)):
        refs[number] = offset
        length = _uvarint(len(body) - 1)  # the encoding byte is not counted
        frames.append(length + body + struct.pack(">I", checksum))
        offset += len(length) + len(body) + 4
    return _SeriesChunks(labels, times[starts], times[ends], refs), b"".join(frames)


def xor_chunks(times: NDArray[np.int64], values: NDArray[np.float64]) -> list[bytes]:
    """Encoding byte and data of the XOR chunks, 120 samples in each, of one series.

    Every chunk keeps one window of significant bits for all its values, so that no sample's bits depend on
    the ones before and the whole series is encoded in array operations.
    """
    count = len(times)
    place = np.arange(count) % CHUNK_SAMPLES
    starts = np.arange(0, count, CHUNK_SAMPLES)
    sizes = np.diff(np.append(starts, count)).tolist()
    # Two bit strings for each sample: its time with the value's control bits, and the value.
    items = np.zeros((count, 2), dtype=_U64)
    widths = np.zeros((count, 2), dtype=np.int64)
    items[:, 0], widths[:, 0] = _time_bits(times, place)
    _put_values(items, widths, values.view(_U64), place, starts)
    bodies = _pack(items, widths, starts)
    return [b"\x01" + struct.pack(">H", size) + body for size, body in zip(sizes, bodies, strict=True)]


def _time_bits(
    times: NDArray[np.int64], place: NDArray[np.int64]
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Each sample's time: as it is, then the step to the next one, then how the step changes."""
    delta = np.diff(times, prepend=times[:1])
    change = np.diff(delta, prepend=delta[:1])
    later = place > 1
    bits = np.zeros(len(times), dtype=_U64)
    widths = np.ones(len(times), dtype=np.int64)
    for where, plain in (
        (place == 0, times * 2),
        (place == 1, delta),
    ):  # zigzag of a positive number: twice it
        bits[where], widths[where] = _uvarint_bits(plain[where].astype(_U64))
    changes = later & (change != 0)
    if changes.any():
        if np.abs(change[changes]).max() >= 1 << 19:
            raise ValueError("samples of one series are more than 524 s apart in an uneven way")
        # The narrowest form that holds the change, widest first so that narrower ones overwrite it.
        for prefix, prefix_width, width in ((0b1110, 4, 20), (0b110, 3, 17), (0b10, 2, 14)):
            limit = 1 << (width - 1)
            fits = changes & (change > -limit) & (change <= limit)
            low = change[fits].astype(_U64) & _U64((1 << width) - 1)
            bits[fits] = low | _U64(prefix << width)
            widths[fits] = prefix_width + width
    return bits, widths


def _put_values(
    items: NDArray[np.uint64],
    widths: NDArray[np.int64],
    bits: NDArray[np.uint64],
    place: NDArray[np.int64],
    starts: NDArray[np.int64],
) -> None:
    """Control bits behind the times in column 0, significant bits into column 1."""
    changed = np.zeros_like(bits)
    changed[1:] = bits[1:] ^ bits[:-1]
    changed[starts] = 0
    used = np.bitwise_or.reduceat(changed, starts)
    leading = np.array([min(64 - int(word).bit_length(), 31) for word in used.tolist()], dtype=np.int64)
    trailing = np.array([max((word & -word).bit_length() - 1, 0) for word in used.tolist()], dtype=np.int64)
    significant = 64 - leading - trailing

    differs = changed != 0
    control = np.where(differs, _U64(0b10), _U64(0))
    control_widths = np.where(differs, 2, (place > 0).astype(np.int64))
    where = np.flatnonzero(differs)
    of = where // CHUNK_SAMPLES
    opening = where[np.flatnonzero(np.diff(of, prepend=-1))]  # a chunk's first change declares its window
    window = opening // CHUNK_SAMPLES
    control[opening] = (0b11 << 11 | leading[window] << 6 | significant[window] & 63).astype(_U64)
    control_widths[opening] = 13
    items[:, 0] = items[:, 0] << control_widths.astype(_U64) | control
    widths[:, 0] += control_widths
    items[where, 1] = changed[where] >> trailing[of].astype(_U64)
    widths[where, 1] = significant[of]
    items[starts, 1] = bits[starts]
    widths[starts, 1] = 64


def _pack(items: NDArray[np.uint64], widths: NDArray[np.int64], starts: NDArray[np.int64]) -> list[bytes]:
    """Concatenate the items' bits chunk by chunk, each chunk on its own 64-bit words."""
    per_chunk = np.add.reduceat(widths.ravel(), starts * items.shape[1])
    words_before = np.concatenate(([0], np.cumsum(-(-per_chunk // 64))))
    bits_before = np.concatenate(([0], np.cumsum(per_chunk)))[:-1]
    shift = np.repeat(words_before[:-1] * 64 - bits_before, np.diff(np.append(starts, len(items))))
    position = (np.cumsum(widths.ravel()).reshape(widths.shape) - widths + shift[:, None]).ravel()

    present = np.flatnonzero(widths.ravel())
    value, width, position = items.ravel()[present], widths.ravel()[present], position[present]
    word = position >> 6
    spill = width - 64 + (position & 63)
    over = np.flatnonzero(spill > 0)
    high = value << np.maximum(-spill, 0).astype(_U64)
    high[over] = value[over] >> spill[over].astype(_U64)
    words = np.zeros(int(words_before[-1]), dtype=_U64)
    heads = np.flatnonzero(np.diff(word, prepend=-1))
    words[word[heads]] = np.bitwise_or.reduceat(high, heads)
    words[word[over] + 1] |= value[over] << (64 - spill[over]).astype(_U64)

    stream = words.astype(">u8").tobytes()
    lengths = -(-per_chunk // 8)
    return [
        stream[begin * 8 : begin * 8 + length]
        for begin, length in zip(words_before[:-1].tolist(), lengths.tolist(), strict=True)
    ]


def _uvarint_bits(numbers: NDArray[np.uint64]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Go's uvarint of numbers below 2^56, as big-endian bit strings and their widths."""
    out = np.zeros_like(numbers)
    width = np.zeros(len(numbers), dtype=np.int64)
    rest = numbers.copy()
    going = np.ones(len(numbers), dtype=bool)
    while going.any():
        low = rest & _U64(0x7F)
        rest = rest >> _U64(7)
        more = going & (rest != 0)
        out = np.where(going, out << _U64(8) | low | np.where(more, _U64(0x80), _U64(0)), out)
        width += 8 * going
        going = more
    return out, width


# --- index


def _index(rows: Sequence[_SeriesChunks]) -> bytes:
    """The index file of series that are sorted by labels."""
    symbols = sorted({text for row in rows for pair in row.labels for text in pair})
    number = {text: n for n, text in enumerate(symbols)}
    out = bytearray(struct.pack(">IB", 0xBAAAD700, 2))
    symbol_table = len(out)
    out += _section(struct.pack(">I", len(symbols)) + b"".join(_text(text) for text in symbols))

    series_start = len(out)
    postings: dict[tuple[str, str], list[int]] = {("", ""): []}
    for row in rows:
        out += b"\0" * (-len(out) % 16)
        ref = len(out) // 16
        postings["", ""].append(ref)
        for pair in row.labels:
            postings.setdefault(pair, []).append(ref)
        entry = _series_entry(row, number)
        out += _uvarint(len(entry)) + entry + struct.pack(">I", crc32c(entry))

    label_indices = len(out)  # a table that readers of version 2 don't use: empty
    postings_start = len(out)
    offsets: list[tuple[str, str, int]] = []
    for (name, value), refs in sorted(postings.items()):
        out += b"\0" * (-len(out) % 4)
        offsets.append((name, value, len(out)))
        out += _section(struct.pack(f">{len(refs) + 1}I", len(refs), *refs))
    label_table = len(out)
    out += _section(struct.pack(">I", 0))
    postings_table = len(out)
    entries = b"".join(b"\x02" + _text(name) + _text(value) + _uvarint(at) for name, value, at in offsets)
    out += _section(struct.pack(">I", len(offsets)) + entries)
    toc = struct.pack(
        ">6Q", symbol_table, series_start, label_indices, label_table, postings_start, postings_table
    )
    return bytes(out + toc + struct.pack(">I", crc32c(toc)))


def _series_entry(row: _SeriesChunks, number: dict[str, int]) -> bytes:
    entry = bytearray(_uvarint(len(row.labels)))
    for name, value in row.labels:
        entry += _uvarint(number[name]) + _uvarint(number[value])
    entry += _uvarint(len(row.refs))
    last_time = last_ref = 0
    for first, last, ref in zip(row.first.tolist(), row.last.tolist(), row.refs.tolist(), strict=True):
        if last_ref == 0:
            entry += _varint(first) + _uvarint(last - first) + _uvarint(ref)
        else:
            entry += _uvarint(first - last_time) + _uvarint(last - first) + _varint(ref - last_ref)
        last_time, last_ref = last, ref
    return bytes(entry)


def _section(body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + body + struct.pack(">I", crc32c(body))


def _text(text: str) -> bytes:
    raw = text.encode()
    return _uvarint(len(raw)) + raw


@functools.lru_cache(maxsize=1 << 16)
def _uvarint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _varint(number: int) -> bytes:
    return _uvarint(number << 1 if number >= 0 else (-number << 1) - 1)


# --- checksums


def _byte_table() -> NDArray[np.uint32]:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, table >> 1 ^ np.uint32(_CASTAGNOLI), table >> 1).astype(np.uint32)
    return table


class _Distances:
    """What a byte contributes to the CRC, by how many bytes follow it: row 0 for the last byte."""

    def __init__(self) -> None:
        self._rows = _byte_table()[None, :]

    def upto(self, count: int) -> NDArray[np.uint32]:
        if count > len(self._rows):
            single = self._rows[0]
            rows = list(self._rows)
            while len(rows) < max(count, 2 * len(self._rows)):
                rows.append(rows[-1] >> np.uint32(8) ^ single[rows[-1] & 0xFF])
            self._rows = np.array(rows)
        return self._rows


_DISTANCES = _Distances()
_PIECE = 4096


def crc32c_many(bodies: Sequence[bytes]) -> list[int]:
    """CRC-32C of each body (4 bytes or more, up to a few kilobytes).

    A CRC is linear: it is the XOR of every byte's contribution at its distance from the end, which makes it
    one look-up and one reduction for all bodies together.
    """
    lengths = np.array([len(body) for body in bodies])
    ends = np.cumsum(lengths)
    starts = ends - lengths
    raw = np.frombuffer(b"".join(bodies), dtype=np.uint8).copy()
    raw[(starts[:, None] + np.arange(4)).ravel()] ^= 0xFF  # the initial value
    table = _DISTANCES.upto(int(lengths.max()))
    distance = np.repeat(ends, lengths) - 1 - np.arange(len(raw))
    parts = table.ravel().take(distance * 256 + raw)
    sums: list[int] = (np.bitwise_xor.reduceat(parts, starts) ^ np.uint32(0xFFFFFFFF)).tolist()
    return sums


def crc32c(body: bytes) -> int:
    """CRC-32C of any length."""
    table = _DISTANCES.upto(_PIECE)
    state = 0xFFFFFFFF
    for begin in range(0, len(body), _PIECE):
        raw = np.frombuffer(body[begin : begin + _PIECE], dtype=np.uint8)
        size = len(raw)
        parts = table[size - 1 - np.arange(size), raw]
        total = int(np.bitwise_xor.reduce(parts))
        for byte in range(4):  # the state so far acts like bytes before the piece's first four
            if byte < size:
                total ^= int(table[size - 1 - byte, state >> (8 * byte) & 0xFF])
        if size < 4:
            total ^= state >> (8 * size)
        state = total
    return state ^ 0xFFFFFFFF
