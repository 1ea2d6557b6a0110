from __future__ import annotations

import contextlib
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.core.catalog.read import read
from sretool.core.slo.model import BucketRatio, BurnAlert, EventRatio, Severity
from sretool.core.slo.windows import default_alerts
from sretool.errors import CatalogError

GOOD = """\
slos:
  - id: shop/availability
    objective: 99.9%
    window: 30d
    sli:
      bad: http_requests_total{code=~"5.."}
      total: http_requests_total
"""


def problems(files: dict[str, str] | str) -> list[str]:
    named = {"slos.yaml": files} if isinstance(files, str) else files
    with pytest.raises(CatalogError) as caught:
        read(named)
    return [str(problem) for problem in caught.value.problems]


def only(text: str) -> str:
    """The one problem of a file."""
    found = problems(text)
    assert len(found) == 1, found
    return found[0]


def test_a_single_file_of_objectives_is_a_catalog() -> None:
    system = read({"slos.yaml": GOOD})
    (slo,) = system.slos
    assert (system.name, slo.service, slo.name, slo.title) == ("shop", "shop", "availability", "availability")
    assert (slo.objective, slo.window) == (Decimal("0.999"), timedelta(days=30))
    assert slo.sli == EventRatio('http_requests_total{code=~"5.."}', "http_requests_total")
    assert slo.alerts == default_alerts(timedelta(days=30), Decimal("0.001"))


@pytest.mark.parametrize("written", ["99.9%", "0.999", "'99.90 %'", "0.9990"])
def test_an_objective_is_kept_exactly_however_it_is_written(written: str) -> None:
    (slo,) = read({"a.yaml": GOOD.replace("99.9%", written)}).slos
    assert slo.objective == Decimal("0.999")
    assert slo.budget == Decimal("0.001")


def test_a_histogram_makes_a_bucket_ratio() -> None:
    text = """\
slos:
  - id: shop/latency
    title: Fast enough
    objective: 95%
    window: 7d
    tier: 2
    owner: web
    runbook: https://example.org/latency
    labels: {team: web}
    alerts:
      - {severity: page, spends: 10%, long: 6h, short: 30m}
    sli:
      histogram: request_seconds
      threshold: 0.25
      matchers: route=~"/a/.*",method!="HEAD",
      good: below
"""
    (slo,) = read({"a.yaml": text}).slos
    assert slo.sli == BucketRatio("request_seconds", Decimal("0.25"), 'route=~"/a/.*",method!="HEAD"')
    assert slo.alerts == (
        BurnAlert(Severity.PAGE, Decimal("0.1"), timedelta(hours=6), timedelta(minutes=30)),
    )
    assert (slo.tier, slo.owner, slo.labels) == (2, "web", {"team": "web"})


def test_an_empty_list_of_alerts_means_none() -> None:
    (slo,) = read({"a.yaml": GOOD + "    alerts: []\n"}).slos
    assert slo.alerts == ()


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        pytest.param(
            "objective: 99.9%", "objective: 99.9", 3, "did you mean 99.9%?", id="per cent without sign"
        ),
        pytest.param("objective: 99.9%", "objective: 100%", 3, "leaves no error budget", id="100 per cent"),
        pytest.param("objective: 99.9%", "objective: 1", 3, "leaves no error budget", id="ratio of 1"),
        pytest.param("objective: 99.9%", "objective: 0", 3, "asks for nothing", id="0"),
        pytest.param("objective: 99.9%", "objective: high", 3, "is not a ratio", id="word"),
        pytest.param(
            "objective: 99.9%", "objective: [1]", 3, "single value is wanted, not a list", id="list"
        ),
        pytest.param("objective: 99.9%", "objective:", 3, "not nothing", id="no value"),
        pytest.param("objective: 99.9%", "objektive: 99.9%", 2, "`objective` is missing", id="missing key"),
        pytest.param("window: 30d", "window: 30 days", 4, "is not a duration", id="duration in words"),
        pytest.param("window: 30d", "window: 30", 4, "write it like", id="duration without unit"),
        pytest.param("window: 30d", "window: 0s", 4, "no time at all", id="no duration"),
        pytest.param(
            "id: shop/availability", "id: availability", 2, "shop/availability", id="id without service"
        ),
        pytest.param(
            "total: http_requests_total", "total: sum(rate(a[5m]))", 7, "leave out rate()", id="expression"
        ),
        pytest.param("total: http_requests_total", "total: a[5m]", 7, "has a range", id="range"),
        pytest.param(
            "total: http_requests_total", "total: a{b=c}", 7, "not a series selector", id="unquoted"
        ),
        pytest.param(
            "total: http_requests_total", "total: '{}'", 7, "not a series selector", id="everything"
        ),
        pytest.param("total: http_requests_total", "# nothing", 6, "`total` is missing", id="half a ratio"),
        pytest.param(
            "      bad:", "      histogram: h\n      bad:", 6, "does not go with `bad`", id="both kinds"
        ),
        pytest.param("    window", "    alerts: 3\n    window", 4, "a list is wanted", id="no list"),
        pytest.param(
            "    window",
            "    alerts: [{severity: warn, spends: 2%, long: 1h, short: 5m}]\n    window",
            4,
            "needs an `urgency`: page or ticket",
            id="severity",
        ),
        pytest.param(
            "    window",
            "    alerts: [{severity: page, spends: 2%, long: 5m, short: 1h}]\n    window",
            4,
            "must be shorter",
            id="windows swapped",
        ),
        pytest.param(
            "    window",
            "    alerts: [{severity: page, spends: 2%, long: 60d, short: 1h}]\n    window",
            4,
            "longer than the SLO's own window",
            id="window too long",
        ),
        pytest.param(
            "    window", "    labels: {1a: b}\n    window", 4, "not a label's name", id="label name"
        ),
        pytest.param("    window", "    title: ''\n    window", 4, "title: is empty", id="empty text"),
    ],
)
def test_a_problem_is_shown_at_its_line_with_a_hint(old: str, new: str, line: int, words: str) -> None:
    found = problems(GOOD.replace(old, new, 1))
    assert any(problem.startswith(f"slos.yaml:{line}: ") and words in problem for problem in found), found


def test_an_unknown_key_gets_the_nearest_known_one() -> None:
    assert only(GOOD.replace("    window", "    titel: x\n    window")) == (
        "slos.yaml:4: unknown key 'titel'; did you mean 'title'?"
    )


def test_a_key_given_twice_is_refused() -> None:
    assert only(GOOD + "    window: 7d\n") == "slos.yaml:8: key 'window' is given twice, first in line 4"


def test_everything_wrong_is_told_at_once_in_the_order_of_the_files() -> None:
    first = GOOD.replace("99.9%", "100%").replace(
        "    window", "    owner: nobody\n    windw: 1d\n    window"
    )
    second = """\
owners:
  - {id: web, title: Web team}
slos:
  - id: shop/availability
    objective: 0.9
    window: 1d
    tier: one
    sli: {bad: a, total: b}
"""
    assert problems({"one.yaml": first, "two.yaml": second}) == [
        "one.yaml:3: objective: '100%' leaves no error budget, so the first failure would break it for good; "
        "aim below 100%, 99.9% for example",
        "one.yaml:4: no owner 'nobody' is declared; known: web",
        "one.yaml:5: unknown key 'windw'; did you mean 'window'?",
        "two.yaml:4: SLO shop/availability is already declared at one.yaml:2",
        "two.yaml:7: tier: 'one' is not a whole number",
    ]


@pytest.mark.parametrize(
    ("declaration", "key", "kind"),
    [
        ("owners: [{id: web-team, title: t}]", "owner: web-taem", "owner"),
        (
            "tiers: [{tier: 1, title: t, availability: 99%, latency_p95: 1s, error_ratio: 1%}]",
            "tier: 4",
            "tier",
        ),
        ("services: [{id: shops, title: t}]", "title: t", "service"),
    ],
)
def test_what_is_referred_to_must_exist_where_its_kind_is_declared(
    declaration: str, key: str, kind: str
) -> None:
    text = GOOD + f"    {key}\n"
    assert read({"slos.yaml": text}).slos
    (found,) = problems({"slos.yaml": text, "system.yaml": declaration + "\n"})
    assert found.startswith("slos.yaml:")
    assert f"no {kind} " in found


def test_a_runbook_may_be_a_file_of_the_catalog_or_an_address() -> None:
    files = {"runbooks/Burn.md": "# Burn\n"}
    assert read({**files, "slos.yaml": GOOD + "    runbook: Burn\n"}).runbooks == {"Burn": "# Burn\n"}
    assert read({**files, "slos.yaml": GOOD + "    runbook: https://example.org/x\n"}).slos
    found = problems({**files, "slos.yaml": GOOD + "    runbook: Brun\n"})
    assert found == ["slos.yaml:8: no runbook 'Brun' is declared; did you mean 'Burn'?"]


def test_rule_files_and_routing_are_recognised_by_what_is_in_them() -> None:
    rules = "groups:\n- name: g\n  rules:\n  - {alert: A, expr: up == 0, annotations: {runbook: Nope}}\n"
    routing = "route: {receiver: a}\nreceivers: [{name: a}]\n"
    system = read({"slos.yaml": GOOD, "x/http.yml": rules, "am.yml": routing})
    assert system.rule_files == {"http.yml": rules}
    assert system.alertmanager == routing
    found = problems({"slos.yaml": GOOD, "http.yml": rules, "runbooks/A.md": "#"})
    assert found == ["http.yml:4: no runbook 'Nope' is declared; known: A"]


def test_a_rule_with_a_broken_expression_is_shown_where_it_stands() -> None:
    rules = "groups:\n- name: g\n  rules:\n  - alert: A\n    expr: sum(up\n  - alert: B\n"
    found = problems({"slos.yaml": GOOD, "http.yml": rules})
    assert found == ["http.yml:5: expr: has a '(' that nothing closes", "http.yml:6: a rule needs an `expr`"]


def test_two_rule_files_of_one_name_are_refused() -> None:
    found = problems({"slos.yaml": GOOD, "a/r.yml": "groups: []\n", "b/r.yml": "groups: []\n"})
    assert found == ["b/r.yml:1: rule file r.yml is already declared at a/r.yml:1"]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        pytest.param("slos:\n  - id: [1\n", 3, "not YAML", id="unclosed"),
        pytest.param("a: 1\n\tb: 2\n", 2, "not YAML", id="tab"),
        pytest.param("slos: []\n---\nslos: []\n", 1, "no SLO is declared", id="two documents"),
        pytest.param("- 1\n", 1, "a mapping with", id="list"),
        pytest.param("hello", 1, "a mapping with", id="text"),
        pytest.param("? [a]\n: b\n", 1, "must be plain text", id="list as key"),
        pytest.param("", 1, "no SLO is declared", id="empty"),
        pytest.param("slos: []\n", 1, "no SLO is declared", id="no objectives"),
        pytest.param("version: prometheus/v1\nservice: a\nslos: []\n", 1, "no SLO is declared", id="sloth"),
    ],
)
def test_a_file_that_is_no_catalog_says_so(text: str, line: int, words: str) -> None:
    found = only(text)
    assert found.startswith(f"slos.yaml:{line}: "), found
    assert words in found


@given(
    at=st.integers(0, len(GOOD)),
    cut=st.integers(0, 12),
    put=st.text(alphabet=": -[]{}&*!%?|>'\"#\n\ta0", max_size=6),
)
def test_whatever_is_mistyped_becomes_problems_and_nothing_else(at: int, cut: int, put: str) -> None:
    with contextlib.suppress(CatalogError):
        read({"slos.yaml": GOOD[:at] + put + GOOD[at + cut :]})


def test_parts_of_a_hop_add_up() -> None:
    text = """\
critical_paths:
  - id: p
    title: P
    hops:
      - title: Decide
        budget: 100ms
        parts: [{title: a, budget: 30ms}, {title: b, budget: 50ms}]
"""
    found = problems({"slos.yaml": GOOD, "system.yaml": text})
    assert found == ["system.yaml:7: the budgets of the parts of 'Decide' do not add up to its own"]


def test_a_panel_without_queries_says_why() -> None:
    text = """\
dashboards:
  - id: d
    title: D
    refresh: 30s
    range: 1h
    panels:
      - {title: A, kind: stat}
      - {title: B, kind: stat, queries: [{expr: up}]}
"""
    found = problems({"slos.yaml": GOOD, "d.yaml": text})
    assert [problem.partition(": ")[0] for problem in found] == ["d.yaml:7", "d.yaml:8"]
    assert "`not_configured`" in found[0]
    assert "`source` is missing" in found[1]


def test_the_history_beside_a_catalog_is_not_part_of_it() -> None:
    assert read({"slos.yaml": GOOD, "a/history.yaml": "streams: [1"}).slos
