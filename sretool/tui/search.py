"""The filter line: a regular expression, `!` in front inverts it, `key=value` compares one property."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sretool.core.slo.model import Level
from sretool.tui.words import tr

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sretool.core.observe.model import Alert, SloStatus


@dataclass(frozen=True, slots=True)
class Filter:
    """What stays on screen; an empty text keeps everything."""

    text: str = ""
    abnormal_only: bool = False
    owners: frozenset[str] = frozenset()
    """People and teams whose things are kept; none: everybody's."""

    def __bool__(self) -> bool:
        """Whether it may hide anything."""
        return bool(self.text) or self.abnormal_only or bool(self.owners)

    @property
    def words(self) -> str:
        """As row 1 shows it: `/pay ! mine`."""
        parts = [f"/{self.text}" if self.text else "", "!" if self.abnormal_only else ""]
        return " ".join(filter(None, [*parts, tr("mine") if self.owners else ""]))

    def keeps(self, words: str, properties: Mapping[str, str]) -> bool:
        """Whether every term of the text is found in `words`, or in the property it names."""
        return all(_matches(term, words, properties) for term in self.text.split())

    def keeps_slo(self, status: SloStatus) -> bool:
        if self.abnormal_only and status.level is Level.OK:
            return False
        slo = status.slo
        if self.owners and slo.owner not in self.owners:
            return False
        properties = {
            **slo.labels,
            "service": slo.service,
            "slo": slo.name,
            "id": slo.id,
            "owner": slo.owner or "",
            "tier": "" if slo.tier is None else str(slo.tier),
            "level": status.level.value,
        }
        return self.keeps(f"{slo.id}\n{slo.title}", properties)

    def keeps_alert(self, alert: Alert) -> bool:
        if self.owners and not self.owners & {alert.labels.get("owner"), alert.labels.get("team")}:
            return False
        properties = {
            **alert.labels,
            "alert": alert.name,
            "state": alert.state.value,
            "slo": alert.slo or "",
            "severity": alert.severity.value if alert.severity else "",
        }
        words = f"{alert.name}\n{alert.labels.get('service', '')}\n{alert.slo or ''}"
        return self.keeps(words, properties)

    @property
    def problem(self) -> str | None:
        """Why a term is not a regular expression; it is then compared as plain text."""
        for term in self.text.split():
            try:
                re.compile(term.removeprefix("!").partition("=")[2] or term.removeprefix("!"))
            except re.error as error:
                return f"{term}: {error}"
        return None


def _matches(term: str, words: str, properties: Mapping[str, str]) -> bool:
    wanted = not term.startswith("!")
    term = term.removeprefix("!")
    key, equals, value = term.partition("=")
    if equals and key.endswith("!"):
        key, wanted = key[:-1], not wanted
    found = _search(value, properties.get(key, ""), whole=True) if equals else _search(term, words)
    return found is wanted


def _search(pattern: str, text: str, *, whole: bool = False) -> bool:
    try:
        compiled = re.compile(pattern, re.IGNORECASE | re.MULTILINE)
    except re.error:
        return pattern.casefold() in text.casefold()
    return bool(compiled.fullmatch(text) if whole else compiled.search(text))
