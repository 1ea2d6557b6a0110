"""How often a canary's verdict is right: `python -m tests.bench.bench_canary [--rounds N]`.

Three tables from simulated traffic: how often equal versions are taken for different ones, what becomes of a
version with a given excess of errors, and of one with a given excess of latency, by the number of its
requests. The baseline has the other 95 % of the traffic and an error rate of 0.1 %; limits are the standard
ones. Last how long one verdict takes.
"""

from __future__ import annotations

import argparse
import math
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import numpy as np

from sretool.core.analysis import belief
from sretool.core.analysis.canary import Buckets, Events, Observed, Pair, Slice, Window, judge
from sretool.core.catalog.canary import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Sequence

BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0, math.inf)
"""Buckets of the reference service."""
SURE: Final = DEFAULT.confidence
USUAL: Final = 0.001
"""The baseline's error rate."""
OTHERS: Final = 19
"""Requests of the baseline for each of the canary."""


class Shares:
    """Errors of both versions, drawn anew each time; chances are kept, as the counts repeat."""

    def __init__(self, seed: int) -> None:
        self._dice = np.random.default_rng(seed)
        self._known: dict[tuple[int, int, int, int, float], float] = {}

    def worse(self, of: int, share: float, others: int, usual: float, margin: float) -> float:
        """How sure one draw makes it that the canary has more errors than the baseline and the margin."""
        bad, its = int(self._dice.binomial(of, share)), int(self._dice.binomial(others, usual))
        key = (bad, of, its, others, margin)
        if key not in self._known:
            mine, other = belief.share(bad, of), belief.share(its, others)
            self._known[key] = belief.beyond(mine, other, margin)[0]
        return self._known[key]


def equal_versions(rounds: int) -> bool:
    print(f"Equal versions taken for worse, of {rounds} stages (said: 5 %)")
    print(f"{'canary':>8}{'baseline':>10}{'error rate':>12}{'taken for worse':>17}{'for better':>12}")
    shares, fine = Shares(1), True
    for of, others, share in (
        (100, 1900, 0.01), (1000, 19_000, 0.001), (1000, 3000, 0.01), (300, 300, 0.05),
        (5000, 95_000, 0.001), (20_000, 20_000, 0.001),
    ):  # fmt: skip
        found = [shares.worse(of, share, others, share, 0.0) for _ in range(rounds)]
        worse = sum(each >= SURE for each in found) / rounds
        better = sum(each <= 1 - SURE for each in found) / rounds
        fine = fine and worse <= 0.07
        print(f"{of:>8,}{others:>10,}{share:>12.1%}{worse:>17.1%}{better:>12.1%}")
    return fine


def outcomes(chances: Sequence[float]) -> str:
    """Promoted, held, rolled back, of a hundred."""
    counts = Counter("back" if each >= SURE else "on" if each <= 1 - SURE else "held" for each in chances)
    return "/".join(f"{100 * counts[name] / len(chances):.0f}" for name in ("on", "held", "back"))


def errors(rounds: int) -> None:
    sizes = (100, 500, 1000, 2000, 5000, 20_000)
    limit = DEFAULT.criteria[0].limit.value
    print(f"\nPromoted/held/back of 100, by excess of errors (limit +{limit * 100:g} pt) and its requests")
    print(f"{'excess':>8}" + "".join(f"{size:>12,}" for size in sizes))
    shares = Shares(2)
    for excess in (0.0, 0.0025, 0.005, 0.01, 0.02, 0.05):
        cells = [
            outcomes([shares.worse(of, USUAL + excess, of * OTHERS, USUAL, limit) for _ in range(rounds)])
            for of in sizes
        ]
        print(f"{excess * 100:>+5.2f} pt" + "".join(f"{cell:>12}" for cell in cells))


def latencies(rounds: int) -> None:
    sizes = (100, 500, 2000)
    limit = DEFAULT.criteria[1].limit.value
    print(f"\nThe same by excess of p95 (limit +{limit * 1000:g} ms); the baseline's is 82 ms")
    print(f"{'excess':>8}" + "".join(f"{size:>12,}" for size in sizes))
    dice = np.random.default_rng(3)

    def seen(of: int, times: float) -> belief.Belief:
        taken = dice.lognormal(math.log(0.03), 0.61, of) * times
        upto = [int((taken <= bound).sum()) for bound in BOUNDS]
        counts = [after - before for before, after in zip([0, *upto], upto, strict=False)]
        return belief.quantile(BOUNDS, counts, 0.95)

    for excess in (0.0, 0.05, 0.1, 0.15, 0.2, 0.4):
        times = 1 + excess / 0.082
        cells = [
            outcomes([belief.beyond(seen(of, times), seen(of * 4, 1.0), limit)[0] for _ in range(rounds)])
            for of in sizes
        ]
        print(f"{excess * 1000:>+5.0f} ms" + "".join(f"{cell:>12}" for cell in cells))


def speed() -> float:
    """Seconds for the verdict of a day of half a million requests in slices of a minute."""
    at = datetime(2026, 3, 1, tzinfo=UTC)
    minute = timedelta(minutes=1)
    fast = tuple(500_000 // 11 for _ in BOUNDS)
    few = Pair(Events(1, 350), Events(20, 6600))
    whole = Pair(Events(600, 500_000), Events(9500, 9_500_000))
    quick = Pair(Buckets(BOUNDS, fast), Buckets(BOUNDS, tuple(19 * each for each in fast)))
    slow = Pair(Buckets(BOUNDS, tuple(32 for _ in BOUNDS)), Buckets(BOUNDS, tuple(600 for _ in BOUNDS)))
    ends = [at - number * minute for number in range(1440)][::-1]
    observed = [
        Observed(pair, tuple(Slice(end, part) for end in ends))
        for pair, part in ((whole, few), (quick, slow), (quick, slow))
    ]
    begun = time.perf_counter()
    judge(DEFAULT, 3, Window(at - timedelta(days=1), at), observed, minute)
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=2000)
    rounds = parser.parse_args().rounds
    fine = equal_versions(rounds)
    errors(rounds)
    latencies(max(rounds // 10, 50))
    print(f"\nA verdict over a day takes {speed():.2f} s")
    print("Errors as often as said (at most 7 % for 5 %): " + ("yes" if fine else "NO"))


if __name__ == "__main__":
    main()
