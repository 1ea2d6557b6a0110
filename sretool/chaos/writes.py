"""What became of the writes of a client ledger: a pure function of its journal and of what the servers hold.

Times are monotonic seconds here; `offset` makes unix seconds of them.
"""

from __future__ import annotations

from collections import Counter  # noqa: TC003 - fields are looked up where documents are made
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

FORMAT: Final = 1
WRITABLE: Final = "writable"
STANDBY: Final = "standby"
AWAY: Final = "away"
APART: Final = 5.0
"""Seconds without a bad write after which the next one begins another outage."""
_EXAMPLES: Final = 20


@dataclass(slots=True)
class Write:
    id: str
    sent: float
    ended: float | None = None
    """When it was answered or given up; None: neither."""
    status: int = 0
    """Of the answer; 0: there is none."""
    server: str = ""
    instance: str = ""

    @property
    def acked(self) -> bool:
        return 200 <= self.status < 300

    @property
    def refused(self) -> bool:
        """The service says that it has stored nothing."""
        return 400 <= self.status < 500

    def bad(self, late: float) -> bool:
        """Refused counts, too: to whoever writes it is an outage all the same."""
        return not self.acked or self.ended is None or self.ended - self.sent > late


@dataclass(frozen=True, slots=True)
class Change:
    """A server was first seen in a state."""

    server: str
    at: float
    state: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What a server holds at the end."""

    there: Counter[str] | None
    """How often each id is there; None: it could not be read."""
    streaming: int | None = None
    """Standbys that stream from it; None: not known."""


@dataclass(slots=True)
class Journal:
    """Everything a ledger has put down."""

    writes: dict[int, Write] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    fault: float | None = None
    """When the first fault was made."""
    began: float = 0.0
    ended: float = 0.0
    calm: float = 0.0
    """Seconds without a bad write that were to pass before the end."""


def read(lines: Iterable[Mapping[str, Any]]) -> Journal:
    """A journal from its lines, in their order."""
    journal = Journal()
    for line in lines:
        match line:
            case {"sent": at, "n": number, "id": name}:
                journal.writes[number] = Write(str(name), at)
            case {"ended": at, "n": number}:
                write = journal.writes[number]
                write.ended, write.status = at, line.get("status", 0)
                write.server, write.instance = line.get("server", ""), line.get("instance", "")
            case {"state": state, "server": server, "t": at}:
                journal.changes.append(Change(server, at, state))
            case {"fault": at}:
                journal.fault = at if journal.fault is None else min(at, journal.fault)
            case {"began": at}:
                journal.began = at
            case {"stopped": at}:
                journal.ended, journal.calm = at, line.get("calm", 0.0)
    return journal


def fold(
    journal: Journal,
    servers: Mapping[str, Sequence[str]],
    readings: Mapping[str, Reading],
    *,
    offset: float,
    late: float,
) -> dict[str, Any]:
    """The result, as the ledger's documentation says; `servers` is name → other names of the same server."""
    return _Fold(journal, servers, readings, offset, late).result()


class _Fold:
    def __init__(
        self,
        journal: Journal,
        servers: Mapping[str, Sequence[str]],
        readings: Mapping[str, Reading],
        offset: float,
        late: float,
    ) -> None:
        self._journal = journal
        self._servers = servers
        self._readings = readings
        self._offset = offset
        self._late = late
        self._fault = journal.fault
        self._writes = sorted(journal.writes.values(), key=lambda write: write.sent)
        self._acked = [write for write in self._writes if write.acked]
        self._states = {name: _states(journal.changes, name) for name in servers}
        names = {other: name for name, others in servers.items() for other in (name, *others)}
        for write in self._acked:
            write.server = names.get(write.server, write.server)

    def result(self) -> dict[str, Any]:
        found = self._found()
        outages = self._outages()
        return {
            "format": FORMAT,
            "began_at": self._unix(self._journal.began),
            "ended_at": self._unix(self._journal.ended),
            "fault_at": self._unix(self._fault),
            "sent": len(self._writes),
            "acked": len(self._acked),
            "refused": sum(write.refused for write in self._writes),
            "unknown": sum(not write.acked and not write.refused for write in self._writes),
            **found,
            "rto_s": self._rto(),
            "rto_database_s": self._rto_database(),
            "first_failed_at": self._unix(outages[0][0].sent if outages else None),
            "last_failed_at": self._unix(outages[-1][-1].sent if outages else None),
            "outages": [
                {
                    "from_at": self._unix(outage[0].sent),
                    "until_at": self._unix(self._well_after(outage[-1])),
                    "writes": len(outage),
                }
                for outage in outages
            ],
            "servers": [self._server(name) for name in self._servers],
            "instances": [
                {"name": name, **self._acks([write for write in self._acked if write.instance == name])}
                for name in sorted({write.instance for write in self._acked} - {""})
            ],
            "promoted": self._promoted(),
            "split_brain": self._split_brain(),
            "redundant": self._redundant(),
        }

    # ---- what is there

    @property
    def _primary(self) -> str | None:
        """The only server that accepts writes at the end."""
        writable = [name for name in self._servers if self._state(name) == WRITABLE]
        return writable[0] if len(writable) == 1 else None

    def _found(self) -> dict[str, Any]:
        reading = self._readings.get(self._primary or "")
        there = reading.there if reading else None
        if there is None:
            names = ("lost", "duplicated", "resurrected", "kept_unknown", "rpo_s")
            return dict.fromkeys(names) | {"examples": {}}
        lost = [write for write in self._acked if write.id not in there]
        refused = [write.id for write in self._writes if write.refused and write.id in there]
        kept = sum(not write.acked and not write.refused and write.id in there for write in self._writes)
        twice = [name for name, count in there.items() if count > 1]
        return {
            "lost": len(lost),
            "duplicated": len(twice),
            "resurrected": len(refused),
            "kept_unknown": kept,
            "examples": {
                "lost": [write.id for write in lost[:_EXAMPLES]],
                "duplicated": twice[:_EXAMPLES],
                "resurrected": refused[:_EXAMPLES],
            },
            "rpo_s": self._rpo(lost),
        }

    def _rpo(self, lost: Sequence[Write]) -> float:
        acks = [write.ended for write in lost if write.ended is not None]
        if not acks:
            return 0.0
        return max(max(acks), self._fault or max(acks)) - min(acks)

    # ---- how long it was away

    def _outages(self) -> list[list[Write]]:
        """Bad writes sent after the fault (all, without one), those close to each other together."""
        found: list[list[Write]] = []
        for write in self._writes:
            if not write.bad(self._late) or not self._is_after(write):
                continue
            if found and write.sent - found[-1][-1].sent < APART:
                found[-1].append(write)
            else:
                found.append([write])
        return found

    def _is_after(self, write: Write) -> bool:
        """Whether the fault could still hurt it: it was not over by then."""
        return self._fault is None or write.ended is None or write.ended >= self._fault

    def _well_after(self, bad: Write) -> float | None:
        """Ack of the first write sent after the bad one that was good; None: there is none."""
        after = (
            write.ended
            for write in self._writes
            if write.sent > bad.sent and not write.bad(self._late) and write.ended is not None
        )
        return min(after, default=None)

    def _rto(self) -> float | None:
        if self._fault is None or not self._acked:
            return None
        outages = self._outages()
        if not outages:
            # Nothing was sent any more: nobody knows.
            return 0.0 if any(write.sent > self._fault for write in self._acked) else None
        last = outages[-1][-1]
        calm = self._journal.calm
        if calm and (last.ended is None or last.ended > self._journal.ended - calm):
            # One that went well proves nothing while others fail, as half of them do behind a load balancer.
            return None
        well = self._well_after(last)
        return None if well is None else max(well - self._fault, 0.0)

    def _rto_database(self) -> float | None:
        if self._fault is None or not self._servers or self._primary is None:
            return None
        away = [end for start, end in self._nobody_writable() if end is None or end > self._fault]
        if not away:
            return 0.0
        return None if away[-1] is None else max(away[-1] - self._fault, 0.0)

    def _nobody_writable(self) -> list[tuple[float, float | None]]:
        """Spans in which no server accepted writes; an end of None: it is not over."""
        found: list[tuple[float, float | None]] = []
        now: dict[str, str] = {}
        since: float | None = None
        for change in sorted(self._journal.changes, key=lambda change: change.at):
            now[change.server] = change.state
            some = WRITABLE in now.values()
            if some and since is not None:
                found.append((since, change.at))
                since = None
            elif not some and since is None and len(now) == len(self._servers):
                since = change.at
        return found if since is None else [*found, (since, None)]

    # ---- who it was

    def _server(self, name: str) -> dict[str, Any]:
        reading = self._readings.get(name)
        there = reading.there if reading else None
        writable = [
            start
            for start, _, state in self._states[name]
            if state == WRITABLE and self._fault is not None and start >= self._fault
        ]
        return {
            "name": name,
            "acked": sum(write.server == name for write in self._acked),
            **self._acks([write for write in self._acked if write.server == name]),
            "state": self._state(name),
            "writable_at": self._unix(min(writable, default=None)),
            "there": None if there is None else sum(there.values()),
            "missing": None if there is None else sum(write.id not in there for write in self._acked),
        }

    def _acks(self, writes: Sequence[Write]) -> dict[str, Any]:
        fault = self._fault if self._fault is not None else float("inf")
        acks = sorted(write.ended for write in writes if write.ended is not None)
        before = [at for at in acks if at < fault]
        after = [at for at in acks if at >= fault]
        return {
            "acked_before": len(before),
            "acked_after": len(after),
            "last_ack_before_at": self._unix(before[-1] if before else None),
            "first_ack_after_at": self._unix(after[0] if after else None),
        }

    def _promoted(self) -> str | None:
        primary = self._primary
        if primary is None or self._fault is None:
            return None
        before = [state for start, _, state in self._states[primary] if start < self._fault and state != AWAY]
        return primary if before and before[-1] != WRITABLE else None

    def _split_brain(self) -> bool | None:
        if len(self._servers) < 2:
            return None
        spans = [
            (start, end, name)
            for name, states in self._states.items()
            for start, end, state in states
            if state == WRITABLE
        ]
        for start, end, name in spans:
            for other_start, other_end, other in spans:
                if name < other and max(start, other_start) < min(end, other_end):
                    return True
        return None if any(self._state(name) == AWAY for name in self._servers) else False

    def _redundant(self) -> bool | None:
        primary = self._primary
        if len(self._servers) < 2 or primary is None:
            return None
        reading = self._readings.get(primary)
        if reading is None or reading.there is None or reading.streaming is None:
            return None
        others = [self._readings.get(name) for name in self._servers if name != primary]
        same = all(
            other is not None and other.there is not None and not reading.there - other.there
            for other in others
        )
        return reading.streaming >= len(others) and same

    def _state(self, name: str) -> str:
        states = self._states[name]
        return states[-1][2] if states else AWAY

    def _unix(self, at: float | None) -> float | None:
        return None if at is None else round(at + self._offset, 6)


def _states(changes: Iterable[Change], name: str) -> list[tuple[float, float, str]]:
    """From, until and state, in their order; the last one is open."""
    own = sorted((change.at, change.state) for change in changes if change.server == name)
    ends = [at for at, _ in own[1:]] + [float("inf")]
    return [(at, end, state) for (at, state), end in zip(own, ends, strict=True)]
