"""A recorded session as something to go to and fro in: what was known at any of its moments.

The lines are those of `Recorder`: `{"k": kind, "t": RFC 3339, ...}`. Pure: it is told which moment it is.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, TypeVar

from sretool.core.observe import recording
from sretool.core.observe.model import AlertState, Series
from sretool.core.observe.questions import Answers, Found, Span, Track, Wanted
from sretool.core.observe.recording import RecordingUnreadable, Seen
from sretool.core.slo.model import Level, Severity, SloId

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from sretool.core.catalog.model import System
    from sretool.core.observe.model import SloHistory, Snapshot
    from sretool.core.slo.model import Slo

K = TypeVar("K")
K_co = TypeVar("K_co", covariant=True)

SCHEMA: Final = 1
NOT_RECORDED: Final = "not recorded in this session"

_CHECKPOINT: Final = 200
"""Lines after which everything known is remembered, so that going back reads no more than that."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the dashboard knew after one line of the recording."""

    snapshot: Snapshot | None = None
    histories: Mapping[SloId, SloHistory] = field(default_factory=dict)
    failures: Mapping[SloId, str] = field(default_factory=dict)
    """Why a history could not be had then."""
    answers: Answers = field(default_factory=Answers)
    queries: Mapping[tuple[str, timedelta], str] = field(default_factory=dict)
    """PromQL of error ratios by SLO and step."""
    seen: Seen = field(default_factory=lambda: Seen(""))


@dataclass(frozen=True, slots=True)
class Moment:
    """Something worth going to."""

    at: datetime
    text: str
    page: bool
    """Whether somebody was paged, or a page ended."""


class Recorder:
    """Turns what a dashboard is told into lines; each is handed to `write` at once."""

    def __init__(
        self, write: Callable[[dict[str, Any]], None], head: Mapping[str, Any], at: datetime
    ) -> None:
        """`head`: what the whole session has in common, as plain data and values of the core."""
        self._write = write
        self._snapshot: Snapshot | None = None
        self._answers = Answers()
        self._queries: set[tuple[str, timedelta, str]] = set()
        self._seen: Seen | None = None
        write({"k": "head", "t": at.isoformat(), "schema": SCHEMA, "head": recording.encode(dict(head))})

    def snapshot(self, snapshot: Snapshot, at: datetime) -> None:
        if snapshot is not self._snapshot:
            before, self._snapshot = self._snapshot, snapshot
            self._line("snapshot", at, **recording.difference(before, snapshot))

    def history(self, slo: SloId, found: SloHistory | str, at: datetime) -> None:
        """A history, or why there was none."""
        self._line("history", at, slo=slo, found=recording.encode(found))

    def answers(self, answers: Answers, at: datetime) -> None:
        before, self._answers = self._answers, answers
        change = recording.added_answers(before, answers)
        if change is not None:
            self._line("answers", at, **change)

    def query(self, slo: SloId, step: timedelta, expr: str, at: datetime) -> None:
        if (slo, step, expr) not in self._queries:
            self._queries.add((slo, step, expr))
            self._line("query", at, slo=slo, step=recording.encode(step), expr=expr)

    def seen(self, seen: Seen, at: datetime) -> None:
        """What is on screen, where that is not what was there before."""
        if seen != self._seen:
            self._seen = seen
            self._line("seen", at, screen=seen.screen, about=seen.about, keys=list(seen.keys))

    def _line(self, kind: str, at: datetime, **rest: Any) -> None:
        self._write({"k": kind, "t": at.isoformat(), **rest})


class Recording:
    """A whole session."""

    def __init__(self, lines: Sequence[Any]) -> None:
        """RecordingUnreadable where these are no lines of a session."""
        try:
            first, *rest = lines
            if first["k"] != "head" or first["schema"] > SCHEMA:
                raise RecordingUnreadable("the session was recorded by a newer version")
            self.head: Mapping[str, Any] = recording.decode(first["head"])
            times = [datetime.fromisoformat(line["t"]) for line in rest]
        except (KeyError, TypeError, ValueError) as error:
            raise RecordingUnreadable("this is no recorded session") from error
        # A clock that was set back must not hide what came after it.
        for place in range(1, len(times)):
            times[place] = max(times[place], times[place - 1])
        self._lines, self._times = rest, times
        self._place, self._known = 0, Known()
        """How many lines make up what is known."""
        self._checkpoints: dict[int, Known] = {0: Known()}
        shown = [time for time, line in zip(times, rest, strict=True) if line["k"] == "snapshot"]
        if not shown:
            raise RecordingUnreadable("nothing was recorded in this session: it has no snapshot")
        self.start, self.end = shown[0], max(times[-1], shown[-1])
        self._moments: tuple[Moment, ...] | None = None
        self.problem: str | None = None
        """Why the session ends earlier than its file; None: it does not, as far as was read."""
        if self.at(self.start).snapshot is None:
            raise RecordingUnreadable(self.problem or "nothing can be read of this session")

    @property
    def system(self) -> System | None:
        system: System | None = self.head.get("system")
        return system

    def at(self, moment: datetime) -> Known:
        """What was known at that moment, as far as the lines can be read."""
        wanted = bisect_right(self._times, max(moment, self.start))
        if wanted < self._place:
            back = max(place for place in self._checkpoints if place <= wanted)
            self._place, self._known = back, self._checkpoints[back]
        while self._place < wanted:
            try:
                self._known = _after(self._known, self._lines[self._place])
            except RecordingUnreadable as error:
                self._cut(error)
                break
            self._place += 1
            if self._place % _CHECKPOINT == 0:
                self._checkpoints[self._place] = self._known
        return self._known

    def _cut(self, error: RecordingUnreadable) -> None:
        """The session ends before the line that cannot be read."""
        self.problem = error.message
        del self._lines[self._place :], self._times[self._place :]
        self.end = self._times[-1] if self._times else self.start

    def moments(self) -> tuple[Moment, ...]:
        """Every change of a state and every alert that came or went, in order."""
        if self._moments is None:
            self._moments = tuple(self._changes())
        return self._moments

    def _changes(self) -> Iterable[Moment]:
        before: Snapshot | None = None
        known = Known()
        for at, line in zip(self._times, self._lines, strict=True):
            if line["k"] != "snapshot":
                continue
            try:
                known = _after(known, line)
            except RecordingUnreadable:
                return
            after = known.snapshot
            if before is not None and after is not None:
                yield from _between(before, after, at)
            before = after

    def following(self, moment: datetime, *, pages: bool = False) -> Moment | None:
        return next((m for m in self.moments() if m.at > moment and (m.page or not pages)), None)

    def preceding(self, moment: datetime, *, pages: bool = False) -> Moment | None:
        earlier = [m for m in self.moments() if m.at < moment and (m.page or not pages)]
        return earlier[-1] if earlier else None


def _after(known: Known, line: Mapping[str, Any]) -> Known:
    try:
        match line["k"]:
            case "snapshot":
                return replace(known, snapshot=recording.apply(known.snapshot, line))
            case "history":
                slo, found = SloId(line["slo"]), recording.decode(line["found"])
                if isinstance(found, str):
                    return replace(known, failures={**known.failures, slo: found})
                failures = {each: why for each, why in known.failures.items() if each != slo}
                return replace(known, histories={**known.histories, slo: found}, failures=failures)
            case "answers":
                return replace(known, answers=recording.with_answers(known.answers, line))
            case "query":
                key = (line["slo"], recording.decode(line["step"]))
                return replace(known, queries={**known.queries, key: line["expr"]})
            case "seen":
                return replace(known, seen=Seen(line["screen"], line["about"], tuple(line["keys"])))
    except (KeyError, TypeError, AttributeError) as error:
        raise RecordingUnreadable(f"a line of the recording is damaged: {error!r}") from error
    # A newer version may have recorded more.
    return known


def _between(before: Snapshot, after: Snapshot, at: datetime) -> Iterable[Moment]:
    levels = {status.slo.id: status.level for status in before.statuses}
    for status in after.statuses:
        old = levels.get(status.slo.id, status.level)
        if old is not status.level:
            yield Moment(at, f"{status.slo.id} {old} -> {status.level}", Level.PAGE in (old, status.level))
    open_before = {alert.fingerprint: alert for alert in before.alerts}
    open_after = {alert.fingerprint: alert for alert in after.alerts}
    for key, alert in open_after.items():
        if key not in open_before:
            paged = alert.severity is Severity.PAGE and alert.state is AlertState.FIRING
            yield Moment(at, f"{alert.name} {alert.state}", paged)
        elif open_before[key].state is not alert.state:
            yield Moment(at, f"{alert.name} {open_before[key].state} -> {alert.state}", False)
    for key, alert in open_before.items():
        if key not in open_after:
            yield Moment(at, f"{alert.name} resolved", alert.severity is Severity.PAGE)
    for source in after.sources:
        known = before.source(source.name)
        if known is not None and known.ok is not source.ok and known.good_at is not None:
            yield Moment(at, f"{source.name} {'back' if source.ok else 'lost'}", False)


def answered(known: Known, wanted: Wanted, now: datetime) -> Answers:
    """What the recording says to these questions; curves are cut out of whatever was recorded of them."""
    found = {expr: known.answers.found.get(expr, Found(error=NOT_RECORDED)) for expr in wanted.now}
    tracks = {(expr, span): _track(known.answers, expr, span, now) for expr, span in wanted.past}
    return Answers(found, tracks, known.answers.error)


def _track(answers: Answers, expr: str, span: Span, now: datetime) -> Track:
    exact = answers.tracks.get((expr, span))
    if exact is not None and (span.live or exact.until == span.end(now)):
        return exact
    start, end = span.start(now), span.end(now)
    points: dict[frozenset[tuple[str, str]], dict[datetime, float]] = {}
    labels: dict[frozenset[tuple[str, str]], Mapping[str, str]] = {}
    at: datetime | None = None
    for (other, other_span), track in answers.tracks.items():
        if other != expr or track.until is None or other_span.step > span.step:
            continue
        for series in track.series:
            key = frozenset(series.labels.items())
            labels[key] = series.labels
            inside = {moment: value for moment, value in series.points if start <= moment <= end}
            points.setdefault(key, {}).update(inside)
        at = max(at, track.at) if at is not None and track.at is not None else track.at or at
    series_of = tuple(
        Series(labels[key], tuple(sorted(each.items()))) for key, each in points.items() if each
    )
    if not series_of:
        return Track(error=NOT_RECORDED)
    return Track(series_of, end, at)


def query_of(known: Known, slo: Slo, step: timedelta) -> str:
    """The PromQL recorded for an error ratio; a comment where there is none."""
    exact = known.queries.get((slo.id, step))
    if exact is not None:
        return exact
    return f"# {slo.id} every {step}: {NOT_RECORDED}"


# --- playing ----------------------------------------------------------------------------------------------

SPEEDS: Final = (1, 10, 60)


class Played(Protocol[K_co]):
    """Something recorded that can be gone to and fro in."""

    start: datetime
    end: datetime
    problem: str | None
    """Why it ends early; None: it does not, as far as was read."""

    def at(self, moment: datetime) -> K_co:
        """What was known then."""
        ...

    def following(self, moment: datetime, *, pages: bool = False) -> Moment | None: ...

    def preceding(self, moment: datetime, *, pages: bool = False) -> Moment | None: ...


@dataclass(slots=True)
class Player(Generic[K]):
    """Where in a recording one is, and how fast it goes on."""

    recording: Played[K]
    now: datetime
    playing: bool = True
    speed: int = 1

    def advance(self, elapsed: timedelta) -> None:
        """So much time went by outside; at the end it stops."""
        if self.playing:
            self.go(self.now + elapsed * self.speed)
            self.playing = self.now < self.recording.end

    def go(self, moment: datetime) -> None:
        self.now = min(max(moment, self.recording.start), self.recording.end)

    def toggle(self) -> None:
        """Play or pause; at the end, from the start again."""
        if not self.playing and self.now >= self.recording.end:
            self.now = self.recording.start
        self.playing = not self.playing

    def faster(self, steps: int) -> None:
        place = SPEEDS.index(self.speed) + steps
        self.speed = SPEEDS[min(max(place, 0), len(SPEEDS) - 1)]

    def step(self, direction: int, *, pages: bool = False) -> Moment | None:
        """To the next change or page, or the one before; None: there is none."""
        find = self.recording.following if direction > 0 else self.recording.preceding
        moment = find(self.now, pages=pages)
        if moment is not None:
            self.now = moment.at
        return moment

    def known(self) -> K:
        return self.recording.at(self.now)
