"""Remarks by which people keep a finding from being told again: `# sretool: ignore SLO109 three calls a day`.

A remark stands behind what it is about, or on a line of its own right above it. It names one code, or several
with commas, and says why; one that does not is not obeyed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sretool.core.lint.findings import CODES, Finding, finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_REMARK: Final = re.compile(r"(?:^|\s)#\s*sretool:\s*ignore\b(.*)$")
_CODE: Final = re.compile(r"\s*(SLO\d+)\s*(?:,|\s|$)")

_NOT_TO_BE_HIDDEN: Final = frozenset({"SLO001", "SLO002", "SLO003", "SLO011"})
"""A file that cannot be read has no remarks either."""

_LIVE: Final = re.compile(r"SLO3\d\d")
"""Codes that only a server gives rise to."""


@dataclass(frozen=True, slots=True)
class _Remark:
    file: str
    line: int
    codes: tuple[str, ...]
    reason: str
    about: frozenset[int]
    """Lines it is about."""


def obeyed(files: Mapping[str, bytes], found: Iterable[Finding]) -> list[Finding]:
    """The findings that no remark is about."""
    remarks = [each for each in _remarks(files) if _usable(each)]
    return [each for each in found if not any(_is_about(remark, each) for remark in remarks)]


def doubtful(files: Mapping[str, bytes], found: Iterable[Finding]) -> Iterator[Finding]:
    """Remarks that are not obeyed, and those that have nothing to be about."""
    everything = list(found)
    for remark in _remarks(files):
        unknown = [code for code in remark.codes if code not in CODES]
        if not remark.codes or unknown:
            what = f"there is no code {unknown[0]}" if unknown else "it names no code"
            yield finding(
                remark.file,
                remark.line,
                "SLO011",
                f"a remark that is not obeyed: {what}",
                "see slo lint --codes",
            )
        elif not remark.reason:
            example = f"# sretool: ignore {remark.codes[0]} because …"
            message = "a remark that is not obeyed: it gives no reason"
            yield finding(remark.file, remark.line, "SLO011", message, f"write {example}")
        elif not any(_LIVE.fullmatch(code) for code in remark.codes) and not any(
            _is_about(remark, each) for each in everything
        ):
            yield finding(remark.file, remark.line, "SLO011", "a remark about nothing", "take it away")


def _usable(remark: _Remark) -> bool:
    return bool(remark.codes and remark.reason) and all(code in CODES for code in remark.codes)


def _is_about(remark: _Remark, each: Finding) -> bool:
    return (
        each.file == remark.file
        and each.line in remark.about
        and each.code in remark.codes
        and each.code not in _NOT_TO_BE_HIDDEN
    )


def _remarks(files: Mapping[str, bytes]) -> Iterator[_Remark]:
    for file, content in files.items():
        if b"sretool:" not in content:
            continue
        lines = content.decode("utf-8", errors="replace").splitlines()
        for number, line in enumerate(lines):
            match = _REMARK.search(line)
            if match is None:
                continue
            codes, reason = _codes(match[1])
            alone = not line[: match.start()].strip()
            yield _Remark(file, number + 1, codes, reason, _about(lines, number, alone=alone))


def _codes(text: str) -> tuple[tuple[str, ...], str]:
    """`" SLO109, SLO211 few calls"` → the codes, and why."""
    codes: list[str] = []
    while (match := _CODE.match(text)) is not None:
        codes.append(match[1])
        text = text[match.end() :]
    return tuple(codes), text.strip()


def _about(lines: list[str], number: int, *, alone: bool) -> frozenset[int]:
    """A remark alone is about the next line that is no remark."""
    if not alone:
        return frozenset({number + 1})
    following = number + 1
    while following < len(lines) and lines[following].lstrip().startswith("#"):
        following += 1
    return frozenset({following + 1})
