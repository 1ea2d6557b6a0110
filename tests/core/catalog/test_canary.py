from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from sretool.adapters.files.catalog import bundled
from sretool.core.catalog import canary
from sretool.core.catalog.canary import (
    DEFAULT,
    CanaryError,
    EventShare,
    Limit,
    Quantile,
    Side,
    Stage,
    read,
)
from sretool.core.catalog.read import read as read_catalog
from sretool.core.lint.run import lint
from sretool.errors import CatalogError

WHOLE = (canary.__doc__ or "").partition("\n\n")[2]
"""The example that the module's own description gives."""


def test_the_example_is_read() -> None:
    policy = read("canary.yaml", WHOLE)
    errors, latency = policy.criteria
    assert (policy.service, policy.matchers) == ("shop", 'job="shop"')
    assert errors.measure == EventShare('http_requests_total{status=~"5.."}', "http_requests_total")
    assert errors.limit == Limit(Side.ABOVE_BASELINE, 0.005)
    assert latency.measure == Quantile("http_request_duration_seconds", 0.95)
    assert latency.limit == Limit(Side.ABOVE_BASELINE, 0.1)
    assert latency.rollback is not None
    assert (latency.rollback.limit.value, latency.rollback.lasting) == (0.2, timedelta(minutes=5))
    assert policy.stages == (Stage(0.05, timedelta(minutes=30)), Stage(1.0, timedelta(hours=24)))
    assert [(check.id, check.budget_above) for check in policy.checklist] == [
        ("budget", 0.5),
        ("approval", None),
    ]
    assert (policy.confidence, policy.least) == (DEFAULT.confidence, DEFAULT.least)


def test_what_is_left_out_is_the_standard() -> None:
    assert read("canary.yaml", "canary: {confidence: 90%}") == replace(DEFAULT, confidence=0.9)


def test_the_bundled_policy_is_the_standard_for_its_service() -> None:
    file = bundled("amas") / canary.CANARY_FILE
    policy = read(str(file), file.read_text())
    assert policy == replace(DEFAULT, service="amas", matchers='job="danci-backend"')


def test_a_limit_in_milliseconds_is_of_a_histogram_in_milliseconds() -> None:
    text = (
        "canary:\n  criteria:\n"
        "    - {id: db, histogram: db_ms, quantile: 95%, unit: ms, limit: {above_baseline: 1s}}\n"
    )
    assert read("c.yaml", text).criteria[0].limit.value == 1000


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("", "c.yaml:1: the file is empty; it should hold `canary`"),
        ("{}", "c.yaml:1: `canary` is missing"),
        ("canary: {confidence: 20}", "c.yaml:1: confidence: '20' is not a ratio between 0 and 1"),
        ("canary: {confidence: 50%}", "confidence: '50%' is not between 50% and 100%"),
        ("canary: {criteria: []}", "nothing is compared"),
        ("canary: {stages: []}", "a release without stages never begins"),
        ("canary: {stages: [{weight: 0%, lasts: 1h}]}", "weight: '0%' is nothing"),
        ("canary: {stages: [{weight: 5%, lasts: 0s}]}", "lasts: '0s' is no time at all"),
        ("canary: {stages: [{weight: 5%, lasts: 40d}]}", "'40d' is longer than 30 days"),
        (
            "canary: {stages: [{weight: 25%, lasts: 1h}, {weight: 5%, lasts: 1h}]}",
            "the weights of the stages go up",
        ),
        ("canary: {least: 0}", "least: '0' is not above 0"),
        ("canary: {matchers: '{job=\"a\"}'}", "has braces"),
        ("canary: {confidnce: 90%}", "unknown key 'confidnce'; did you mean 'confidence'?"),
        ("canary: [", "not YAML"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(written: str, said: str) -> None:
    with pytest.raises(CanaryError) as caught:
        read("c.yaml", written)
    assert len(caught.value.problems) == 1
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("criterion", "said"),
    [
        ("bad: x, limit: {above_baseline: 1%}", "`total` is missing"),
        ("histogram: x, limit: {above_baseline: 1s}", "`quantile` is missing"),
        ("limit: {above_baseline: 1%}", "either `bad` and `total`, or `histogram` and `quantile`"),
        ("bad: x, total: y, histogram: z, quantile: 50%, limit: {above: 1%}", "either `bad` and"),
        ("bad: x, total: y", "`limit` is missing"),
        ("bad: x, total: y, limit: {}", "one of above_baseline, below_baseline, above, below"),
        ("bad: x, total: y, limit: {above: 1%, below: 2%}", "one of above_baseline"),
        ("bad: x, total: y, limit: {above_baseline: 5}", "did you mean 5%?"),
        ("bad: 'rate(x[5m])', total: y, limit: {above: 1%}", "a series selector is wanted"),
        ("histogram: x, quantile: 0%, limit: {above: 1s}", "is not between 0 and 1"),
        ("histogram: x_bucket, quantile: 95%, limit: {above: 1s}", "write x"),
        ("histogram: x, quantile: 95%, limit: {above: soon}", "above: 'soon' is not a duration"),
        ("histogram: x, quantile: 95%, limit: {above_baseline: -1}", "is below 0"),
        (
            "bad: x, total: y, limit: {above: 1%}, rollback: {above: 2%}",
            "`for` is missing",
        ),
        (
            "bad: x, total: y, limit: {above: 2%}, rollback: {above: 1%, for: 5m}",
            "it is to be the wider of the two",
        ),
    ],
)
def test_what_is_wrong_with_a_criterion_is_said_once(criterion: str, said: str) -> None:
    text = f"canary:\n  criteria:\n    - {{id: a, {criterion}}}\n"
    with pytest.raises(CanaryError) as caught:
        read("c.yaml", text)
    (problem,) = caught.value.problems
    assert problem.line == 3
    assert said in problem.message


def test_every_problem_of_a_file_is_found() -> None:
    text = "canary:\n  least: no\n  stages:\n    - {weight: 5, lasts: 1h}\n    - {lasts: 1h}\n"
    with pytest.raises(CatalogError) as caught:
        read("c.yaml", text)
    assert [problem.line for problem in caught.value.problems] == [2, 4, 5]


def test_criteria_have_names_of_their_own() -> None:
    one = "{id: a, bad: x, total: y, limit: {above: 1%}}"
    with pytest.raises(CanaryError, match=r"c\.yaml:4: criterion a is already declared at c\.yaml:3"):
        read("c.yaml", f"canary:\n  criteria:\n    - {one}\n    - {one}\n")


def test_it_lies_beside_a_catalog_and_is_linted_with_it() -> None:
    slos = """\
slos:
  - id: shop/availability
    objective: 99.9%
    window: 30d
    sli: {bad: errors_total, total: requests_total}
"""
    assert len(read_catalog({"slos.yaml": slos, "canary.yaml": WHOLE}).slos) == 1
    report = lint({"slos.yaml": slos.encode(), "canary.yaml": b"canary:\n  confidnce: 90%\n"})
    (found,) = (each for each in report.findings if each.file == "canary.yaml")
    assert (found.line, found.code) == (2, "SLO005")
    assert found.edit is not None
    assert found.edit.new == "confidence"


def test_the_bundled_files_have_nothing_to_lint() -> None:
    file = Path(bundled("amas")) / canary.CANARY_FILE
    assert lint({str(file): file.read_bytes()}).findings == ()
