"""The backtest on a month of the bundled system in a real Prometheus, against incidents and PromQL."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from sretool.adapters.files import catalog
from sretool.adapters.lab.history import bundled, finish, prepare
from sretool.cli import diagnostics
from sretool.cli.main import group
from sretool.core.plans.history import DAY, STEP, occurrences
from sretool.core.plans.traffic import PATTERNS
from sretool.core.slo import rules
from sretool.core.slo.model import SloId
from sretool.core.slo.windows import threshold
from sretool.units import format_duration, parse_time
from tests.lab.test_history_in_prometheus import Prometheus, serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sretool.core.slo.model import Slo

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def amas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Prometheus, Path, int]]:
    """The system's history up to now, and its incidents as people would have noted them."""
    folder = tmp_path_factory.mktemp("amas")
    now = int(time.time()) // 300 * 300
    made_of = bundled("amas")
    prepare(made_of, folder / "tsdb", folder / "cache", now)
    finish(folder / "tsdb", now, made_of)
    # A past is made for the whole hour.
    found = occurrences(made_of.plan, PATTERNS[made_of.plan.pattern], now // 3600 * 3600)
    lines = [
        f"  - {{name: {each.incident.id}, start: {_text(each.start)}, end: {_text(each.end)}}}\n"
        for each in found
    ]
    known = folder / "known.yaml"
    known.write_text("incidents:\n" + "".join(lines))
    with serving(folder) as prometheus:
        yield prometheus, known, now


def _text(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def backtest(
    prometheus: Prometheus, now: int, capsys: pytest.CaptureFixture[str], *arguments: str
) -> dict[str, Any]:
    options = ["--prometheus", f"http://127.0.0.1:{prometheus.port}"]
    options += ["--catalog", str(catalog.bundled("amas")), "slo", "backtest", "--until", str(now)]
    assert diagnostics.run(group, [*options, "--format", "json", *arguments]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def test_the_known_incidents_are_found(
    amas: tuple[Prometheus, Path, int], capsys: pytest.CaptureFixture[str]
) -> None:
    """Slow queries take 3 % of a week's budget at six times its speed: no pair is for that little."""
    prometheus, known, now = amas
    score = backtest(prometheus, now, capsys, "--incidents", str(known))["score"]
    assert score["precision"] > 0.9
    delays = {each["name"]: each["page_after_s"] for each in score["incidents"]}
    assert delays.pop("slow-queries") is None
    assert delays == {
        "database-failover": pytest.approx(60, abs=120),
        "bad-release": pytest.approx(720, abs=180),
        "worker-stall": pytest.approx(540, abs=240),
    }


def test_what_if_the_latency_objective_were_98_percent(
    amas: tuple[Prometheus, Path, int], capsys: pytest.CaptureFixture[str]
) -> None:
    prometheus, known, now = amas
    asked = ("amas/learning-latency", "--objective", "98%", "--incidents", str(known))
    document = backtest(prometheus, now, capsys, *asked)
    found = {each["name"]: each["page_after_s"] for each in document["score"]["incidents"]}
    assert found["slow-queries"] is not None
    assert found["slow-queries"] < 45 * 60
    assert document["as_it_is"]["pages"] < document["score"]["pages"]


@pytest.mark.parametrize(
    ("name", "recorded"),
    [
        pytest.param("amas/learning-availability", True, id="recorded"),
        pytest.param("amas/learning-availability", False, id="from counters"),
    ],
)
def test_firings_start_and_end_when_prometheus_says_so(
    amas: tuple[Prometheus, Path, int],
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    name: str,
    recorded: bool,
) -> None:
    """Each pair against the ratios of its own rules at every minute; what counters give, up to 6 h."""
    prometheus, _, now = amas
    slo = catalog.load([catalog.bundled("amas")]).slo(SloId(name))
    assert slo is not None
    document = backtest(prometheus, now, capsys, name, "--days", "6")
    if not recorded:
        # Under another id nothing is recorded.
        text = (catalog.bundled("amas") / "slos.yaml").read_text().replace("runbook: SLOBudgetBurn", "")
        other = tmp_path / "slos.yaml"
        other.write_text(text.replace("id: amas/", "id: other/"))
        options = ["--prometheus", f"http://127.0.0.1:{prometheus.port}", "--catalog", str(other)]
        options += ["slo", "backtest", name.replace("amas/", "other/"), "--days", "6", "--until", str(now)]
        assert diagnostics.run(group, [*options, "--format", "json"]) == 0
        document = json.loads(capsys.readouterr().out)
    assert {each["origin"] for each in document["slos"]} == {"rules" if recorded else "counters"}
    compared = 0
    for pair in slo.alerts:
        if pair.long > timedelta(hours=6) and not recorded:
            continue
        limit = float(threshold(pair, slo.window, slo.budget))
        ratios = (f"({_ratio(slo, window)}) > {limit!r}" for window in (pair.long, pair.short))
        expected = _runs(prometheus, " and on () ".join(ratios), now - 6 * DAY, now)
        found = [
            (parse_time(each["start"]).timestamp(), parse_time(each["end"]).timestamp())
            for each in document["firings"]
            if each["long_s"] == pair.long.total_seconds() and each["end"]
        ]
        assert len(found) == len(expected), format_duration(pair.long)
        for ours, theirs in zip(found, expected, strict=True):
            # What fired already when the days begin is asked for from there on only.
            assert (max(ours[0], now - 6 * DAY), ours[1]) == pytest.approx(theirs, abs=STEP)
            compared += 1
    assert compared


def _ratio(slo: Slo, window: timedelta) -> str:
    """The expression that the rules record as the error ratio over this window."""
    wanted = format_duration(window)
    (found,) = (
        rule.expr
        for rule in rules.group(slo).rules
        if rule.record == "slo:error_ratio:rate" and rule.labels["window"] == wanted
    )
    return found


def _runs(prometheus: Prometheus, expr: str, start: int, end: int) -> list[tuple[float, float]]:
    """First evaluation at which it held, and first at which it no longer did."""
    found = prometheus.get("/api/v1/query_range", query=expr, start=start, end=end, step=STEP)
    times = [float(at) for series in found for at, _ in series["values"]]
    runs: list[tuple[float, float]] = []
    for at in times:
        if runs and runs[-1][1] == at:
            runs[-1] = (runs[-1][0], at + STEP)
        else:
            runs.append((at, at + STEP))
    return runs
