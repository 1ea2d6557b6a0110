"""For each code an expression that is wrong and one beside it that is right."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.core.lint import promql
from sretool.core.lint.expressions import Use, check

GOOD_RATIO = (
    '(sum(rate(r_total{code=~"5.."}[5m])) or 0 * sum(rate(r_total[5m]))) / (sum(rate(r_total[5m])) > 0)'
)


def codes(text: str, use: Use = Use.SHOWN) -> list[str]:
    tree = promql.parse(text)
    assert not isinstance(tree, promql.SyntaxProblem), tree
    return sorted({remark.code for remark in check(tree, use)})


@pytest.mark.parametrize(
    ("code", "wrong", "right"),
    [
        (
            "SLO202",
            "histogram_quantile(0.9, sum(rate(x_bucket[5m])))",
            "histogram_quantile(0.9, sum by (le) (rate(x_bucket[5m])))",
        ),
        (
            "SLO202",
            "histogram_quantile(0.9, sum without (le) (rate(x_bucket[5m])))",
            "histogram_quantile(0.9, sum without (pod) (rate(x_bucket[5m])))",
        ),
        (
            "SLO202",
            "histogram_quantile(0.9, sum by (job) (rate(x_bucket[5m])))",
            "histogram_quantile(0.9, sum(rate(x_native[5m])))",
        ),
        (
            "SLO203",
            "histogram_quantile(0.9, sum by (le) (x_bucket))",
            "histogram_quantile(0.9, sum by (le) (increase(x_bucket[1h])))",
        ),
        (
            "SLO204",
            "histogram_quantile(0.9, rate(x_bucket[5m]))",
            "histogram_quantile(0.9, sum by (le, job) (rate(x_bucket[5m])))",
        ),
        (
            "SLO205",
            "histogram_quantile(95, sum by (le) (rate(x_bucket[5m])))",
            "histogram_quantile(0.95, sum by (le) (rate(x_bucket[5m])))",
        ),
        ("SLO206", "rate(sum(x_total)[5m:1m])", "sum(rate(x_total[5m:1m]))"),
        ("SLO207", "rate(up[5m])", "avg_over_time(up[5m])"),
        ("SLO207", "deriv(x_total[5m])", "deriv(node_memory_free_bytes[5m])"),
        ("SLO208", "sum(x_total) > 5", "sum(rate(x_total[5m])) > 5"),
        ("SLO208", "a_total / b_total", "absent(a_total)"),
        ("SLO208", "inodes_total > 5", "inodes_free / inodes_total"),
        ("SLO208", "1 < x_total / 60", "(bytes_total - bytes_used) / bytes_total"),
        (
            "SLO217",
            'sum(rate(r_total{code="500"}[5m])) / sum(rate(r_total[5m])) > 1',
            '100 * sum(rate(r_total{code="500"}[5m])) / sum(rate(r_total[5m])) > 1',
        ),
        ("SLO208", "x_total", "x_total - x_total offset 5m"),
        ("SLO209", "sum(rate(x_bucket[5m]))", 'sum(rate(x_bucket{le="0.3"}[5m]))'),
        ("SLO209", "sum by (job) (rate(x_bucket[5m]))", "sum by (job, le) (rate(x_bucket[5m]))"),
        ("SLO210", 'rate(x_bucket{le="1"}[5m])', 'rate(x_bucket{le=~"1(\\\\.0)?"}[5m])'),
        ("SLO107", 'rate(x_bucket{le="0.30"}[5m])', 'rate(x_bucket{le="0.3"}[5m])'),
        ("SLO107", 'rate(x_bucket{le="300ms"}[5m])', 'rate(x_bucket{le="+Inf"}[5m])'),
        ("SLO108", "rate(x_total[30s])", "rate(x_total[1m])"),
        (
            "SLO211",
            'sum(rate(r_total{code=~"5.."}[5m])) / (sum(rate(r_total[5m])) > 0)',
            GOOD_RATIO,
        ),
        (
            "SLO211",
            "sum(rate(r_failed_total[5m])) / (sum(rate(r_total[5m])) > 0)",
            "sum(rate(r_failed_total[5m])) / (sum(rate(r_total[5m])) > 0) > 0.01",
        ),
        ("SLO214", "sum by (a) (x) / sum by (b) (y)", "sum by (a, b) (x) / sum by (b, a) (y)"),
        ("SLO214", "sum by (a) (x) / sum(y)", "sum by (a) (x) / on () group_left () sum(y)"),
        ("SLO214", "sum by (a) (x) > 1 and sum(y) > 2", "sum by (a) (x) > 1 and on () sum(y) > 2"),
        (
            "SLO214",
            'rate(r_total{code="500"}[5m]) / rate(r_total[5m])',
            'rate(r_total{code="500"}[5m]) / ignoring (code) group_left () rate(q_total[5m])',
        ),
        (
            "SLO214",
            'rate(x_bucket{le="0.3"}[5m]) / rate(x_count[5m])',
            'rate(x_bucket{le="0.3"}[5m]) / ignoring (le) rate(x_count[5m])',
        ),
        ("SLO215", "avg(job:errors:ratio_rate5m)", "max(job:errors:ratio_rate5m)"),
        ("SLO215", "avg_over_time(x_error_ratio[1d])", "avg_over_time(x_in_flight[1d])"),
        (
            "SLO215",
            "avg(histogram_quantile(0.9, sum by (le, pod) (rate(x_bucket[5m]))))",
            "max(histogram_quantile(0.9, sum by (le, pod) (rate(x_bucket[5m]))))",
        ),
        (
            "SLO215",
            "avg_over_time((sum(rate(e_total[5m])) / sum(rate(r_total[5m])))[30d:5m])",
            "sum_over_time((sum(rate(e_total[5m])))[1d:5m]) / sum_over_time((sum(rate(r_total[5m])))[1d:5m])",
        ),
        ("SLO215", 'sum(x_seconds{quantile="0.9"})', 'max(x_seconds{quantile="0.9"})'),
        ("SLO216", "sum by (a) (rate(x_total[5m])) or vector(0)", "sum(rate(x_total[5m])) or vector(0)"),
        ("SLO217", "job:errors:ratio_rate5m > (14.4 * 0.1)", "job:errors:ratio_rate5m > (14.4 * 0.01)"),
        (
            "SLO217",
            'sum(rate(r_total{code="500"}[5m])) / sum(rate(r_total[5m])) > 5',
            'sum(rate(r_total{kind="read"}[5m])) / sum(rate(q_total[5m])) > 5',
        ),
    ],
)
def test_what_is_wrong_is_found_and_what_is_right_beside_it_is_not(code: str, wrong: str, right: str) -> None:
    assert code in codes(wrong)
    assert code not in codes(right)


@pytest.mark.parametrize(
    ("code", "wrong", "right"),
    [
        ("SLO212", "sum(rate(a_total[5m])) / sum(rate(b_total[5m]))", GOOD_RATIO),
        (
            "SLO213",
            'sum(rate(r_total{code=~"5..",job="a"}[5m])) / (sum(rate(r_total{job="b"}[5m])) > 0)',
            'sum(rate(r_total{code=~"5..",job="a"}[5m])) / (sum(rate(r_total{job=~"a|b"}[5m])) > 0)',
        ),
        (
            "SLO213",
            'sum(rate(r_total{code=~"5.."}[5m])) / (sum(rate(r_total{method!="GET"}[5m])) > 0)',
            'sum(rate(r_total{code=~"5..",method="POST"}[5m])) / (sum(rate(r_total{method!="GET"}[5m])) > 0)',
        ),
    ],
)
def test_the_ratio_of_an_objective_is_looked_at_more_closely(code: str, wrong: str, right: str) -> None:
    assert code in codes(wrong, Use.SLI)
    assert code not in codes(right, Use.SLI)


@pytest.mark.parametrize(
    ("text", "offset", "words"),
    [
        ("sum(rate(a[5m]) / b", 3, "'(' that nothing closes"),
        ("sum(a))", 6, "')' that nothing opens"),
        ("a[5m", 1, "'[' that nothing closes"),
        ("rate(a)", 0, "expected type matrix"),
        ("nosuch(a)", 0, "unknown function"),
        ("a{b=c}", 4, "expected string"),
        ('a{b="c}', 4, "string that is not closed"),
        ("a[$x]", 2, "unexpected character"),
        ("rate(sum(a)[5m])", 0, "range function"),
        ("(" * 5000 + "a" + ")" * 5000, 100, "too deep"),
        ("-" * 5000 + "a", 300, "too long"),
        (" or ".join(["a"] * 5000), 1502, "too long"),
        ("", None, "no expression"),
    ],
)
def test_a_syntax_problem_says_where(text: str, offset: int | None, words: str) -> None:
    problem = promql.parse(text)
    assert isinstance(problem, promql.SyntaxProblem)
    assert words in problem.message
    assert problem.offset == offset


@given(st.text(alphabet="sumrate()[]{}5m \"'=~,<>+-*/by\\$#\n", max_size=60))
def test_whatever_is_typed_is_parsed_or_refused(text: str) -> None:
    tree = promql.parse(text)
    if not isinstance(tree, promql.SyntaxProblem):
        check(tree, Use.SLI)
