"""The one line an on-call reads first: is it us, what, how long is left, which key next.

Every word of it is a fact of the snapshot: a state Prometheus gave, an alert Alertmanager holds, a mark or a
run somebody wrote down, the age of each. Where a fact is missing the line says so (UNSURE, STALE) instead of
concluding from what is left. The rules stand in the order in which they are asked; the first that applies
answers.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sretool.core.observe import causes, wording
from sretool.core.observe.answer import Tag, Verdict
from sretool.core.observe.freshness import Freshness
from sretool.core.observe.model import AlertState
from sretool.core.observe.phrase import Phrase, phrase
from sretool.core.observe.wording import NOTHING, kept, span
from sretool.core.slo.model import Level, Severity
from sretool.units import format_duration

if TYPE_CHECKING:
    from datetime import datetime

    from sretool.core.observe.freshness import SourceAge
    from sretool.core.observe.model import Alert, Change, Drill, SloStatus, Snapshot, Targets

__all__ = ["Tag", "Verdict", "judge"]

_BREAK_EVEN = 1.0
"""Below this burn rate a budget grows back rather than shrinks."""

_NO_TIER = 99
"""Behind every tier there is."""

_ITSELF = "prometheus"
"""Job under which a Prometheus usually scrapes itself."""

_RETRY = "R"
_WHY = "i"
_OPEN = "enter"
_OPEN_ALERT = "tab, enter"
_GAME_DAY = "5"


@dataclass(frozen=True, slots=True)
class _Case:
    """What every rule may look at."""

    snapshot: Snapshot
    prometheus: SourceAge
    alertmanager: SourceAge | None
    """None: not configured."""
    now: datetime

    @property
    def alerts_usable(self) -> bool:
        return self.alertmanager is not None and self.alertmanager.freshness.usable

    def at(self, level: Level) -> list[SloStatus]:
        return [status for status in self.snapshot.statuses if status.level is level]

    @property
    def slos(self) -> Phrase:
        return wording.slos(len(self.snapshot.statuses))

    @property
    def services(self) -> set[str]:
        return {status.slo.service for status in self.snapshot.statuses}

    def burning_since(self, status: SloStatus) -> datetime | None:
        """When the first page of this SLO began, as far as Alertmanager knows one."""
        found = (alert.since for alert in causes.pages(self.snapshot.alerts) if alert.slo == status.slo.id)
        return min(found, default=None)


def judge(
    snapshot: Snapshot, prometheus: SourceAge, alertmanager: SourceAge | None, now: datetime
) -> Verdict:
    """The verdict on one snapshot; `alertmanager` is None where none is configured."""
    case = _Case(snapshot, prometheus, alertmanager, now)
    if prometheus.freshness is Freshness.WAITING:
        waiting = phrase("waiting for the first answer of Prometheus")
        return Verdict(Tag.UNSURE, (waiting,), None, (phrase("no answer yet"),))
    if not prometheus.freshness.usable:
        return _stale(case)
    rules = (_burning_page, _blinded, _page_without_burn, _drill, _spent, _slow, _dependency_down, _unknown,
             _alerts_unknown, _foreign_page, _probes_fail, _alerting_dead)  # fmt: skip
    finding = next((found for rule in rules if (found := rule(case)) is not None), None) or _clear(case)
    inputs = (
        wording.counts(snapshot.statuses),
        *wording.gate_facts(snapshot),
        *_surroundings(case),
        *wording.source_facts(snapshot, prometheus, alertmanager),
    )
    return replace(finding, reasons=(*finding.reasons, *inputs))


def _stale(case: _Case) -> Verdict:
    snapshot, prometheus, alertmanager = case.snapshot, case.prometheus, case.alertmanager
    why: str | Phrase = prometheus.error or phrase("it answers, but its newest sample is old")
    if prometheus.freshness is Freshness.REMEMBERED:
        why = phrase("this is what was known when the dashboard was last open; nothing has answered yet")
    reasons = (
        phrase(
            "Prometheus cannot be trusted now, so every row keeps its last state, marked `?`;"
            " nothing may turn ok until it answers with new samples."
        ),
        phrase("Prometheus: {state}, {why}", state=phrase(prometheus.freshness.value), why=why),
        *wording.source_facts(snapshot, prometheus, alertmanager),
    )
    if prometheus.as_of is None:
        never = phrase("Prometheus has never answered: {why}", why=prometheus.cause or why)
        return Verdict(Tag.STALE, (never,), None, reasons, key=_RETRY)
    time = f"{prometheus.as_of:%H:%M:%S}Z"
    pages = causes.open_pages(snapshot.alerts) if case.alerts_usable else []
    if case.alerts_usable:
        word = phrase("1 page") if len(pages) == 1 else phrase("{count} pages", count=str(len(pages)))
        said = [phrase("; Alertmanager is live: {pages}", pages=word)]
        if pages:
            since = wording.ago(case.now, pages[0].since)
            said.append(phrase(", {alert} {span}", alert=wording.alert_name(pages[0]), span=since))
    elif alertmanager is not None:
        said = [phrase("; Alertmanager is lost as well")]
    else:
        said = [phrase("; order kept")]
    worst = next(iter(case.at(Level.PAGE)), None)
    if worst is None:
        frozen = phrase("frozen at {time}", time=time)
        level = Level.PAGE if pages else None
        return Verdict(Tag.STALE, (frozen, *said), level, reasons, key=_RETRY)
    left = NOTHING
    if worst.exhausts_in is not None:
        left = phrase(", gone in {span}", span=span(worst.exhausts_in))
    # In the past tense and dated: nothing of it is counted on.
    parts = (wording.name_of(worst), phrase(" paged"), left, phrase(" at {time}", time=time))
    return Verdict(Tag.STALE, kept(parts), Level.PAGE, reasons, tuple(said), _RETRY)


def _burning_page(case: _Case) -> Verdict | None:
    paging = case.at(Level.PAGE)
    if not paging:
        return None
    snapshot = case.snapshot
    drilled = [status for status in paging if _drill_of(case, status) is not None]
    ours = [status for status in paging if status not in drilled]
    if not ours:
        return _explained_by_drill(case, drilled)
    explained = [
        (status, found[0])
        for status in ours
        if (found := _broken(case, [status.slo.service])) and found[0].foreign
    ]
    if len(explained) == len(ours):
        return _explained_by_dependency(case, *explained[0], len(paging) - 1)
    unexplained = {status.slo.id for status in ours} - {status.slo.id for status, _ in explained}
    worst = next(status for status in ours if status.slo.id in unexplained)
    silenced = _silenced(case, worst)
    gone = wording.gone_words(worst, case.prometheus)
    change = causes.suspect(snapshot, worst.slo.service, case.burning_since(worst), case.now)
    after = NOTHING
    if change is not None:
        before = span((case.burning_since(worst) or case.now) - change.at)
        after = phrase(", {span} after {change}", span=before, change=_change_words(change))
    own = next(iter(_broken(case, [worst.slo.service])), None)
    cause = phrase(", {dependency} is down", dependency=own.dependency.id) if own is not None else NOTHING
    # That somebody has silenced it comes before how long is left; both are needed.
    parts = (
        wording.name_of(worst),
        wording.burn_words(worst),
        gone,
        phrase(", silenced") if silenced else NOTHING,
    )
    rest = (after, cause, wording.more(len(paging) - 1), wording.owner(worst))
    pairs = "; ".join(
        f"{format_duration(pair.long)} and {format_duration(pair.short)} both above"
        f" {float(pair.factor(worst.slo.window)):.3g}x"
        for pair in worst.firing
    )
    rule = phrase("An SLO with a page-level burn is ours: users are hurt now.")
    if silenced:
        rule = phrase(
            "An SLO with a page-level burn is ours: users are hurt now."
            " Its page is silenced; the burn is not."
        )
    reasons = (
        rule,
        phrase("{id}: {why}", id=str(worst.slo.id), why=pairs or phrase("page level by its rules")),
    )
    return Verdict(Tag.US, kept(parts), Level.PAGE, reasons, kept(rest), _OPEN)


def _explained_by_dependency(case: _Case, status: SloStatus, cause: causes.Broken, others: int) -> Verdict:
    name = cause.dependency.id
    since = (
        phrase(": {dependency} down {span}", dependency=name, span=wording.ago(case.now, cause.since))
        if cause.since is not None
        else phrase(": {dependency} down", dependency=name)
    )
    parts = (wording.name_of(status), wording.gone_words(status, case.prometheus), since)
    fallback = cause.dependency.fallback
    rest = (
        wording.burn_words(status),
        phrase(", of {provider}", provider=cause.dependency.provider or ""),
        wording.more(others),
        wording.owner(status),
    )
    reasons = (
        phrase(
            "What burns stands on something we buy, and that is down. Users are hurt all the same;"
            " the cause is not ours."
        ),
        phrase("{dependency} ({title}): {said}", dependency=name, title=cause.dependency.title,
               said=cause.said_by),
        *((phrase("What may be done: {fallback}", fallback=fallback),) if fallback else ()),
    )  # fmt: skip
    return Verdict(Tag.NOT_US, kept(parts), Level.PAGE, reasons, kept(rest), _OPEN)


def _explained_by_drill(case: _Case, paging: list[SloStatus]) -> Verdict:
    worst = paging[0]
    drill = _drill_of(case, worst)
    assert drill is not None
    parts = (
        wording.name_of(worst),
        wording.burn_words(worst),
        wording.gone_words(worst, case.prometheus),
        phrase(": {drill}", drill=drill.name),
    )
    rest = (
        phrase(" {span}", span=wording.ago(case.now, drill.started)),
        wording.more(len(paging) - 1),
        wording.owner(worst),
    )
    reasons = (
        phrase(
            "Everything that pages is of services that a running drill may hurt: caused by us on purpose."
        ),
        *_drill_facts(case),
    )
    return Verdict(Tag.DRILL, kept(parts), Level.PAGE, reasons, kept(rest), _GAME_DAY)


def _blinded(case: _Case) -> Verdict | None:
    """Nothing of what counts some SLOs' events answers: their figures stand still while users may fail."""
    blind = [
        each for each in case.snapshot.statuses if each.blind is not None and _drill_of(case, each) is None
    ]
    if not blind:
        return None
    worst = min(blind, key=lambda each: each.slo.tier if each.slo.tier is not None else _NO_TIER)
    assert worst.blind is not None
    targets = worst.blind
    counted = (
        phrase("1 SLO blind") if len(blind) == 1 else phrase("{count} SLOs blind", count=str(len(blind)))
    )
    others = [
        each for each in case.snapshot.targets if each.job not in {b.blind.job for b in blind if b.blind}
    ]
    if others and not any(each.up for each in others if each.job != _ITSELF):
        return _cut_off(case, counted)
    silenced = all(_told_of_silenced(case, each.blind) for each in blind if each.blind is not None)
    parts = (
        phrase("{service}: 0 of {of} targets of {job} up", service=worst.slo.service, of=str(targets.of),
               job=targets.job),
        phrase(", {blind}", blind=counted),
        phrase(", silenced") if silenced else NOTHING,
    )  # fmt: skip
    reasons = (
        phrase(
            "What counts the events of an objective answers no scrape, so a service that is down looks as if"
            " nobody came. Ours until somebody finds that only the scrape fails."
        ),
        phrase("Blind: {names}", names=", ".join(str(each.slo.id) for each in blind)),
        phrase("The page that tells of it is silenced: somebody knows.") if silenced else NOTHING,
    )
    level = Level.TICKET if silenced else Level.PAGE
    return Verdict(Tag.US, kept(parts), level, kept(reasons), kept((wording.owner(worst),)), _OPEN)


def _told_of_silenced(case: _Case, targets: Targets) -> bool:
    """Whether pages tell that these targets do not answer, and somebody has silenced all of them."""
    told = [
        alert
        for alert in causes.pages(case.snapshot.alerts)
        if alert.slo is None and alert.labels.get("job") == targets.job
    ]
    states = {alert.state for alert in told}
    return AlertState.SILENCED in states and not states & causes.OPEN


def _cut_off(case: _Case, counted: Phrase) -> Verdict:
    of = str(sum(each.of for each in case.snapshot.targets if each.job != _ITSELF))
    parts = (phrase("0 of {of} targets answer Prometheus", of=of), phrase(", {blind}", blind=counted))
    reasons = (
        phrase(
            "Nothing that Prometheus scrapes answers it: either everything is down, or it is cut off from"
            " everything."
        ),
    )
    return Verdict(Tag.UNSURE, parts, Level.PAGE, reasons, key=_OPEN)


def _page_without_burn(case: _Case) -> Verdict | None:
    """A page of one of our services, while no SLO burns at page level."""
    if case.alertmanager is None:
        return None
    open_pages = [
        alert
        for alert in causes.open_pages(case.snapshot.alerts)
        if alert.slo is not None or alert.labels.get("service") in case.services
    ]
    if not open_pages:
        return None
    symptoms = [alert for alert in open_pages if alert.slo is None]
    undrilled = [alert for alert in symptoms if not _drilled(case, alert)]
    if undrilled:
        return _symptom(case, undrilled, len(open_pages) - 1)
    if symptoms:
        return None
    return _cooling(case, open_pages[0])


def _symptom(case: _Case, symptoms: list[Alert], others: int) -> Verdict:
    broken = {each.dependency.id for each in _broken(case) if each.foreign}
    own = [alert for alert in symptoms if alert.labels.get(causes.DEPENDENCY) not in broken]
    first = (own or symptoms)[0]
    aged = NOTHING
    if not case.alerts_usable and case.alertmanager is not None:
        aged = phrase(" (alerts of {span} ago)", span=span(case.alertmanager.age))
    parts = (
        phrase("{alert}", alert=wording.alert_name(first)),
        phrase(" pages for {span}{aged}", span=wording.ago(case.now, first.since), aged=aged),
    )
    rest = (
        phrase(", no SLO burns at page level"),
        wording.more(others),
        wording.alert_owner(first),
    )
    if own:
        rule = phrase("A page of our own service is open although no SLO burns fast enough to page.")
    else:
        rule = phrase("What pages is about something we buy, and no SLO of ours burns fast enough to page.")
    reasons = (rule, wording.summary(first))
    tag = Tag.US if own else Tag.NOT_US
    return Verdict(tag, parts, Level.PAGE if own else Level.TICKET, reasons, kept(rest), _OPEN_ALERT)


def _cooling(case: _Case, page: Alert) -> Verdict | None:
    """The page of an SLO that no longer burns at page level."""
    status = next((each for each in case.snapshot.statuses if each.slo.id == page.slo), None)
    if status is None:
        return None
    short, long = wording.short_and_long(status)
    falling = short is not None and short < _BREAK_EVEN
    pattern = " recovers: now {burn}" if falling else " no longer pages: now {burn}"
    parts = (
        wording.name_of(status),
        phrase(pattern, burn=wording.burn(short)),
        wording.gone_words(status, case.prometheus),
    )
    rest = (phrase(", 1h {burn}", burn=wording.burn(long)), phrase(", its page is still open"))
    reasons = (
        phrase("The burn is below page level again, but Alertmanager has not closed the page yet."),
        phrase("{id}: shortest window {short}, 1h {long}", id=str(status.slo.id),
               short=wording.burn(short), long=wording.burn(long)),
    )  # fmt: skip
    return Verdict(Tag.US, kept(parts), Level.TICKET, reasons, rest, _OPEN)


def _drill(case: _Case) -> Verdict | None:
    """A drill runs, and nothing that it does not explain pages."""
    drill = next(iter(case.snapshot.drills), None)
    if drill is None:
        return None
    parts = (
        phrase("{drill}", drill=drill.name),
        phrase(" runs for {span}", span=wording.ago(case.now, drill.started)),
        phrase(", on {services}", services=", ".join(drill.services)) if drill.services else NOTHING,
    )
    slow = len(case.at(Level.TICKET)) + len(case.at(Level.SPENT))
    blind = len(case.at(Level.NO_DATA))
    hold = len(case.snapshot.statuses) - slow - blind
    ends = phrase(", ends in {span}", span=span(drill.ends - case.now)) if drill.ends else NOTHING
    rest = (
        phrase(", {hold} of {slos} hold", hold=str(hold), slos=case.slos),
        phrase(", {count} without data", count=str(blind)) if blind else NOTHING,
        ends,
        wording.more(len(case.snapshot.drills) - 1),
    )
    reasons = (phrase("A drill is running; no page is open that it does not explain."), *_drill_facts(case))
    return Verdict(Tag.DRILL, kept(parts), None, reasons, kept(rest), _GAME_DAY)


def _spent(case: _Case) -> Verdict | None:
    spent = case.at(Level.SPENT)
    if not spent:
        return None
    worst = spent[0]
    left = _left(worst)
    back = NOTHING
    if worst.recovers_in is not None:
        back = phrase(", back in {span}", span=span(worst.recovers_in))
    short, long = wording.short_and_long(worst)
    burns = short is not None and short >= _BREAK_EVEN
    burning = phrase(", burns {burn}", burn=wording.burn(long))
    if not burns:
        burning = phrase(", burn now {burn}", burn=wording.burn(short))
    parts = (
        wording.name_of(worst),
        phrase(" spent its budget ({left})", left=left) if left else phrase(" spent its budget"),
        # Nothing is gone in some time that is gone: when it is back is what is asked instead.
        back,
    )
    rest = (burning, wording.more(len(spent) + len(case.at(Level.TICKET)) - 1), wording.owner(worst))
    reasons = (
        phrase("A budget is spent; nothing pages. Ours, and for working hours: hold risky changes."),
        phrase("{id}: {left} of the budget left", id=str(worst.slo.id), left=left or "?"),
    )
    return Verdict(Tag.US, kept(parts), Level.SPENT, reasons, kept(rest), _OPEN)


def _left(status: SloStatus) -> str:
    return wording.percent(status.budget_left) if status.budget_left is not None else ""


def _slow(case: _Case) -> Verdict | None:
    slow = case.at(Level.TICKET)
    if not slow:
        return None
    worst = slow[0]
    parts = (
        wording.name_of(worst),
        wording.burn_words(worst),
        phrase(" slowly"),
        wording.gone_words(worst, case.prometheus),
    )
    rest = (wording.more(len(slow) - 1), wording.owner(worst))
    reasons = (
        phrase("A slow burn: a ticket for this shift, nobody is paged."),
        phrase("{id}:{burns}", id=str(worst.slo.id), burns=wording.burn_words(worst)),
    )
    return Verdict(Tag.US, kept(parts), Level.TICKET, reasons, kept(rest), _OPEN)


def _dependency_down(case: _Case) -> Verdict | None:
    """Something we stand on does not work, and nobody is hurt by it, or nobody arrives to be counted."""
    broken = [each for each in _broken(case) if each.since is not None]
    if not broken or case.at(Level.NO_DATA) or _drilled_down(case, broken[0]):
        return None
    first = broken[0]
    parts = (
        phrase("{dependency} down {span}", dependency=first.dependency.id,
               span=wording.ago(case.now, first.since or case.now)),
        phrase(", our {slos} hold", slos=case.slos),
    )  # fmt: skip
    rest = (
        phrase(", of {provider}", provider=first.dependency.provider)
        if first.dependency.provider
        else NOTHING,
        wording.more(len(broken) - 1),
    )
    breaks, fallback = first.dependency.breaks, first.dependency.fallback
    reasons = (
        phrase("Something that the system stands on is down, and no SLO of ours burns."),
        phrase("{dependency} ({title}): {said}", dependency=first.dependency.id, title=first.dependency.title,
               said=first.said_by),
        phrase("While it is down: {breaks}", breaks=breaks) if breaks else NOTHING,
        phrase("What may be done: {fallback}", fallback=fallback) if fallback else NOTHING,
    )  # fmt: skip
    tag = Tag.NOT_US if first.foreign else Tag.US
    return Verdict(tag, parts, Level.TICKET, kept(reasons), kept(rest), _WHY)


def _drilled_down(case: _Case, broken: causes.Broken) -> bool:
    return any(broken.since is None or broken.since >= drill.started for drill in case.snapshot.drills)


def _unknown(case: _Case) -> Verdict | None:
    blind = case.at(Level.NO_DATA)
    if not blind:
        return None
    names = [str(status.slo.id) for status in blind]
    count = str(len(blind))
    head = phrase("{count} of {slos} without data", count=count, slos=case.slos)
    parts = (head, phrase(": {name}", name=names[0]))
    rest = tuple(phrase(", {name}", name=name) for name in names[1:])
    others = str(len(case.snapshot.statuses) - len(blind))
    reasons = (
        phrase("An SLO without data is never counted as ok."),
        phrase("{others} with data hold; without: {names}", others=others, names=", ".join(names)),
        *(
            phrase("{id}: {why}", id=str(status.slo.id), why=status.problem)
            for status in blind
            if status.problem
        ),
    )
    return Verdict(Tag.UNSURE, parts, Level.NO_DATA, reasons, rest, _OPEN)


def _alerts_unknown(case: _Case) -> Verdict | None:
    alertmanager = case.alertmanager
    if alertmanager is None or alertmanager.freshness.usable:
        return None
    waiting = alertmanager.freshness is Freshness.WAITING
    if waiting:
        said = phrase("; waiting for Alertmanager")
    elif alertmanager.age is None:
        said = phrase("; alerts unknown: Alertmanager has never answered")
    else:
        said = phrase("; alerts unknown: Alertmanager lost {span}", span=span(alertmanager.age))
    reasons = (
        phrase("Every SLO holds, but pages of symptoms cannot be seen while Alertmanager is away."),
        phrase("Alertmanager: {why}", why=alertmanager.error or phrase(alertmanager.freshness.value)),
    )
    parts = (phrase("{slos} hold", slos=case.slos), said)
    level = None if waiting else Level.NO_DATA
    return Verdict(Tag.UNSURE, parts, level, reasons, key="" if waiting else _RETRY)


def _foreign_page(case: _Case) -> Verdict | None:
    """What pages belongs to none of our services."""
    pages = [alert for alert in causes.open_pages(case.snapshot.alerts) if not _drilled(case, alert)]
    if not pages:
        return None
    first = pages[0]
    service = first.labels.get("service")
    whose = phrase(" of {service}", service=service) if service else phrase(", which names no service")
    parts = (
        phrase("our {slos} hold", slos=case.slos),
        phrase("; {alert}{whose} pages", alert=wording.alert_name(first), whose=whose),
        phrase(" for {span}", span=wording.ago(case.now, first.since)),
    )
    reasons = (
        phrase("Every SLO of ours holds; what pages carries another service's label, or none."),
        wording.summary(first),
    )
    return Verdict(Tag.NOT_US, parts, Level.TICKET, reasons, key=_OPEN_ALERT)


def _probes_fail(case: _Case) -> Verdict | None:
    """Our own measurements are good; what looks from outside sees something else."""
    failing = [probe for probe in case.snapshot.probes if not probe.up]
    if not failing:
        return None
    count, of = str(len(failing)), str(len(case.snapshot.probes))
    parts = (
        phrase("our {slos} hold", slos=case.slos),
        phrase("; {count} of {of} probes fail", count=count, of=of),
        phrase(": {name}", name=failing[0].name),
    )
    rest = tuple(phrase(", {name}", name=probe.name) for probe in failing[1:])
    reasons = (
        phrase(
            "Every SLO holds with the traffic that arrives, and probes fail: the way to us is broken,"
            " or what the probes ask for is."
        ),
        phrase("Failing: {names}", names=", ".join(probe.name for probe in failing)),
    )
    return Verdict(Tag.NOT_US, parts, Level.TICKET, reasons, rest, _WHY)


def _alerting_dead(case: _Case) -> Verdict | None:
    """The alert that always fires does not: no page would reach anybody."""
    dead_man = case.snapshot.dead_man
    if dead_man is None or dead_man.missing_since is None:
        return None
    parts = (
        phrase("{slos} hold", slos=case.slos),
        phrase("; {alert} is missing", alert=dead_man.name),
        phrase(" for {span}: pages may reach nobody", span=wording.ago(case.now, dead_man.missing_since)),
    )
    reasons = (
        phrase("The alert that always fires has not arrived: the way from rules to people is broken."),
        phrase("{alert}: check the rules, their alertmanagers, and the routes", alert=dead_man.name),
    )
    return Verdict(Tag.UNSURE, parts, Level.TICKET, reasons, key=_WHY)


def _clear(case: _Case) -> Verdict:
    snapshot = case.snapshot
    if not snapshot.statuses:
        none = phrase("the catalog has no SLO")
        return Verdict(Tag.UNSURE, (none,), Level.NO_DATA, (phrase("nothing to judge"),))
    tickets = sum(
        1 for alert in snapshot.alerts if alert.severity is Severity.TICKET and alert.state in causes.OPEN
    )
    silenced = [alert for alert in causes.pages(snapshot.alerts) if alert.state is AlertState.SILENCED]
    if case.alertmanager is None:
        pages = phrase(", no Alertmanager configured: pages unknown")
    elif silenced:
        pattern = ", 1 page silenced: {alert}" if len(silenced) == 1 else ", {count} pages silenced: {alert}"
        pages = phrase(pattern, count=str(len(silenced)), alert=wording.alert_name(silenced[0]))
    else:
        pages = phrase(", no page open")
    open_tickets = NOTHING
    if tickets:
        open_tickets = (
            phrase(", 1 ticket") if tickets == 1 else phrase(", {count} tickets", count=str(tickets))
        )
    ended = max((change.at for change in snapshot.changes if change.kind == "resolved"), default=None)
    last = NOTHING
    if ended is not None:
        last = phrase(", last alert ended {span} ago", span=wording.ago(case.now, ended))
    hold = phrase("{count} of {slos} hold", count=str(len(snapshot.statuses)), slos=case.slos)
    reasons = (phrase("Every SLO has data, none burns at ticket or page level, no page of ours is open."),)
    return Verdict(Tag.CLEAR, (hold, pages), None, reasons, kept((open_tickets, last)), _WHY)


def _silenced(case: _Case, status: SloStatus) -> bool:
    states = {a.state for a in causes.pages(case.snapshot.alerts) if a.slo == status.slo.id}
    return AlertState.SILENCED in states and not states & causes.OPEN


def _drilled(case: _Case, alert: Alert) -> bool:
    service = alert.labels.get("service", "")
    return causes.drill_on(case.snapshot, service, alert.since) is not None


def _drill_of(case: _Case, status: SloStatus) -> Drill | None:
    return causes.drill_on(case.snapshot, status.slo.service, case.burning_since(status))


def _broken(case: _Case, services: list[str] | None = None) -> list[causes.Broken]:
    return causes.broken(case.snapshot, alerts_known=case.alerts_usable, services=services or ())


def _change_words(change: Change) -> str | Phrase:
    if change.pattern:
        return phrase("{kind} {text}", kind=Phrase(change.kind), text=Phrase(change.pattern, change.values))
    return change.text if change.text.startswith(change.kind) else f"{change.kind} {change.text}"


def _drill_facts(case: _Case) -> tuple[Phrase, ...]:
    return tuple(
        phrase(
            "Drill {name}: for {span}, on {services}",
            name=drill.name,
            span=wording.ago(case.now, drill.started),
            services=", ".join(drill.services) or phrase("everything"),
        )
        for drill in case.snapshot.drills
    )


def _surroundings(case: _Case) -> tuple[Phrase, ...]:
    """What was looked at besides objectives and alerts."""
    snapshot = case.snapshot
    facts = []
    if snapshot.dependencies:
        down = ", ".join(f"{each.dependency.id} ({each.said_by})" for each in _broken(case))
        said = down or phrase("none is known to be down")
        count = str(len(snapshot.dependencies))
        facts.append(phrase("Dependencies: {count} in the catalog, {said}", count=count, said=said))
    if snapshot.probes:
        up = str(sum(probe.up for probe in snapshot.probes))
        facts.append(phrase("Probes: {up} of {of} succeed", up=up, of=str(len(snapshot.probes))))
    deploys = [change for change in snapshot.changes if change.kind == "deploy"]
    if deploys:
        last = max(deploys, key=lambda change: change.at)
        since = wording.ago(case.now, last.at)
        facts.append(phrase("Last deploy: {text}, {span} ago", text=last.text, span=since))
    if not snapshot.drills:
        facts.append(phrase("Drills: none is running"))
    if snapshot.dead_man is not None:
        missing = snapshot.dead_man.missing_since
        state = phrase("it arrives")
        if missing is not None:
            state = phrase("missing for {span}", span=wording.ago(case.now, missing))
        facts.append(phrase("Dead man's switch {alert}: {state}", alert=snapshot.dead_man.name, state=state))
    return tuple(facts)
