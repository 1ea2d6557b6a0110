"""Values of our own kept on disk between two starts: a snapshot, a read catalog.

They are pickled, because nothing is read faster, and read back by an unpickler that knows only our own value
classes: a file that names anything else, belongs to somebody else, was written by another version or is torn
is as good as none. What is kept can always be had again, so nothing here ever raises.
"""

from __future__ import annotations

import hashlib
import io
import os
import pickle
import stat
from contextlib import suppress
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sretool import __version__

if TYPE_CHECKING:
    from collections.abc import Hashable

LARGEST: Final = 32 * 1024 * 1024
"""Bytes of a file that is read or written."""

_MAGIC: Final = b"sretool kept 2 "

_OWN: Final = ("sretool.core.", "sretool.errors")
_OTHERS: Final = frozenset(
    {
        ("datetime", "datetime"), ("datetime", "timedelta"), ("datetime", "timezone"),
        ("datetime", "time"), ("datetime", "date"),
        ("decimal", "Decimal"), ("copyreg", "__newobj__"), ("builtins", "frozenset"), ("builtins", "set"),
        ("pathlib", "PosixPath"),
    }
)  # fmt: skip


def keep(path: Path, value: object) -> str | None:
    """Write `value` in one step, for its owner's eyes only; why that failed, or None."""
    try:
        written = io.BytesIO()
        _Writer(written, pickle.HIGHEST_PROTOCOL).dump(value)
        body = written.getvalue()
    except Exception as error:
        return f"{path.name} cannot be kept: {error}"
    if len(body) > LARGEST:
        return f"{path.name} is not kept: {len(body) >> 20} MiB are too much"
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            beside.unlink()
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(_seal(body) + body)
        beside.replace(path)
    except OSError as error:
        with suppress(OSError):
            beside.unlink()
        return f"{path} cannot be written: {error.strerror}"
    return None


def kept(path: Path, kind: type) -> tuple[Any, str | None]:
    """What was kept there, else None; and why a file that is there was left alone."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
            facts = os.fstat(file.fileno())
            if not stat.S_ISREG(facts.st_mode) or facts.st_uid != os.geteuid() or facts.st_mode & 0o022:
                return None, f"{path} is left alone: others may have written it"
            if facts.st_size > LARGEST:
                return None, f"{path} is left alone: it is too large"
            whole = file.read()
    except FileNotFoundError:
        return None, None
    except OSError as error:
        return None, f"{path} cannot be read: {error.strerror}"
    head, _, body = whole.partition(b"\n")
    if head + b"\n" != _seal(body):
        return None, f"{path} is left alone: another version wrote it, or it is damaged"
    try:
        value = _Reader(io.BytesIO(body)).load()
    except Exception as error:
        # Whatever a damaged file makes an unpickler raise.
        return None, f"{path} is left alone: {error}"
    return (value, None) if isinstance(value, kind) else (None, f"{path} is left alone: it is no {kind}")


class _Writer(pickle.Pickler):
    """Has value objects made anew by their constructor: three times as fast as by their `__setstate__`."""

    def reducer_override(self, value: Any) -> Any:
        kind: Any = type(value)
        names = _constructed_from(kind)
        return NotImplemented if names is None else (kind, tuple(getattr(value, name) for name in names))


@cache
def _constructed_from(kind: Hashable) -> tuple[str, ...] | None:
    """Fields in the order a constructor takes them; None where it does or leaves more than that."""
    if not isinstance(kind, type) or not is_dataclass(kind) or hasattr(kind, "__post_init__"):
        return None
    own = fields(kind)
    return tuple(each.name for each in own) if all(each.init and not each.kw_only for each in own) else None


class _Reader(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        found: Any = None
        if module.startswith(_OWN) or (module, name) in _OTHERS:
            found = super().find_class(module, name)
        # Functions are only those a value is rebuilt with.
        if not isinstance(found, type) and (module, name) not in _OTHERS:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return found


def _seal(body: bytes) -> bytes:
    """One line: what wrote it, how the classes in it looked, and a checksum."""
    digest = hashlib.blake2b(body, digest_size=16).hexdigest()
    return _MAGIC + f"{__version__} {_shape()} {digest}\n".encode()


def _shape() -> str:
    """Changes when the modules that hold our value classes do: a field more would shift all that follow."""
    core = Path(__file__).parent.parent.parent / "core"
    facts = []
    for name in _VALUES:
        with suppress(OSError):
            found = (core / name).stat()
            facts.append(f"{name}{found.st_mtime_ns}{found.st_size}")
    return hashlib.blake2b("".join(facts).encode(), digest_size=8).hexdigest()


_VALUES: Final = (
    "observe/model.py",
    "slo/model.py",
    "slo/policy.py",
    "catalog/model.py",
    "catalog/oncall.py",
    "catalog/watched.py",
    "alerting/acks.py",
)
