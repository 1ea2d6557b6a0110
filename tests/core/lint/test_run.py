"""Whole files: each kind with its mistakes, and bundled and generated ones without any."""

from __future__ import annotations

from pathlib import Path

import pytest

from sretool.adapters.files.catalog import bundled
from sretool.core.catalog.read import read
from sretool.core.lint.findings import CODES
from sretool.core.lint.run import fixed, lint
from sretool.core.slo.rules import render

NATIVE = """\
slos:
  - id: shop/availability
    objective: 99.9%
    window: 30d
    sli:
      bad: r_total{code=~"5..",job="a"}
      total: r_total{job="a"}
"""
SLOTH = """\
version: prometheus/v1
service: shop
slos:
  - name: availability
    objective: 99.9
    sli:
      events:
        error_query: sum(rate(r_total{code=~"5.."}[{{.window}}])) or 0 * sum(rate(r_total[{{.window}}]))
        total_query: sum(rate(r_total[{{.window}}]))
    alerting:
      page_alert: {disable: true}
      ticket_alert: {disable: true}
"""
PYRRA = """\
apiVersion: pyrra.dev/v1alpha1
kind: ServiceLevelObjective
metadata: {name: shop-latency}
spec:
  target: "99"
  window: 2w
  indicator:
    latency:
      success: {metric: 'd_seconds_bucket{job="a",le="0.3"}'}
      total: {metric: 'd_seconds_count{job="a"}'}
"""
OPENSLO = """\
apiVersion: openslo/v1
kind: SLO
metadata: {name: availability}
spec:
  service: shop
  indicator:
    metadata: {name: i}
    spec:
      ratioMetric:
        counter: true
        good: {metricSource: {type: Prometheus, spec: {query: 'sum(rate(r_total{code="200"}[{{.window}}]))'}}}
        total: {metricSource: {type: Prometheus, spec: {query: 'sum(rate(r_total[{{.window}}]))'}}}
  timeWindow: [{duration: 1M, isRolling: false, calendar: {startTime: 2026-01-01 00:00:00, timeZone: UTC}}]
  budgetingMethod: Occurrences
  objectives: [{displayName: a, target: 0.99}]
"""
GENERATOR = """\
apiVersion: sre.google.com/v2
kind: ServiceLevelObjective
metadata: {name: a, labels: {service_name: shop, slo_name: availability}}
spec:
  description: d
  backend: prometheus
  method: good_bad_ratio
  service_level_indicator:
    filter_good: r_total{code="200"}
    filter_valid: r_total
  goal: 0.99
"""
RULES = """\
groups:
  - name: g
    rules:
      - record: a:rate5m
        expr: sum(rate(a_total[5m]))
      - alert: High
        expr: |
          a:rate5m
            > 5
        for: 5m
"""


def found(text: str | dict[str, str]) -> list[tuple[int, str]]:
    files = {"f.yaml": text} if isinstance(text, str) else text
    report = lint({name: content.encode() for name, content in files.items()})
    return [(each.line, each.code) for each in report.findings if each.code != "SLO010"]


@pytest.mark.parametrize("text", [NATIVE, SLOTH, PYRRA, OPENSLO, GENERATOR, RULES])
def test_a_right_file_gives_nothing(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("text", "old", "new", "line", "code"),
    [
        pytest.param(NATIVE, "99.9%", "99.9", 3, "SLO102", id="per cent without sign"),
        pytest.param(NATIVE, "99.9%", "0.999%", 3, "SLO102", id="ratio with sign"),
        pytest.param(NATIVE, "99.9%", "100%", 3, "SLO101", id="no budget"),
        pytest.param(NATIVE, "99.9%", "101%", 3, "SLO101", id="out of range"),
        pytest.param(NATIVE, "window", "windw", 4, "SLO005", id="mistyped key"),
        pytest.param(NATIVE, "    window", "    id: a/b\n    window", 4, "SLO006", id="key twice"),
        pytest.param(NATIVE, "30d", "30 days", 4, "SLO008", id="duration"),
        pytest.param(NATIVE, '{job="a"}', "{job=a}", 7, "SLO201", id="selector"),
        pytest.param(NATIVE, 'total: r_total{job="a"}', 'total: r_total{job="b"}', 6, "SLO213", id="no part"),
        pytest.param(
            NATIVE, 'total: r_total{job="a"}', 'total: r_total{job="a",m="G"}', 6, "SLO213", id="more"
        ),
        pytest.param(NATIVE, 'code=~"5..",', "", 6, "SLO106", id="all bad"),
        pytest.param(
            NATIVE,
            'bad: r_total{code=~"5..",job="a"}\n      total: r_total{job="a"}',
            "bad: d_count\n      total: d_bucket",
            7,
            "SLO209",
            id="buckets as events",
        ),
        pytest.param(
            NATIVE,
            "    window",
            "    alerts:\n      - {severity: page, spends: 100%, long: 30m, short: 5m}\n    window",
            5,
            "SLO103",
            id="never fires",
        ),
        pytest.param(
            NATIVE,
            "    window",
            "    alerts:\n      - {severity: page, factor: 1400, long: 30m, short: 5m}\n    window",
            5,
            "SLO103",
            id="factor never reached",
        ),
        pytest.param(
            NATIVE,
            "slos:",
            "alert_policies: [{id: a, default: true,"
            " alerts: [{severity: page, factor: 1400, long: 30m, short: 5m}]}]\nslos:",
            3,
            "SLO103",
            id="policy never reached",
        ),
        pytest.param(
            NATIVE,
            "    window",
            "    alerts: [{severity: page, spends: 1%, long: 1h, short: 30s}]\n    window",
            4,
            "SLO108",
            id="short window",
        ),
        pytest.param(SLOTH, "99.9", "0.999", 5, "SLO102", id="Sloth: ratio"),
        pytest.param(SLOTH, "99.9", "100", 5, "SLO101", id="Sloth: no budget"),
        pytest.param(
            SLOTH,
            "total_query: sum(rate(r_total[{{.window}}]))",
            "total_query: sum(rate(r_total[5m]))",
            9,
            "SLO105",
            id="Sloth: fixed window",
        ),
        pytest.param(
            SLOTH, " or 0 * sum(rate(r_total[{{.window}}]))", "", 8, "SLO211", id="Sloth: disappears"
        ),
        pytest.param(
            SLOTH,
            "sum(rate(r_total[{{.window}}]))\n    al",
            "sum(rate(\n    al",
            9,
            "SLO201",
            id="Sloth: syntax",
        ),
        pytest.param(PYRRA, '"99"', '"0.99"', 5, "SLO102", id="Pyrra: ratio"),
        pytest.param(PYRRA, 'le="0.3"', 'le="1"', 9, "SLO210", id="Pyrra: le"),
        pytest.param(PYRRA, ',le="0.3"', "", 9, "SLO107", id="Pyrra: no le"),
        pytest.param(PYRRA, "d_seconds_count", "d_seconds_bucket", 10, "SLO209", id="Pyrra: buckets"),
        pytest.param(OPENSLO, "0.99}", "99}", 15, "SLO102", id="OpenSLO: per cent"),
        pytest.param(OPENSLO, "1M", "1m", 13, "SLO104", id="OpenSLO: minute"),
        pytest.param(
            OPENSLO,
            "0.99}",
            "0.99, timeSliceTarget: 0.9, timeSliceWindow: 5M}",
            15,
            "SLO104",
            id="OpenSLO: months",
        ),
        pytest.param(GENERATOR, "0.99", "99", 11, "SLO102", id="slo-generator: per cent"),
        pytest.param(
            GENERATOR,
            "filter_valid: r_total",
            'filter_valid: r_total{code="500"}',
            9,
            "SLO213",
            id="slo-generator: no part",
        ),
        pytest.param(
            RULES, "a:rate5m\n            > 5", "sum(\n            up", 8, "SLO201", id="rule: syntax"
        ),
        pytest.param(
            RULES, "            > 5", "            > rate(up[5m])", 9, "SLO207", id="rule: line of the metric"
        ),
        pytest.param(RULES, "groups:", "grups: 1\ngroups:", 1, "SLO005", id="rule file: key"),
        pytest.param(RULES + "  - {name: h, rules: up}\n", "", "", 11, "SLO008", id="rule file: no list"),
        pytest.param(RULES, "for: 5m", "fro: 5m", 10, "SLO005", id="rule: key"),
        pytest.param(RULES, "for: 5m", "for: 5 min", 10, "SLO008", id="rule: duration"),
        pytest.param(RULES, "alert: High", "summary: High", 6, "SLO009", id="rule: neither"),
        pytest.param(RULES, "alert: High", "record: a:rate5m", 6, "SLO007", id="rule: twice"),
        pytest.param(
            RULES + "  - {name: g, rules: []}\n", "for: 5m", "for: 6m", 11, "SLO007", id="group twice"
        ),
    ],
)
def test_a_mistake_is_found_on_its_line(text: str, old: str, new: str, line: int, code: str) -> None:
    assert old in text
    assert (line, code) in found(text.replace(old, new, 1))


def test_queries_of_kpis_are_read() -> None:
    kpi = "kpis:\n  - {id: a, title: A, unit: s, query: 'sum(rate(x_total[{window}]))'}\n"
    line = NATIVE.count("\n") + 2
    assert found(NATIVE + kpi) == []
    assert (line, "SLO201") in found(NATIVE + kpi.replace("]))", "])) bye"))


def test_an_slo_declared_in_two_files_is_found() -> None:
    assert found({"a.yaml": NATIVE, "b.yaml": NATIVE}) == [(2, "SLO007")]


def test_the_bundled_catalog_has_no_finding() -> None:
    folder = bundled("amas")
    files = {
        str(file): file.read_bytes()
        for file in Path(folder).rglob("*")
        if file.suffix in (".yaml", ".yml", ".md")
    }
    report = lint(files)
    assert [str(each) for each in report.findings] == []
    assert len(report.expressions) > 100
    assert len(report.slos) == 7


def test_the_rules_made_of_a_catalog_have_no_finding() -> None:
    slos = read({file.name: file.read_text() for file in Path(bundled("amas")).glob("s*.yaml")}).slos
    assert found(render(slos)) == []


def test_a_resource_with_rules_is_a_rule_file() -> None:
    indented = RULES.replace("\n", "\n  ").rstrip()
    resource = "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: a}\nspec:\n  "
    text = f"{resource}{indented}\n"
    assert found(text.replace("> 5", "> rate(up[5m])")) == [(13, "SLO207")]


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [
        (NATIVE, "99.9%", "99.9"),
        (NATIVE, "99.9%", '"99.9"'),
        (SLOTH, "99.9", "0.999"),
        (OPENSLO, "1M", "1m"),
        (OPENSLO, "target: 0.99", "target: 99"),
        (RULES, "> 5", 'and r{le="0.3"}\n            > 5'),
    ],
)
def test_a_safe_edit_leaves_a_file_without_that_finding(text: str, old: str, new: str) -> None:
    wrong = text.replace(old, new, 1).replace('le="0.3"', 'le="0.30"')
    report = lint({"f.yaml": wrong.encode()})
    corrected, made = fixed(wrong, report.findings)
    assert made == 1
    assert found(corrected) == []


def test_a_value_of_several_readings_is_not_edited() -> None:
    report = lint({"f.yaml": OPENSLO.replace("1M", "28m").encode()})
    assert "SLO104" in {each.code for each in report.findings}
    assert all(each.edit is None for each in report.findings)


def test_every_code_that_is_given_is_in_the_table() -> None:
    given = set()
    for module in (Path(__file__).parents[3] / "sretool/core/lint").glob("*.py"):
        given |= {
            word.strip('",()') for word in module.read_text().split() if word.startswith(('"SLO', '("SLO'))
        }
    assert {code for code in given if code[3:].isdecimal()} <= set(CODES)


@pytest.mark.parametrize(
    ("text", "old", "new"),
    [(NATIVE, "window", "windw"), (NATIVE, "objective", "objectiv"), (RULES, "expr: sum", "exprr: sum")],
)
def test_a_mistyped_key_is_corrected(text: str, old: str, new: str) -> None:
    wrong = text.replace(old, new, 1)
    corrected, made = fixed(wrong, lint({"f.yaml": wrong.encode()}).findings)
    assert (made, corrected) == (1, text)


def test_a_key_that_is_there_already_or_far_from_any_is_left() -> None:
    for key in ("windows: 7d", "colour: red"):
        wrong = NATIVE.replace("    window", f"    {key}\n    window", 1)
        assert all(each.edit is None for each in lint({"f.yaml": wrong.encode()}).findings)


WRONG = NATIVE.replace("99.9%", "99.9")
LINE = next(line for line in WRONG.splitlines() if "99.9" in line)


@pytest.mark.parametrize(
    "text",
    [
        WRONG.replace(LINE, f"{LINE}  # sretool: ignore SLO102 an old habit"),
        WRONG.replace(LINE, f"    # sretool: ignore SLO008, SLO102 an old habit\n    # more\n{LINE}"),
    ],
    ids=["behind", "above"],
)
def test_a_remark_with_a_reason_is_obeyed(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    ("remark", "said"),
    [
        ("ignore SLO102", "it gives no reason"),
        ("ignore", "it names no code"),
        ("ignore because of me", "it names no code"),
        ("ignore SLO999 why", "there is no code SLO999"),
        ("ignore SLO201 why", "a remark about nothing"),
    ],
)
def test_other_remarks_are_told_and_hide_nothing(remark: str, said: str) -> None:
    report = lint({"f.yaml": WRONG.replace(LINE, f"{LINE}  # sretool: {remark}").encode()})
    assert "SLO102" in {each.code for each in report.findings}
    (doubt,) = [each for each in report.findings if each.code == "SLO011"]
    assert said in doubt.message


def test_a_remark_about_a_server_is_no_doubt_without_one() -> None:
    assert found(NATIVE + "# sretool: ignore SLO301 comes with the next release\n") == []


def test_an_unknown_owner_is_no_mixed_up_ratio() -> None:
    text = (
        NATIVE.replace("    window", "    owner: wbe\n    window", 1) + "owners:\n  - {id: web, title: Web}\n"
    )
    (only,) = lint({"f.yaml": text.encode()}).findings
    assert only.code == "SLO008"
    assert "did you mean 'web'" in only.message
