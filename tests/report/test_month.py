from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from sretool.core.observe import assemble
from sretool.core.observe.month import Month, MonthOfSlo, of_slo, period
from sretool.core.slo.budget import Count, Past
from sretool.core.slo.firing import Firing
from sretool.core.slo.ledger import Kind, Span
from sretool.core.slo.model import Severity
from sretool.report import documents, svg
from sretool.report import month as report
from tests.support.slos import slo

STEP = timedelta(minutes=5)
START, END = datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC)
NOW = datetime(2026, 10, 2, tzinfo=UTC)
MADE = datetime(2026, 10, 2, 9, 30, tzinfo=UTC)
RELEASE = Span(
    "Release <7> | rolled back", datetime(2026, 9, 9, 12, tzinfo=UTC), datetime(2026, 9, 9, 13, tzinfo=UTC)
)
UPGRADE = Span("Upgrade", START + timedelta(days=20), START + timedelta(days=20, hours=1), Kind.MAINTENANCE)
PAGE = Firing(
    "SLOBudgetBurn",
    Severity.PAGE,
    RELEASE.start + STEP,
    RELEASE.end,
    timedelta(hours=1),
    timedelta(minutes=5),
)


def happened(bad: float = 0.1, in_release: float = 100.0) -> Past:
    def count(number: int) -> Count:
        begins = START + number * STEP
        return Count(in_release if RELEASE.start <= begins < RELEASE.end else bad, 1000.0)

    return Past(END, STEP, tuple(count(number) for number in range(30 * 288)))


def made(past: Past, title: str = "Checkout", alerts: tuple[Firing, ...] = (PAGE,)) -> MonthOfSlo:
    (status,) = assemble.statuses([slo(title=title)], {}, {}, END)
    return of_slo(status, past, (alerts, False), (RELEASE, UPGRADE), period("2026-09", NOW))


def month(*slos: MonthOfSlo) -> Month:
    other = ({"instance": "db-1"}, Firing("DiskFull", Severity.TICKET, START, None))
    return Month(period("2026-09", NOW), slos, (other,))


class Page(HTMLParser):
    """What a browser would find in it."""

    _VOID = ("meta", "br", "rect", "line", "circle", "polyline")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        assert self._open == [], "every element is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "xlink:href")]
        if tag not in self._VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_page_stands_alone() -> None:
    page = Page(report.html(month(made(happened())), MADE))
    assert all(address.startswith("#") for address in page.addresses)
    assert not {"script", "link", "img", "iframe", "object"} & set(page.tags)
    assert page.tags.count("svg") == 2, "a gauge and a chart"


def test_names_from_files_are_text_in_the_page() -> None:
    text = report.html(month(made(happened(), title="A <b>bold</b> & title")), MADE)
    assert "<b>" not in text
    assert "A &lt;b&gt;bold" in text
    assert "Release &lt;7&gt;" in text


def test_names_from_files_keep_a_markdown_table_whole() -> None:
    text = report.markdown(month(made(happened())), MADE)
    rows = [line for line in text.splitlines() if line.startswith("|") and "Release" in line]
    assert rows == [
        "| 1 | Wed 9 Sep, 12:00–13:05 | Release <7> \\| rolled back (incident) | 1,200 | 13.9% | 1 page |"
    ]


def test_the_month_in_plain_words() -> None:
    found = made(happened())
    assert report.headline(month(found)) == "The one objective was kept in September 2026."
    assert report.headline(month(found, made(happened(bad=2)))) == (
        "1 of 2 objectives were kept in September 2026."
    )
    assert report.sentence(found) == (
        "99.976% of 8,640,000 events were good; 99.9% was promised. 2,063 went wrong, of 8,640 that were"
        " allowed. 58% of it happened on Wed 9 Sep, 12:00–13:05 (Release <7> | rolled back)."
    )


def test_what_is_not_known_is_said() -> None:
    nothing = made(Past(END, STEP, (None,) * 30))
    assert report.headline(month(nothing)) == "Nothing is known of September 2026."
    assert report.headline(month(made(happened()), nothing)).endswith("Of 1 there is no data.")
    assert "There is no data of this month." in report.html(month(nothing), MADE)
    assert "no data" in report.markdown(month(nothing), MADE)


@pytest.mark.parametrize(
    ("bad", "text"),
    [(0.0, "100%"), (1e-7, "99.99999%"), (0.00123456, "99.877%"), (1.0, "0.000%")],
)
def test_no_failure_is_rounded_away(bad: float, text: str) -> None:
    objective = "0.99999" if bad == 1e-7 else "0.999"
    (status,) = assemble.statuses([slo(objective)], {}, {}, END)
    found = of_slo(status, Past(END, STEP, (Count(bad * 1e4, 1e4),)), ((), False), (), period("2026-09", NOW))
    assert report.reached(found) == text


def test_both_windows_are_stated() -> None:
    found = made(happened())
    assert "Calendar month, 1 Sep 2026 00:00 to 1 Oct 2026 00:00 UTC." in report.state(month(found))
    assert report.own_window(found).startswith("Its own window is rolling 30d")
    known = replace(found, status=replace(found.status, sli=0.9995, budget_left=0.5))
    assert report.own_window(known) == (
        "Its own window is rolling 30d: at the end of this period 50.0% of that budget was left."
    )

    spent = replace(found, status=replace(found.status, sli=0.9985, budget_left=-0.5))
    assert report.own_window(spent).endswith("at the end of this period overspent by 50.0%.")


def test_a_group_is_called_by_its_values() -> None:
    member = slo(title="By route", group_by=("route",)).member({"route": "/a"})
    assert report.label(member) == "By route (/a)"


def test_a_month_that_is_not_over_says_so() -> None:
    running = replace(
        month(made(happened())), period=period("2026-09", datetime(2026, 9, 20, 7, 3, tzinfo=UTC))
    )
    assert report.headline(running).endswith("so far.")
    assert "figures are up to 20 Sep 2026 07:00 UTC" in report.state(running)


@pytest.mark.parametrize("bad", [0.0, 0.1, 5.0], ids=["clean", "kept", "overspent"])
def test_pictures_are_well_formed_and_inside_their_frame(bad: float) -> None:
    drawn = ElementTree.fromstring(svg.burn_down(made(happened(bad))))
    _, _, width, height = map(float, drawn.attrib["viewBox"].split())
    for each in drawn.iter("rect"):
        x, y, w, h = (float(each.attrib[name]) for name in ("x", "y", "width", "height"))
        assert 0 <= x <= x + w <= width
        assert 0 <= y <= y + h <= height
    line = drawn.find("polyline")
    assert line is not None
    for point in line.attrib["points"].split():
        x, y = map(float, point.split(","))
        assert 0 <= x <= width
        assert 0 <= y <= height
    ElementTree.fromstring(svg.gauge(-0.5))


def test_the_document_adds_up() -> None:
    found = documents.month(month(made(happened())))
    (one,) = found["slos"]
    assert sum(entry["share"] for entry in one["ledger"]["entries"]) == pytest.approx(one["ledger"]["spent"])
    assert [entry["name"] for entry in one["ledger"]["entries"]] == [RELEASE.name, "Upgrade", None]
    assert one["budget_left"] == pytest.approx(1 - one["ledger"]["spent"])
    assert (found["complete"], one["met"], one["own_window"]["window_s"]) == (True, True, timedelta(days=30))
    assert len(one["weeks"]) == 5
    assert found["other_alerts"][0]["alert"] == "DiskFull"


def test_times_are_those_of_the_months_zone() -> None:
    (status,) = assemble.statuses([slo()], {}, {}, END)
    there = period("2026-09", NOW, "Asia/Tokyo")
    found = of_slo(status, happened(), ((PAGE,), False), (RELEASE,), there)
    of_tokyo = replace(month(found), period=there)
    assert report.headline(of_tokyo).endswith("in September 2026.")
    assert "1 Sep 2026 00:00 to 1 Oct 2026 00:00 Asia/Tokyo" in report.state(of_tokyo)
    for made_of in (report.markdown(of_tokyo, MADE), report.html(of_tokyo, MADE)):
        assert "Wed 9 Sep, 21:00–22:0" in made_of
        assert "9 Sep 2026 21:05" in made_of
        assert "Times are Asia/Tokyo." in made_of
    of_utc = month(found)
    text = report.markdown(of_utc, MADE)
    assert "Its month is that of its own calendar, Asia/Tokyo" in text
    assert documents.month(of_utc)["slos"][0]["zone"] == "Asia/Tokyo"
