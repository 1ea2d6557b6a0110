from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sretool.core.analysis.canary import (
    Buckets,
    Checked,
    Events,
    Judged,
    JudgedRule,
    Judgement,
    Missing,
    Observed,
    Outcome,
    Pair,
    RuleState,
    Seen,
    Slice,
    Verdict,
    Window,
    before_release,
    judge,
)
from sretool.core.catalog.canary import DEFAULT, Check

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
NOTHING = Missing("no series match x")
BOUNDS = (0.05, 0.1, 0.2, 0.3, 0.5, 1.0, math.inf)
CONFIDENCE = (0.2, 0.4, 0.5, 0.6, 0.8, 1.0, math.inf)

GOOD_ERRORS = Pair(Events(4, 4000), Events(76, 76_000))


def latencies(p95: float, of: int = 4000) -> Buckets:
    """A twentieth of them above `p95`, the others far below it."""
    counts = [0] * len(BOUNDS)
    place = next(number for number, bound in enumerate(BOUNDS) if p95 <= bound)
    low, high = (0.0, *BOUNDS)[place], BOUNDS[place]
    # Within its bucket the values lie evenly: as many of them on each side as p95 divides the bucket.
    within = of // 10
    below = round(within * (p95 - low) / (high - low))
    counts[place], counts[0] = within, counts[0] + round(0.95 * of) - below
    counts[place + 1] += of - sum(counts)
    return Buckets(BOUNDS, tuple(counts))


def decisions(median: float, of: int = 2000) -> Buckets:
    place = next(number for number, bound in enumerate(CONFIDENCE) if median <= bound)
    low, high = (0.0, *CONFIDENCE)[place], CONFIDENCE[place]
    counts = [0] * len(CONFIDENCE)
    within = of // 2
    below = round(within * (median - low) / (high - low))
    counts[place], counts[max(place - 1, 0)] = within, of // 2 - below
    counts[place + 1] += of - sum(counts)
    return Buckets(CONFIDENCE, tuple(counts))


GOOD_LATENCIES = Pair(latencies(0.08), latencies(0.08, 76_000))
GOOD_DECISIONS = Pair(decisions(0.65), NOTHING)


def window(minutes: int = 30) -> Window:
    return Window(AT - minutes * MINUTE, AT)


def sliced(pairs: list[Pair]) -> tuple[Slice, ...]:
    """A minute each, the last one just now."""
    return tuple(Slice(AT - (len(pairs) - 1 - n) * MINUTE, pair) for n, pair in enumerate(pairs))


def decide(
    errors: Observed | Pair = GOOD_ERRORS,
    latency: Observed | Pair = GOOD_LATENCIES,
    confidence: Observed | Pair = GOOD_DECISIONS,
    *,
    number: int = 1,
    minutes: int = 30,
    least: int = 50,
) -> Judgement:
    seen = [each if isinstance(each, Observed) else Observed(each) for each in (errors, latency, confidence)]
    return judge(replace(DEFAULT, least=least), number, window(minutes), seen, MINUTE)


def criterion(found: Judgement, id_: str) -> Judged:
    return next(each for each in found.criteria if each.criterion.id == id_)


def rule(found: Judgement, id_: str) -> JudgedRule:
    return next(each for each in found.rules if each.criterion.id == id_)


def test_the_helpers_make_the_quantiles_they_say() -> None:
    found = decide(latency=Pair(latencies(0.25), latencies(0.08)), confidence=Pair(decisions(0.45), NOTHING))
    assert criterion(found, "latency").canary.value == pytest.approx(0.25, abs=0.002)
    assert criterion(found, "latency").baseline.value == pytest.approx(0.08, abs=0.002)
    assert criterion(found, "confidence").canary.value == pytest.approx(0.45, abs=0.002)


def test_a_good_canary_is_promoted_once_its_stage_is_over() -> None:
    found = decide()
    assert (found.outcome, found.reason) == (Outcome.PROMOTE, "all criteria are kept")
    assert {each.verdict for each in found.criteria} == {Verdict.PASSED}
    early = decide(minutes=12)
    assert (early.outcome, early.remaining) == (Outcome.HOLD, 18 * MINUTE)
    assert early.reason == "all criteria are kept, the stage is not over yet"


@pytest.mark.parametrize(
    ("number", "minutes", "outcome"),
    [
        (1, 29, Outcome.HOLD),
        (1, 30, Outcome.PROMOTE),
        (2, 59, Outcome.HOLD),
        (2, 60, Outcome.PROMOTE),
        (3, 24 * 60 - 1, Outcome.HOLD),
        (3, 24 * 60, Outcome.PROMOTE),
    ],
)
def test_stages_last_30_minutes_an_hour_and_a_day(number: int, minutes: int, outcome: Outcome) -> None:
    assert decide(number=number, minutes=minutes).outcome is outcome


def test_the_last_stage_completes_the_release() -> None:
    assert decide(number=3, minutes=24 * 60).reason.endswith("the release is complete")


@pytest.mark.parametrize(
    ("bad", "verdict"),
    [
        # Of 40,000 against a baseline of 0.1 %: the limit is 0.6 %.
        pytest.param(40, Verdict.PASSED, id="as the baseline"),
        pytest.param(200, Verdict.PASSED, id="0.5 %"),
        pytest.param(240, Verdict.UNCLEAR, id="at the limit"),
        pytest.param(285, Verdict.FAILED, id="0.7 %"),
    ],
)
def test_errors_may_be_half_a_point_above_the_baseline(bad: int, verdict: Verdict) -> None:
    found = decide(Pair(Events(bad, 40_000), Events(760, 760_000)))
    assert criterion(found, "errors").verdict is verdict


@pytest.mark.parametrize(
    ("p95", "verdict"),
    [
        pytest.param(0.08, Verdict.PASSED, id="as the baseline"),
        pytest.param(0.15, Verdict.PASSED, id="70 ms more"),
        pytest.param(0.18, Verdict.UNCLEAR, id="at the limit"),
        pytest.param(0.25, Verdict.FAILED, id="170 ms more"),
    ],
)
def test_p95_may_be_100_ms_above_the_baseline(p95: float, verdict: Verdict) -> None:
    found = decide(latency=Pair(latencies(p95), latencies(0.08, 76_000)))
    assert criterion(found, "latency").verdict is verdict


@pytest.mark.parametrize(
    ("median", "verdict"),
    [(0.55, Verdict.PASSED), (0.5, Verdict.UNCLEAR), (0.45, Verdict.FAILED)],
)
def test_the_median_confidence_is_above_one_half(median: float, verdict: Verdict) -> None:
    found = decide(confidence=Pair(decisions(median), NOTHING))
    assert criterion(found, "confidence").verdict is verdict


def test_a_limit_that_is_broken_for_sure_sends_the_canary_back_before_the_end() -> None:
    found = decide(Pair(Events(60, 1000), Events(20, 20_000)), minutes=5)
    assert (found.outcome, found.reason) == (Outcome.ROLLBACK, "beyond the limit: 5xx answers")
    judged = criterion(found, "errors")
    assert judged.broken is not None
    assert judged.broken > 0.999
    assert judged.chance is not None
    assert judged.chance > 0.999
    assert judged.difference == pytest.approx(0.059)


# -- few requests


def test_few_requests_neither_promote_nor_roll_back() -> None:
    found = decide(Pair(Events(0, 100), Events(76, 76_000)))
    judged = criterion(found, "errors")
    assert (found.outcome, judged.verdict) == (Outcome.HOLD, Verdict.UNCLEAR)
    assert judged.more is not None
    assert 200 < judged.more.events < 600
    assert judged.more.time == pytest.approx(judged.more.events / 100 * 30 * MINUTE, rel=0.02)


def test_what_is_said_to_be_needed_suffices() -> None:
    judged = criterion(decide(Pair(Events(0, 100), Events(76, 76_000))), "errors")
    assert judged.more is not None
    times = 1 + judged.more.events / 100
    enough = Pair(Events(0, 100 + judged.more.events), Events(round(76 * times), round(76_000 * times)))
    assert criterion(decide(enough), "errors").verdict is Verdict.PASSED


def test_one_failure_of_three_requests_is_no_reason_to_roll_back() -> None:
    found = decide(Pair(Events(1, 3), Events(76, 76_000)))
    judged = criterion(found, "errors")
    assert found.outcome is Outcome.HOLD
    assert judged.why == "canary has 3 of 50 events needed"


def test_a_small_baseline_counts_as_small() -> None:
    found = decide(Pair(Events(0, 4000), Events(0, 20)))
    assert criterion(found, "errors").why == "baseline has 20 of 50 events needed"


def test_exactly_at_the_limit_nothing_is_promised() -> None:
    judged = criterion(decide(Pair(Events(60, 10_000), Events(10, 10_000))), "errors")
    assert (judged.verdict, judged.more) == (Verdict.UNCLEAR, None)
    assert judged.why == "too close to its limit to ever become clear"


def test_slower_than_the_last_bucket_is_not_known_to_be_kept() -> None:
    slow = Buckets(BOUNDS, (0, 0, 0, 0, 0, 1000, 3000))
    found = decide(latency=Pair(slow, slow))
    judged = criterion(found, "latency")
    assert (found.outcome, judged.verdict) == (Outcome.HOLD, Verdict.UNCLEAR)
    assert (judged.kept, judged.broken) == pytest.approx((0.0, 0.0))
    assert judged.canary.high is None


# -- missing data


@pytest.mark.parametrize("id_", ["errors", "latency", "confidence"])
def test_missing_data_never_promotes(id_: str) -> None:
    found = decide(**{id_: Pair(NOTHING, NOTHING)})  # type: ignore[arg-type]
    assert found.outcome is Outcome.HOLD
    assert "no series match x" in found.reason
    assert criterion(found, id_).verdict is Verdict.NO_DATA
    assert criterion(found, id_).kept is None


def test_a_relative_limit_needs_its_baseline() -> None:
    found = decide(Pair(Events(0, 4000), NOTHING))
    assert found.outcome is Outcome.HOLD
    assert found.reason == "no data for 5xx answers: baseline: no series match x"


def test_a_canary_that_fell_silent_is_not_promoted() -> None:
    good = Pair(Events(0, 130), Events(2, 2500))
    seen = Observed(GOOD_ERRORS, sliced([good] * 29 + [Pair(Missing("no events in 1m"), good.baseline)]))
    found = decide(seen)
    assert (found.outcome, found.reason) == (
        Outcome.HOLD,
        "nothing new of 5xx answers lately, though there was before",
    )


def test_slices_that_are_shorter_than_scrapes_are_explained() -> None:
    blind = sliced([Pair(NOTHING, NOTHING)] * 30)
    pairs = (GOOD_ERRORS, GOOD_LATENCIES, GOOD_DECISIONS)
    found = decide(*(Observed(pair, blind) for pair in pairs))
    assert (found.outcome, found.reason) == (
        Outcome.HOLD,
        "no slice of 1m has data: make `over` at least four scrape intervals long",
    )


def test_what_is_certainly_bad_goes_back_even_where_other_data_is_missing() -> None:
    found = decide(Pair(Events(60, 1000), Events(20, 20_000)), Pair(NOTHING, NOTHING))
    assert found.outcome is Outcome.ROLLBACK


SEEN = st.one_of(
    st.just(NOTHING),
    st.tuples(st.integers(0, 200), st.integers(1, 4000)).map(lambda e: Events(min(e), max(e))),
)
MEASURED = st.one_of(
    st.just(NOTHING),
    st.lists(st.integers(0, 800), min_size=7, max_size=7)
    .filter(any)
    .map(lambda counts: Buckets(BOUNDS, tuple(counts))),
)


@given(SEEN, SEEN, MEASURED, MEASURED, MEASURED, st.integers(1, 60))
@settings(max_examples=80, deadline=None)
def test_only_what_is_known_and_kept_is_ever_promoted(
    mine: Seen, its: Seen, fast: Seen, usual: Seen, sure: Seen, minutes: int
) -> None:
    found = decide(Pair(mine, its), Pair(fast, usual), Pair(sure, NOTHING), minutes=minutes)
    if found.outcome is Outcome.PROMOTE:
        assert minutes >= 30
        assert all(each.kept is not None and each.kept >= 0.95 for each in found.criteria)
    if any(isinstance(each, Missing) for each in (mine, its, fast, usual, sure)):
        assert found.outcome is not Outcome.PROMOTE


# -- roll-back rules


def errors_a_minute(*bad: int, of: int = 200) -> Observed:
    """The canary's bad ones of each minute; the baseline has one of a thousand."""
    pairs = [Pair(Events(each, of), Events(4, 4000)) for each in bad]
    whole = Pair(Events(sum(bad), of * len(bad)), Events(4 * len(bad), 4000 * len(bad)))
    return Observed(whole, sliced(pairs))


def test_a_point_more_errors_for_five_minutes_sends_the_canary_back() -> None:
    found = decide(errors_a_minute(*[0] * 20, 8, 8, 8, 8, 8, 0, 0, 0, 0, 0))
    fired = rule(found, "errors")
    assert (found.outcome, found.reason) == (Outcome.ROLLBACK, "roll-back rule: 5xx answers")
    assert (fired.state, fired.held) == (RuleState.FIRED, 5 * MINUTE)
    assert fired.since == AT - 10 * MINUTE


def test_four_minutes_are_not_enough() -> None:
    found = decide(errors_a_minute(*[0] * 26, 5, 5, 5, 5))
    pending = rule(found, "errors")
    assert (pending.state, pending.held) == (RuleState.PENDING, 4 * MINUTE)
    assert found.outcome is Outcome.HOLD


def test_a_minute_within_the_limit_begins_it_anew() -> None:
    assert rule(decide(errors_a_minute(8, 8, 8, 0, 8, 8, 8, 8)), "errors").state is RuleState.PENDING


def test_a_minute_without_data_begins_it_anew() -> None:
    seen = errors_a_minute(*[8] * 9)
    gap = replace(seen.slices[4], pair=Pair(NOTHING, NOTHING))
    found = decide(replace(seen, slices=(*seen.slices[:4], gap, *seen.slices[5:])))
    assert rule(found, "errors").state is RuleState.PENDING


def test_a_rule_that_no_longer_holds_is_quiet_again() -> None:
    assert rule(decide(errors_a_minute(8, 8, 8, 0, 0)), "errors").state is RuleState.QUIET


def test_a_rule_without_data_is_not_known() -> None:
    seen = Observed(GOOD_ERRORS, sliced([Pair(NOTHING, NOTHING)] * 3))
    assert rule(decide(seen), "errors").state is RuleState.NO_DATA


def test_bad_luck_of_few_requests_does_not_roll_back_but_holds() -> None:
    # Each minute one slow request of ten: p95 is beyond the limit every time, and may be the same.
    slow = Pair(Buckets(BOUNDS, (9, 0, 0, 0, 1, 0, 0)), latencies(0.08, 4000))
    whole = Pair(latencies(0.08, 4000), latencies(0.08, 76_000))
    found = decide(latency=Observed(whole, sliced([slow] * 5)))
    doubtful = rule(found, "latency")
    assert doubtful.state is RuleState.UNPROVEN
    assert (found.outcome, found.reason) == (
        Outcome.HOLD,
        "beyond the limit of a roll-back rule at the moment: p95 latency",
    )


@pytest.mark.parametrize(
    ("p95", "minutes", "state"),
    [
        pytest.param(0.4, 5, RuleState.FIRED, id="320 ms more for five minutes"),
        pytest.param(0.4, 4, RuleState.PENDING, id="for four minutes"),
        pytest.param(0.25, 5, RuleState.QUIET, id="170 ms more"),
    ],
)
def test_p95_200_ms_above_the_baseline_for_five_minutes(p95: float, minutes: int, state: RuleState) -> None:
    bad = Pair(latencies(p95, 400), latencies(0.08, 4000))
    good = Pair(latencies(0.08, 400), latencies(0.08, 4000))
    seen = Observed(GOOD_LATENCIES, sliced([good] * 5 + [bad] * minutes))
    assert rule(decide(latency=seen), "latency").state is state


@pytest.mark.parametrize(
    ("median", "minutes", "state"),
    [
        pytest.param(0.35, 10, RuleState.FIRED, id="for ten minutes"),
        pytest.param(0.35, 9, RuleState.PENDING, id="for nine minutes"),
        pytest.param(0.45, 10, RuleState.QUIET, id="above 0.4"),
    ],
)
def test_confidence_below_04_for_ten_minutes(median: float, minutes: int, state: RuleState) -> None:
    pairs = [Pair(decisions(median, 300), NOTHING)] * minutes
    found = decide(confidence=Observed(Pair(decisions(0.6), NOTHING), sliced(pairs)))
    assert rule(found, "confidence").state is state


# -- before the release


def test_the_checklist_holds_the_release_until_all_of_it_is_known() -> None:
    budget, approval = Check("budget", "Budget", budget_above=0.5), Check("approval", "Approval")
    found = before_release([Checked(budget, False, "shop/x has 12.0% left"), Checked(approval, None)], AT)
    assert (found.outcome, found.reason) == (Outcome.HOLD, "the checklist lacks budget, approval")
    done = before_release([Checked(budget, True), Checked(approval, True)], AT)
    assert (done.outcome, done.number, done.stage) == (Outcome.PROMOTE, 0, None)
