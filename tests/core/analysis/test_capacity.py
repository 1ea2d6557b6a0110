"""The search for the highest rate, against servers whose limit is known."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sretool.core.analysis.capacity import Ending, Judge, Judgement, Phase, Plan, Result, Search, Second
from sretool.core.analysis.totals import Totals
from tests.support.queues import Bench, Bucket, Queue, Server, constant, exponential, lognormal

if TYPE_CHECKING:
    from collections.abc import Callable


def within(limit_s: float, share: float = 0.99, errors: float = 0.01) -> Judge:
    def judge(totals: Totals) -> Judgement:
        latency, failed = totals.whole.quantile(share), totals.whole.error_share
        broken = []
        if latency is not None and latency > limit_s:
            broken.append(f"p{share * 100:g} {latency:.3f}s")
        if failed is not None and failed > errors:
            broken.append(f"errors {failed:.3f}")
        return Judgement(tuple(broken), latency / limit_s if latency is not None else None)

    return judge


def found(bench: Bench, judge: Judge, plan: Plan | None = None) -> Result:
    search = Search(judge, plan or Plan(start=100))
    while not search.done:
        search.take(bench.second(search.rate))
    return search.result()


def many(
    server: Callable[[int], Server], judge: Judge, seeds: int, *, poisson: bool = True, start: float = 100
) -> list[Result]:
    return [
        found(Bench(server(seed), poisson=poisson, seed=1000 + seed), judge, Plan(start=start))
        for seed in range(seeds)
    ]


def errors(results: list[Result], truth: float) -> tuple[float, float]:
    """Of the confirmed rates in relation to the truth: their median, and the largest."""
    off = [result.lower / truth - 1 for result in results if result.lower is not None]
    assert len(off) == len(results)
    return statistics.median(off), max(map(abs, off))


@pytest.mark.parametrize("limit", [300, 700, 2000, 9000])
def test_a_queue_with_a_known_limit_is_found_within_two_per_cent_in_forty_seconds(limit: int) -> None:
    (result,) = many(lambda seed: Queue(constant(1 / limit)), within(0.1), 1, poisson=False, start=100)
    assert result.ending is Ending.FOUND
    assert result.seconds <= 40
    assert result.knee == pytest.approx(limit, rel=0.005)
    assert result.saturates
    assert result.lower is not None
    assert result.upper is not None
    assert limit * 0.98 <= result.lower <= limit <= result.upper <= limit * 1.02 + 1
    assert result.rounds == 2
    assert any("waited longer" in why or "p99" in why for why in result.why)


@pytest.mark.slow
def test_arrivals_at_random_before_a_known_limit() -> None:
    results = many(lambda seed: Queue(constant(1 / 2000)), within(0.1), 8)
    assert all(result.ending is Ending.FOUND for result in results)
    assert all(result.knee == pytest.approx(2000, rel=0.02) for result in results)
    middle, most = errors(results, 2000)
    assert -0.03 < middle < 0.01
    assert most < 0.07
    assert statistics.median(result.seconds for result in results) <= 40


@pytest.mark.slow
def test_work_of_random_length_in_one_queue() -> None:
    # M/M/1: p99 = ln 100 / (2000 - rate).
    truth = 2000 - math.log(100) / 0.1
    results = many(lambda seed: Queue(exponential(1 / 2000), seed=seed), within(0.1), 8)
    middle, most = errors(results, truth)
    assert abs(middle) < 0.03
    assert most < 0.06


@pytest.mark.slow
def test_an_objective_that_breaks_long_before_the_server_does() -> None:
    # M/M/1: p95 = ln 20 / (1000 - rate) = 20 ms at 850/s.
    results = many(lambda seed: Queue(exponential(1 / 1000), seed=seed), within(0.02, 0.95), 8)
    middle, most = errors(results, 1000 - math.log(20) / 0.02)
    assert abs(middle) < 0.03
    assert most < 0.08
    assert not any(result.saturates for result in results)


@pytest.mark.slow
def test_a_pool_of_workers_whose_clients_give_up() -> None:
    results = many(lambda seed: Queue(exponential(0.02), workers=16, timeout=1.0, seed=seed), within(0.5), 6)
    middle, most = errors(results, 791)
    assert abs(middle) < 0.04
    assert most < 0.08


def test_a_server_that_turns_away_what_is_too_much() -> None:
    results = many(lambda seed: Bucket(1000, 200), within(0.1), 6)
    middle, most = errors(results, 1000)
    assert abs(middle) < 0.03
    assert most < 0.08


@pytest.mark.slow
def test_a_server_that_pauses_now_and_then() -> None:
    results = many(
        lambda seed: Queue(lognormal(1 / 2000, 1.0), pause_every=4, pause=0.06, seed=seed), within(0.2), 6
    )
    middle, most = errors(results, 2000 * (1 - 0.06 / 4))
    assert abs(middle) < 0.05
    assert most < 0.1


def test_answers_that_take_seconds() -> None:
    bench = Bench(Queue(constant(3), workers=300), seed=1)
    result = found(bench, within(5), Plan(start=10, within=200))
    assert result.lower is not None
    assert result.lower == pytest.approx(100, rel=0.2)


@pytest.mark.slow
def test_several_requests_to_an_arrival() -> None:
    results = [
        found(Bench(Queue(constant(1 / 2000)), seed=seed, per_arrival=3), within(0.1)) for seed in range(4)
    ]
    for result in results:
        assert result.knee == pytest.approx(2000, rel=0.05)
        assert result.asked is not None
        assert result.lower is not None
        assert result.lower / result.asked == pytest.approx(3, rel=0.1)


def test_a_generator_that_does_not_know_what_is_under_way() -> None:
    result = found(Bench(Queue(constant(1 / 2000)), poisson=False, blind=True), within(0.1))
    assert result.knee == pytest.approx(2000, rel=0.02)
    assert result.lower == pytest.approx(2000, rel=0.03)


def test_a_generator_at_its_end_says_nothing_about_the_server() -> None:
    result = found(Bench(Queue(constant(1 / 2000)), most=900), within(0.1))
    assert result.ending is Ending.GENERATOR
    assert result.upper is None
    assert result.lower is not None
    assert 700 < result.lower < 900


def test_the_highest_rate_allowed_is_never_exceeded() -> None:
    search = Search(within(0.1), Plan(start=100, most=700))
    bench, rates = Bench(Queue(constant(1 / 2000)), poisson=False), set[float]()
    while not search.done:
        rates.add(search.rate)
        search.take(bench.second(search.rate))
    assert max(rates) == 700
    assert search.result().ending is Ending.MOST
    assert search.result().lower == pytest.approx(700, rel=0.01)


def test_a_start_that_is_far_too_high() -> None:
    result = found(Bench(Queue(constant(1 / 2000)), poisson=False), within(0.1), Plan(start=10_000))
    assert result.lower == pytest.approx(2000, rel=0.02)


class _Broken:
    """Answers nothing well."""

    def answer(self, at: float) -> tuple[float, bool]:
        return at + 0.001, False


def test_a_server_that_keeps_nothing_at_any_rate() -> None:
    result = found(Bench(_Broken(), poisson=False), within(0.1), Plan(start=10))
    assert result.ending is Ending.LEAST
    assert result.lower is None


class _Hiccup:
    """Stands still once, for a second and a half, while it is far from its limit."""

    def __init__(self) -> None:
        self._queue = Queue(constant(1 / 2000))
        self._once = 5.2

    def answer(self, at: float) -> tuple[float, bool]:
        if at >= self._once:
            self._once = math.inf
            self._queue.answer(at)
            self._queue._free = [at + 1.5]
        return self._queue.answer(at)


def test_one_hiccup_is_no_limit() -> None:
    result = found(Bench(_Hiccup(), poisson=False), within(0.1))
    assert result.lower == pytest.approx(2000, rel=0.03)


class _Resentful:
    """Carries 2000 a second until that is too much once, and 500 from then on."""

    def __init__(self) -> None:
        self._queue = Queue(constant(1 / 2000))

    def answer(self, at: float) -> tuple[float, bool]:
        end, well = self._queue.answer(at)
        if end - at > 0.3:
            self._queue.service = constant(1 / 500)
        return end, well


def test_a_server_that_does_not_recover_is_told() -> None:
    result = found(Bench(_Resentful(), poisson=False), within(0.1))
    assert result.upper == pytest.approx(500, rel=0.05)
    (note,) = [each for each in result.notes if "before the first overload" in each]
    assert "1599/s held for 1 s" in note
    steady = found(Bench(Queue(constant(1 / 2000)), poisson=False), within(0.1))
    assert steady.notes == ()


class _Guarded:
    """A queue behind a circuit breaker: what waits too long opens it, and nothing is answered for a while."""

    def __init__(self, limit: float, opened_for: float) -> None:
        self._queue = Queue(constant(1 / limit))
        self._opened_for = opened_for
        self._open_until = 0.0

    def answer(self, at: float) -> tuple[float, bool]:
        if at < self._open_until:
            return at + 0.001, False
        end, well = self._queue.answer(at)
        if end - at > 0.3:
            self._open_until = at + self._opened_for
            self._queue._free = [at + self._opened_for]
        return end, well


def test_a_circuit_breaker_is_given_time_to_close() -> None:
    result = found(Bench(_Guarded(500, 100)), within(0.1), Plan(start=50, within=1200))
    assert result.ending is Ending.FOUND
    # Where one in a hundred of random arrivals waits for more than a tenth of a second.
    assert result.lower == pytest.approx(477, rel=0.05)
    assert any("requests failed for" in each for each in result.notes)


def test_a_circuit_breaker_that_never_closes_is_told() -> None:
    result = found(Bench(_Guarded(500, math.inf)), within(0.1), Plan(start=50, within=400))
    assert result.ending is Ending.TIME
    assert any("requests failed still" in each for each in result.notes)


def test_the_search_ends_when_its_time_is_up() -> None:
    result = found(Bench(Queue(constant(1 / 2000))), within(0.1), Plan(start=1, within=20))
    assert result.ending is Ending.TIME
    assert result.seconds == pytest.approx(20)


def test_every_step_is_a_point_of_the_curve() -> None:
    result = found(Bench(Queue(constant(1 / 2000)), poisson=False), within(0.1))
    assert [step.phase for step in result.steps][-1] is Phase.CONFIRM
    at = [step.at for step in result.steps]
    assert at == sorted(at)
    for step in result.steps:
        assert step.done <= 2001
        assert (step.held is False) == bool(step.why)
    # What came after the server had been drained is as fast as before.
    first, last = result.steps[0].totals.whole, result.steps[-1].totals.whole
    assert (last.quantile(0.5) or 1) < 3 * (first.quantile(0.5) or 0)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 500), st.integers(0, 500), st.integers(0, 10_000), st.floats(0, 1)),
        min_size=1,
        max_size=60,
    )
)
@example([(0, 0, 0, 0.0), (1, 0, 0, 0.0), (1, 1, 0, 0.0), (99, 1, 0, 0.0)])
def test_whatever_comes_it_asks_for_a_possible_rate_and_ends(
    seen: list[tuple[int, int, int, float]],
) -> None:
    search = Search(within(0.1), Plan(start=10, most=5000, within=300))
    for turn in range(1000):
        requests, failures, waiting, cpu = seen[turn % len(seen)]
        totals = Totals(1.0)
        whole = totals.names.setdefault("x", totals.whole)
        whole.requests, whole.failures = requests, min(failures, requests)
        whole.latency.add([float(waiting) * 1e4] * requests)
        search.take(Second(totals, waiting, cpu))
        assert 0 < search.rate <= 5000
        if search.done:
            break
    assert search.done
    result = search.result()
    assert result.lower is None or result.lower >= 0
