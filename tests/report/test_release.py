"""The part of the report that is about a release."""

from __future__ import annotations

import re
from dataclasses import replace
from decimal import Decimal
from html.parser import HTMLParser

from sretool.cli import gameday_release
from sretool.core.analysis.release import Forecast, Found, Gate, Judged, Release, Search, Use, judge
from sretool.report import release
from sretool.report.release_words import headroom, money, remarks, share
from tests.core.analysis.test_release import FOUND, RELEASE


def judged(of: Release = RELEASE, found: Found = FOUND) -> Judged:
    return judge(of, found)


class Text(HTMLParser):
    """Words of a page, and whether every tag is closed in its order."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data.split()


def read(page: str) -> str:
    found = Text()
    found.feed(page)
    found.close()
    assert found.open == []
    return " ".join(found.words)


def test_a_page_says_what_was_decided_and_by_what() -> None:
    text = read(release.html(judged()))
    for told in (
        "Release: go everything that decides is good",
        "launch 20/s yes 80/s 84/s 82/s 4.0x growth (outlook) 200/s no 70/s 75/s 71/s -65%",
        "launch Replica cpu app-1 250 USD 1 for 200 USD",
        "growth (outlook) Database connections pg-1 250 USD 7 for 500 USD",
        "growth: Database connections pg-1 was at its line first; more instances do not help that.",
        "Forecast peak 18/s (12/s, x 1.5 at weekends): 4.4x is left above it with the traffic of launch,"
        " wanted 20%.",
        "Used at the peak of 19.8/s",
        "Replica cpu app-2 50% 60% 80% 95% safe",
        "Gate of the error budget policy: OPEN.",
    ):
        assert told in text, text


def test_what_stops_it_is_said_first_and_marked() -> None:
    page = release.html(judged(found=replace(FOUND, gate=Gate(False, "FREEZE <b>"))))
    assert '<b class="bad">no-go</b>' in page
    assert "<p>gate: FREEZE &lt;b&gt;</p>" in page


def test_nothing_measured_is_a_dash_and_never_0() -> None:
    found = judged(found=Found())
    text = read(release.html(found))
    assert "launch 20/s ? - - - - growth" in text
    assert "launch - 250 USD - growth" in text
    assert "Replica cpu - 60% 80% 95% unknown" in text
    assert "what is left above it is not known" in text
    assert remarks(found) == []


def test_markdown_has_whole_tables() -> None:
    text = release.markdown(judged())
    tables = re.findall(r"(?:^\|.*\|\n)+", text, re.MULTILINE)
    assert len(tables) == 2
    for table in tables:
        assert len({line.count("|") for line in table.splitlines()}) == 1, table
    assert [table.count("\n") for table in tables] == [4, 4]


def test_text_is_as_wide_as_a_terminal() -> None:
    wide = replace(FOUND, uses=(*(FOUND.uses or ()), Use("Replica cpu app-3", 0.99)))
    lines = list(gameday_release.lines(judged(found=wide)))
    assert lines[:2] == ["release: NO-GO", "  Replica cpu app-3 is at danger level"]
    assert max(map(len, lines)) <= 80
    assert "  used at the peak of 19.8/s" in lines
    assert "  Replica cpu app-3      99%   60%      80%     95%  danger" in lines
    assert not any(line.endswith(" ") for line in lines)


def test_text_of_what_is_asked() -> None:
    assert list(gameday_release.asked(RELEASE)) == [
        "stage launch is carried: 20/s, 250 USD a month",
        "the forecast peak is carried: 18/s, and 20% more",
        "Replica cpu below 80% in peak",
        "Host disk below 75% in peak",
        "error budgets let a normal change through",
        "as an outlook: stage growth: 200/s, 250 USD a month",
    ]
    assert gameday_release.document(RELEASE)["forecast"]["rate"] == 18


def test_for_programs() -> None:
    found = release.document(judged())
    assert found["decision"] == "go"
    assert found["stages"][1]["monthly_needed"] == 500
    assert found["forecast"] == {
        "rate": 18.0,
        "stage": "launch",
        "headroom": 80 / 18 - 1,
        "reserve": 0.2,
        "ok": True,
    }
    assert [each["level"] for each in found["water_lines"]] == ["safe", "safe"]
    nothing = release.document(judged(Release(), Found()))
    assert (nothing["forecast"], nothing["gate"], nothing["stages"]) == (None, None, [])


def test_words() -> None:
    assert money(Decimal("49.64"), "EUR") == "49.64 EUR"
    assert money(Decimal(1080), "") == "1,080"
    assert (share(None), share(-0.4), share(9)) == ("-", "-40%", "10.0x")
    grows = replace(RELEASE, forecast=Forecast(10, 1.5, 0.03, 90 * 86400.0))
    assert headroom(judged(grows, replace(FOUND, searches={"launch": Search(20, 21)}))) == (
        "forecast peak 16.39/s (10/s, x 1.5 at weekends, +3% a month for 90 days):"
        " +22% is left above it with the traffic of launch, wanted 20%"
    )


def test_what_is_to_be_done_makes_it_a_go() -> None:
    assert list(release.actions(judged())) == []
    worse = replace(
        FOUND,
        searches={"launch": Search(12, 13, 12.5, ("p95 250ms",), "Replica cpu app-1")},
        uses=(Use("Replica cpu app-2", 0.91),),
        gate=Gate(False, "FREEZE, shop/api has 3.0% of its budget left"),
    )
    assert [(each.kind, each.text, each.check) for each in release.actions(judged(found=worse))] == [
        (
            "prevent",
            "Make launch carry 20/s (p95 250ms broke first; Replica cpu app-1 was at its line first)",
            "launch is not carried",
        ),
        (
            "prevent",
            "Make room above the forecast peak",
            "forecast peak 18/s (12/s, x 1.5 at weekends): -33% is left above it"
            " with the traffic of launch, wanted 20%",
        ),
        ("prevent", "Relieve Replica cpu app-2", "91% at the peak, 80% is its warning line"),
        ("measure", "Have Host disk measured", "Host disk was not measured at the peak"),
        (
            "prevent",
            "Let the change wait until the budgets allow it, or have an exception made",
            "FREEZE, shop/api has 3.0% of its budget left",
        ),
    ]
    nothing = list(release.actions(judged(found=Found())))
    assert {each.kind for each in nothing} == {"measure"}
    assert len(nothing) == 5


def test_figures_to_be_seen_first() -> None:
    told = [(each.title, each.text, each.beside, each.kind) for each in release.figures(judged())]
    assert told == [
        ("Release", "go", "", ""),
        ("launch", "80/s", "of 20/s", ""),
        ("Above forecast", "4.4x", "headroom", ""),
        ("Fullest at peak", "70%", "Host disk sda", ""),
        ("Gate", "go", "97% of budget left", ""),
    ]
    kinds = {each.title: each.kind for each in release.figures(judged(found=Found()))}
    assert set(kinds.values()) == {"warn"}


def test_a_system_that_was_not_itself_any_more() -> None:
    broken = replace(FOUND, searches={"launch": Search(60.9, None), "growth": Search(None, 1.0)})
    assert remarks(judged(found=broken))[1] == (
        "growth broke at 1/s, and another search held 60.9/s: the system may not have been itself any more"
        " after too much; search once more when it is calm."
    )
