"""Which series an SLO reads."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import promql_parser
import pytest

from sretool.core.slo.model import (
    BucketRatio,
    Composite,
    ErrorRatioQuery,
    EventRatio,
    Freshness,
    Part,
    Sli,
)
from sretool.core.slo.selectors import jobs, needed, selectors
from tests.support.slos import slo


@pytest.mark.parametrize(
    ("sli", "wanted"),
    [
        pytest.param(EventRatio("bad", 'all{a="1"}'), ('all{a="1"}',), id="errors may be missing"),
        pytest.param(
            BucketRatio("l", Decimal("0.5"), 'a="1"'),
            ('l_count{a="1"}', 'l_bucket{a="1",le="0.5"}'),
            id="both sides of a histogram",
        ),
        pytest.param(
            ErrorRatioQuery("sum(rate(e[{window}])) / sum(rate(r[{window}]))"), ("e", "r"), id="query"
        ),
        pytest.param(Freshness("time() - last offset 5m", timedelta(minutes=1)), ("last",), id="offset"),
        pytest.param(
            Composite((Part(EventRatio("a", "b")), Part(EventRatio("c", "d")))), ("b", "d"), id="parts"
        ),
    ],
)
def test_selectors_without_which_there_are_no_figures(sli: Sli, wanted: tuple[str, ...]) -> None:
    assert needed(slo(sli=sli)) == wanted


def test_the_text_of_a_selector_is_read_back_as_the_same() -> None:
    written = r'sum(x{a=~"1(\\.0)?",b="say \"so\"",c!~"\n",d!=""})'
    (text,) = selectors([written])
    assert text == r'x{a=~"1(\\.0)?",b="say \"so\"",c!~"\n",d!=""}'
    assert selectors([text]).keys() == {text}
    assert isinstance(promql_parser.parse(text), promql_parser.VectorSelector)


@pytest.mark.parametrize(
    ("sli", "read"),
    [
        pytest.param(EventRatio("bad", 'all{job="app"}'), ({"app"},), id="one job"),
        pytest.param(EventRatio("bad", 'all{job=~"app|w.*"}'), ({"app", "worker"},), id="several jobs"),
        pytest.param(EventRatio("bad", 'all{job!="app"}'), ({"worker", "node"},), id="all but one"),
        pytest.param(EventRatio("bad", 'all{job!~"app|node"}'), ({"worker"},), id="all but several"),
        pytest.param(EventRatio('bad{job="app"}', "all"), (), id="any job"),
        pytest.param(EventRatio("bad", 'all{job="other"}'), (set(),), id="a job that is not there"),
        pytest.param(EventRatio("bad", r'all{job=~"\\pL+"}'), ({"app", "worker", "node"},), id="RE2"),
        pytest.param(EventRatio("bad", "all{"), (), id="no PromQL"),
        pytest.param(BucketRatio("l", Decimal("0.5"), 'job="node"'), ({"node"}, {"node"}), id="both sides"),
    ],
)
def test_jobs_that_an_objective_is_read_from(sli: Sli, read: tuple[set[str], ...]) -> None:
    assert jobs(slo(sli=sli), ["app", "worker", "node"]) == read
