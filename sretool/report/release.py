"""The part of a game day's report that is about a release: HTML, Markdown, and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup

from sretool.core.analysis.release import Decision, Level
from sretool.core.runs.words import value_words
from sretool.report import release_words as words
from sretool.report import templating
from sretool.report.postmortem import Action
from sretool.report.run import LOOKS, Figure

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

    from sretool.core.analysis.release import Judged, LineFound

_DECIDED: Final = {
    Decision.GO: ("go", "good", "everything that decides is good"),
    Decision.NO_GO: ("no-go", "bad", ""),
    Decision.OPEN: ("open", "warn", ""),
}
_LEVELS: Final = {
    Level.SAFE: "good",
    Level.RAISED: "warn",
    Level.WARNING: "bad",
    Level.DANGER: "bad",
    Level.UNKNOWN: "warn",
}


def html(judged: Judged) -> Markup:
    """One `<section>` in the look of the other reports."""
    return Markup(_render("release.html.j2", judged, escape=True))


def markdown(judged: Judged) -> str:
    """GitHub's Markdown, from its heading on."""
    return _render("release.md.j2", judged, escape=False)


def _render(template: str, judged: Judged, *, escape: bool) -> str:
    word, kind, all_good = _DECIDED[judged.decision]
    return templating.render(
        template,
        escape=escape,
        filters={},
        functions={},
        word=word,
        kind=kind,
        reason="; ".join(judged.reasons) or all_good,
        stage_head=words.STAGE_HEAD,
        stage_columns=words.STAGE_COLUMNS,
        stages=[
            (words.stage_row(judged, each), LOOKS[each.carries], each.stage.must) for each in judged.stages
        ],
        remarks=words.remarks(judged),
        headroom=words.headroom(judged),
        headroom_kind=LOOKS[judged.headroom.ok] if judged.headroom is not None else "",
        line_head=words.LINE_HEAD,
        water_lines=[(words.line_row(each), _LEVELS[each.level]) for each in judged.lines],
        peak=value_words(judged.peak, "1/s") if judged.peak is not None else "",
        gate=judged.gate.reason if judged.gate is not None else "",
        gate_kind=LOOKS[judged.gate.go] if judged.gate is not None else "",
    )


def figures(judged: Judged) -> list[Figure]:
    """What is to be seen first."""
    word, kind, _ = _DECIDED[judged.decision]
    bad = {True: "", False: "bad", None: "warn"}
    found = [Figure("Release", word, "", "" if kind == "good" else kind)]
    for each in judged.stages:
        if each.stage.must:
            held = value_words(each.search.lower if each.search is not None else None, "1/s")
            wanted = f"of {value_words(each.stage.rate, '1/s')}"
            found.append(Figure(each.stage.id, held, wanted, bad[each.carries]))
    if judged.headroom is not None:
        left = words.share(judged.headroom.share)
        found.append(Figure("Above forecast", left, "headroom", bad[judged.headroom.ok]))
    if judged.lines:
        worst = min(judged.lines, key=lambda each: (each.ok is None, _room(each)))
        most = words.level(worst.line, worst.most)
        found.append(Figure("Fullest at peak", most, worst.resource, bad[worst.ok]))
    if judged.gate is not None:
        go = {True: "go", False: "stop", None: "unknown"}[judged.gate.go]
        left = "" if judged.gate.budget_left is None else f"{judged.gate.budget_left:.0%} of budget left"
        found.append(Figure("Gate", go, left, bad[judged.gate.go]))
    return found


def _room(line: LineFound) -> float:
    """Share of the way to its warning line that is left."""
    return 1 - line.most / line.line.warn if line.most is not None and line.line.warn else 1.0


# --- what is to be done


def actions(judged: Judged) -> Iterator[Action]:
    """What would make it a go, in the order of what decides."""
    for each in judged.stages:
        if not each.stage.must or each.carries:
            continue
        name, search = each.stage.id, each.search
        if each.carries is None:
            yield Action(
                f"Search for the highest rate of {name} once more", "measure", f"{name} is not known"
            )
            continue
        first = search.why[0] if search is not None and search.why else ""
        full = search.resource if search is not None else ""
        what = "; ".join(
            filter(None, (first and f"{first} broke first", full and f"{full} was at its line first"))
        )
        told = f" ({what})" if what else ""
        wanted = value_words(each.stage.rate, "1/s")
        yield Action(f"Make {name} carry {wanted}{told}", "prevent", f"{name} is not carried")
    headroom = judged.headroom
    if headroom is not None and headroom.ok is not True:
        kind = "prevent" if headroom.ok is False else "measure"
        yield Action("Make room above the forecast peak", kind, words.headroom(judged))
    for line in judged.lines:
        if line.ok is None:
            told = f"{line.resource} was not measured at the peak"
            yield Action(f"Have {line.resource} measured", "measure", told)
        elif not line.ok:
            most, warn = words.level(line.line, line.most), words.level(line.line, line.line.warn)
            yield Action(
                f"Relieve {line.resource}", "prevent", f"{most} at the peak, {warn} is its warning line"
            )
    if judged.release.change and (judged.gate is None or judged.gate.go is not True):
        reason = judged.gate.reason if judged.gate is not None else "the gate was not asked"
        stop = judged.gate is not None and judged.gate.go is False
        yield Action(
            "Let the change wait until the budgets allow it, or have an exception made"
            if stop
            else "Ask the gate again (`sretool slo gate`)",
            "prevent" if stop else "measure",
            reason,
        )


# --- for programs


def document(judged: Judged) -> dict[str, Any]:
    """Rates per second, shares 0..1, money by the month."""
    found, gate = judged.headroom, judged.gate
    return {
        "decision": judged.decision.value,
        "reasons": list(judged.reasons),
        "currency": judged.release.currency or None,
        "stages": [
            {
                "id": each.stage.id,
                "rate": each.stage.rate,
                "must": each.stage.must,
                "carries": each.carries,
                "lower": each.search.lower if each.search is not None else None,
                "upper": each.search.upper if each.search is not None else None,
                "knee": each.search.knee if each.search is not None else None,
                "broke_first": list(each.search.why) if each.search is not None else [],
                "resource": (each.search.resource or None) if each.search is not None else None,
                "headroom": each.headroom,
                "monthly": _number(each.stage.monthly),
                "instances_needed": each.needed,
                "monthly_needed": _number(each.monthly_needed),
                "shared": each.shared or None,
            }
            for each in judged.stages
        ],
        "forecast": None
        if found is None
        else {
            "rate": found.rate,
            "stage": found.stage or None,
            "headroom": found.share,
            "reserve": judged.release.reserve,
            "ok": found.ok,
        },
        "peak": judged.peak,
        "water_lines": [
            {
                "resource": each.resource,
                "most": each.most,
                "safe": each.line.safe,
                "warn": each.line.warn,
                "danger": each.line.danger,
                "level": each.level.value,
                "ok": each.ok,
            }
            for each in judged.lines
        ],
        "gate": None
        if gate is None
        else {
            "change": judged.release.change,
            "go": gate.go,
            "reason": gate.reason,
            "slo": gate.slo or None,
            "budget_left": gate.budget_left,
            "needs": gate.needs or None,
        },
    }


def _number(amount: Decimal | None) -> float | None:
    return None if amount is None else float(amount)
