"""What is on screen and why: the last snapshot, the order of its rows, filter, freeze, and what just changed.

One plain object, changed in one place (the app's loop) and asked by every screen. It decides nothing about
SLOs; it remembers what the front end has to remember between two refreshes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from sretool.core.observe import freshness, verdict
from sretool.core.observe.freshness import Freshness, SourceAge
from sretool.core.observe.model import AlertState
from sretool.core.slo.model import Level, Severity
from sretool.tui import format as fmt
from sretool.tui.search import Filter

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from sretool.core.observe.model import Alert, SloStatus, Snapshot
    from sretool.core.observe.verdict import Verdict
    from sretool.core.slo.model import SloId

SOURCE_TITLES = {"prometheus": "Prometheus", "alertmanager": "Alertmanager"}
SOURCE_SHORT = {"prometheus": "prom", "alertmanager": "am"}

_HANDS_OFF = timedelta(seconds=2)
"""No re-ordering this soon after a key: a row must not leave from under the cursor."""


_RANKS = {level: rank for rank, level in enumerate(Level)}


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that changed and deserves one toast."""

    text: str
    bad: bool


@dataclass(frozen=True, slots=True)
class View:
    """Everything a screen draws, at one moment."""

    now: datetime
    snapshot: Snapshot
    statuses: tuple[SloStatus, ...]
    """In screen order, filtered."""
    hidden: int
    """SLOs the filter keeps away."""
    alerts: tuple[Alert, ...]
    prometheus: SourceAge
    alertmanager: SourceAge | None
    """None: not configured."""
    verdict: Verdict
    filter: Filter
    frozen_at: datetime | None
    """When the screen was frozen by hand; None: live."""
    missed: int
    """Refreshes since then."""
    origin: str
    """Where the data comes from: `lab amas ÷10`."""
    local_time: bool
    glyphs: fmt.Glyphs
    readonly: bool = False
    production: bool = False
    session_mark: str = ""
    """That the session is recorded, or how a recorded one is played; empty: neither."""
    retries: Mapping[str, datetime] = field(default_factory=dict)
    """When each source that did not answer is asked again."""

    @property
    def stale(self) -> bool:
        """Whether the rows may no longer be true."""
        return not self.prometheus.freshness.usable

    @property
    def waiting(self) -> bool:
        return self.prometheus.freshness is Freshness.WAITING

    @property
    def alerts_stale(self) -> bool:
        alertmanager = self.alertmanager
        if alertmanager is None or alertmanager.freshness is Freshness.WAITING:
            return False
        return not alertmanager.freshness.usable

    def clock(self, moment: datetime, *, seconds: bool = True) -> str:
        return fmt.clock(moment, local=self.local_time, seconds=seconds)


class Board:
    """The state behind the screens."""

    def __init__(
        self,
        snapshot: Snapshot,
        *,
        refresh: timedelta,
        origin: str = "",
        glyphs: fmt.Glyphs = fmt.UNICODE,
        alerts_configured: bool = True,
    ) -> None:
        self.snapshot = snapshot
        self.refresh = refresh
        self.origin = origin
        self.glyphs = glyphs
        self.local_time = False
        self.readonly = False
        self.session_mark = ""
        """That the session is recorded, or how a recorded one is played; empty: neither."""
        self.production = False
        """Whether what is shown serves real users."""
        self._filters: dict[str, Filter] = {}
        self._view = ""
        self.log: list[tuple[datetime, str]] = []
        """What went wrong inside the program or with a source, newest last."""
        self._alerts_configured = alerts_configured
        self._order: tuple[SloId, ...] = tuple(status.slo.id for status in snapshot.statuses)
        self._ordered = False
        """Whether the order comes from figures; before the first ones it is the catalog's."""
        self._kept: tuple[tuple[SloStatus, ...], tuple[SloId, ...], Filter, tuple[SloStatus, ...]] | None = (
            None
        )
        """What the rows were last made of, and the rows."""
        self._touched_at: datetime | None = None
        self._frozen: tuple[Snapshot, datetime] | None = None
        self._missed = 0
        self._lost_since: dict[str, datetime] = {}
        self.retries: dict[str, datetime] = {}
        """When each source that did not answer is asked again."""
        self._paging: frozenset[str] | None = None
        self._open_pages: frozenset[str] | None = None

    def take(self, snapshot: Snapshot, now: datetime) -> tuple[Notice, ...]:
        """A new snapshot; the notices say what it changed for the reader."""
        self.snapshot = snapshot
        if self._frozen is not None:
            self._missed += 1
        notices = self.tick(now)
        if self.source("prometheus", now).freshness.usable:
            self._reorder(now)
            notices += self._burn_notices()
        if self._alerts_configured and self.source("alertmanager", now).freshness.usable:
            notices += self._alert_notices()
        return notices

    def rewind(self, snapshot: Snapshot) -> None:
        """Go back to an earlier snapshot: nothing that came after it has happened yet."""
        self.snapshot = snapshot
        self._lost_since.clear()
        self._paging = self._open_pages = None

    def tick(self, now: datetime) -> tuple[Notice, ...]:
        """Time went on: a source may have become too old without any answer."""
        notices = []
        for name in self._sources():
            age = self.source(name, now)
            title = SOURCE_TITLES.get(name, name)
            if age.freshness in (Freshness.LOST, Freshness.STALE):
                if name not in self._lost_since:
                    self._lost_since[name] = now
                    why = age.error or "its samples are too old"
                    lost = f"{age.freshness.value}: {why}"
                    named = lost if why.startswith(title) else f"{title} {lost}"
                    notices.append(Notice(named[0].upper() + named[1:], bad=True))
            elif age.freshness.usable and name in self._lost_since:
                away = now - self._lost_since.pop(name)
                notices.append(Notice(f"{title} back after {fmt.age(away)}", bad=False))
        self.log.extend((now, notice.text) for notice in notices)
        del self.log[:-200]
        return tuple(notices)

    def source(self, name: str, now: datetime) -> SourceAge:
        health = self.snapshot.source(name)
        if health is None:
            return SourceAge(name, Freshness.WAITING, None, None, None)
        sample_every = freshness.SAMPLE_EVERY if name == "prometheus" else None
        return freshness.judge(health, now, self.refresh, sample_every)

    def touched(self, now: datetime) -> None:
        """A key was pressed."""
        self._touched_at = now

    def freeze(self, now: datetime) -> None:
        """Hold the screen still, or let it go on."""
        self._frozen = None if self._frozen is not None else (self.snapshot, now)
        self._missed = 0

    @property
    def filter(self) -> Filter:
        """Of the view on screen: each keeps its own."""
        return self._filters.get(self._view, Filter())

    @filter.setter
    def filter(self, wanted: Filter) -> None:
        self._filters[self._view] = wanted

    def turn_to(self, view: str) -> None:
        """Another view is on screen."""
        self._view = view

    def unfilter(self) -> None:
        self.filter = Filter()

    def only_mine(self, owners: frozenset[str]) -> None:
        """Only what these own, or everything again."""
        self.filter = replace(self.filter, owners=frozenset() if self.filter.owners else owners)

    def search(self, text: str) -> None:
        self.filter = replace(self.filter, text=text.strip())

    def toggle_abnormal(self) -> None:
        self.filter = replace(self.filter, abnormal_only=not self.filter.abnormal_only)

    def status(self, slo: SloId) -> SloStatus | None:
        """The SLO as the screen shows it."""
        shown = self._frozen[0] if self._frozen is not None else self.snapshot
        return next((status for status in shown.statuses if status.slo.id == slo), None)

    def view(self, now: datetime) -> View:
        shown, moment = self._frozen if self._frozen is not None else (self.snapshot, now)
        prometheus = self.source("prometheus", now)
        alertmanager = self.source("alertmanager", now) if self._alerts_configured else None
        kept = self._in_order(shown)
        return View(
            now=now,
            snapshot=shown,
            statuses=kept,
            hidden=len(shown.statuses) - len(kept),
            alerts=tuple(alert for alert in shown.alerts if self.filter.keeps_alert(alert)),
            prometheus=prometheus,
            alertmanager=alertmanager,
            verdict=verdict.judge(shown, prometheus, alertmanager, moment),
            filter=self.filter,
            frozen_at=self._frozen[1] if self._frozen is not None else None,
            missed=self._missed,
            origin=self.origin,
            local_time=self.local_time,
            glyphs=self.glyphs,
            readonly=self.readonly,
            production=self.production,
            session_mark=self.session_mark,
            retries=self.retries,
        )

    def _in_order(self, shown: Snapshot) -> tuple[SloStatus, ...]:
        """The SLOs in screen order, filtered; the same object as before where nothing of it has changed."""
        known = self._kept
        if known is not None and known[0] is shown.statuses and known[1:3] == (self._order, self.filter):
            return known[3]
        by_id = {status.slo.id: status for status in shown.statuses}
        ordered = [by_id.pop(slo) for slo in self._order if slo in by_id]
        ordered += by_id.values()
        kept = tuple(filter(self.filter.keeps_slo, ordered) if self.filter else ordered)
        self._kept = (shown.statuses, self._order, self.filter, kept)
        return kept

    def _sources(self) -> Sequence[str]:
        return ("prometheus", "alertmanager") if self._alerts_configured else ("prometheus",)

    def _reorder(self, now: datetime) -> None:
        wanted = tuple(status.slo.id for status in self.snapshot.statuses)
        if self._touched_at is not None and now - self._touched_at < _HANDS_OFF:
            return
        levels = {status.slo.id: status.level for status in self.snapshot.statuses}
        ranks = [_RANKS[levels[slo]] for slo in self._order if slo in levels]
        # As long as the rows on screen still go from worst to best, a new order would only be unrest.
        if not self._ordered or set(wanted) != set(self._order) or ranks != sorted(ranks):
            self._order = wanted
        self._ordered = True

    def _burn_notices(self) -> tuple[Notice, ...]:
        paging = frozenset(status.slo.id for status in self.snapshot.statuses if status.level is Level.PAGE)
        before, self._paging = self._paging, paging
        if before is None:
            return ()
        started = [Notice(f"{slo} burns at page level", bad=True) for slo in sorted(paging - before)]
        ended = [Notice(f"{slo} no longer burns at page level", bad=False) for slo in sorted(before - paging)]
        return (*started, *ended)

    def _alert_notices(self) -> tuple[Notice, ...]:
        """Pages of symptoms; those of SLOs are told when the burn starts, which is earlier."""
        pages = {
            alert.fingerprint: f"{alert.name} {alert.labels.get('instance', '')}".rstrip()
            for alert in self.snapshot.alerts
            if alert.severity is Severity.PAGE and alert.slo is None and alert.state is AlertState.FIRING
        }
        before, self._open_pages = self._open_pages, frozenset(pages)
        if before is None:
            return ()
        return tuple(Notice(f"{name} pages", bad=True) for key, name in pages.items() if key not in before)
