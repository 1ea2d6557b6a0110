"""What came of a release, as people say it: rows and sentences that text, HTML and Markdown share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sretool.core.plans.gameday.release import unit
from sretool.core.runs.words import NONE, count_words, value_words

if TYPE_CHECKING:
    from decimal import Decimal

    from sretool.core.analysis.release import Judged, LineFound, StageFound, WaterLine

STAGE_HEAD: Final = ("Stage", "Needs", "Carried", "Holds", "Breaks", "Knee", "Headroom", "At its line first",
                     "A month", "Needed")  # fmt: skip
STAGE_COLUMNS: Final = ((1, 2, 3, 4, 5, 6), (7, 8, 9))
"""Beside the stage; all together are more than a terminal or a page is wide."""
LINE_HEAD: Final = ("Resource", "At most", "Safe", "Warning", "Danger", "Level")
_CARRIED: Final = {True: "yes", False: "no", None: "?"}


def money(amount: Decimal, currency: str) -> str:
    """`1,080 USD`."""
    figure = count_words(float(amount)) if amount >= 100 else f"{amount:.2f}"
    return f"{figure} {currency}".rstrip()


def level(line: WaterLine, value: float | None) -> str:
    return value_words(value, unit(line))


def stage_row(judged: Judged, each: StageFound) -> tuple[str, ...]:
    """In the columns of `STAGE_HEAD`."""
    search, currency = each.search, judged.release.currency
    cost, needed = each.stage.monthly, each.needed
    more = f" for {money(each.monthly_needed, currency)}" if each.monthly_needed is not None else ""
    return (
        each.stage.id if each.stage.must else f"{each.stage.id} (outlook)",
        value_words(each.stage.rate, "1/s"),
        _CARRIED[each.carries],
        value_words(search.lower if search is not None else None, "1/s"),
        value_words(search.upper if search is not None else None, "1/s"),
        value_words(search.knee if search is not None else None, "1/s"),
        share(each.headroom),
        search.resource if search is not None and search.resource else NONE,
        money(cost, currency) if cost is not None else NONE,
        f"{needed}{more}" if needed is not None else NONE,
    )


def share(value: float | None) -> str:
    """`+42%`, `-85%`, `9.3x` where it is three times as much and more."""
    if value is None:
        return NONE
    return f"{value + 1:,.1f}x" if value >= 2 else f"{value:+.0%}"


def line_row(each: LineFound) -> tuple[str, ...]:
    """In the columns of `LINE_HEAD`."""
    line = each.line
    return (
        each.resource,
        level(line, each.most),
        level(line, line.safe),
        level(line, line.warn),
        level(line, line.danger),
        each.level.value,
    )


def headroom(judged: Judged) -> str:
    """One sentence; empty: nothing is forecast."""
    found, forecast = judged.headroom, judged.release.forecast
    if found is None or forecast is None:
        return ""
    made = [value_words(forecast.peak, "1/s")]
    if forecast.weekend != 1:
        made.append(f"x {forecast.weekend:g} at weekends")
    if forecast.growth and forecast.ahead:
        made.append(f"{forecast.growth * 100:+.3g}% a month for {forecast.ahead / 86400:.0f} days")
    said = f"forecast peak {value_words(found.rate, '1/s')} ({', '.join(made)})"
    if found.share is None:
        return f"{said}: what is left above it is not known"
    wanted = f", wanted {judged.release.reserve:.0%}" if judged.release.reserve else ""
    return f"{said}: {share(found.share)} is left above it with the traffic of {found.stage}{wanted}"


def remarks(judged: Judged) -> list[str]:
    """What the figures of the stages rest on."""
    told: list[str] = []
    scale = judged.release.scale
    if scale is not None and any(each.needed is not None for each in judged.stages):
        beyond = f" and {judged.release.reserve:.0%} beyond it" if judged.release.reserve else ""
        told.append(
            f"Needed: as many instances as carry the stage{beyond} if each carries as much"
            f" as one of the {scale.tested} tested: at best."
        )
    held = [each.search.lower for each in judged.stages if each.search is not None and each.search.lower]
    told += [
        f"{each.stage.id} broke at {value_words(each.search.upper, '1/s')}, and another search held"
        f" {value_words(max(held), '1/s')}: the system may not have been itself any more after too much;"
        " search once more when it is calm."
        for each in judged.stages
        if each.search is not None
        and each.search.lower is None
        and each.search.upper is not None
        and held
        and each.search.upper < max(held)
    ]
    shared = [each for each in judged.stages if each.shared]
    told += [
        f"{each.stage.id}: {each.shared} was at its line first; more instances do not help that."
        for each in shared
    ]
    return told
