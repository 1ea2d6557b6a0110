"""How often a comparison of load tests calls noise a regression, and how often it finds what is slower.

`python -m tests.bench.bench_compare [--pairs 200] [--rounds 500]`

Pairs of computed runs of 60 s, 200 requests a second of two kinds, whose seconds remember how slow the last
one was; of each pair it is known what changed.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from typing import Any

from sretool.core.analysis.compare import Change, Settings, compare
from tests.support.runs_of_load import seconds

Case = tuple[str, dict[str, Any], dict[str, Any]]

CASES: tuple[Case, ...] = (
    ("nothing, calm", {"unrest": 0.02}, {}),
    ("nothing", {"unrest": 0.05}, {}),
    ("nothing, restless", {"unrest": 0.15}, {}),
    ("nothing, long memory", {"unrest": 0.1, "memory": 0.9}, {}),
    ("nothing, 30/s", {"unrest": 0.05, "rate": 30}, {}),
    ("nothing, 1% fails", {"unrest": 0.05, "failing": 0.01}, {}),
    ("all 10% slower, calm", {"unrest": 0.02}, {"slower": 1.1}),
    ("all 10% slower", {"unrest": 0.05}, {"slower": 1.1}),
    ("all 20% slower", {"unrest": 0.05}, {"slower": 1.2}),
    ("tail 50% longer, calm", {"unrest": 0.02}, {"tail": 1.5}),
    ("0.5% more fail", {"unrest": 0.05, "failing": 0.001}, {"failing": 0.006}),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=500)
    options = parser.parse_args()
    print(f"{'what changed':24} {'worse':>7} {'of p95':>7} {'better':>7} {'same':>7}   ms each")
    for name, common, changed in CASES:
        found: Counter[str] = Counter()
        spent = 0.0
        for pair in range(options.pairs):
            before = seconds(2 * pair, **common)
            after = seconds(2 * pair + 1, **{**common, **changed})
            begin = time.perf_counter()
            result = compare(before, after, Settings(rounds=options.rounds))
            spent += time.perf_counter() - begin
            found[result.verdict.value] += 1
            p95 = next(row for row in result.rows if not row.request and row.measure == "p95")
            found["p95"] += p95.verdict is Change.WORSE
        shares = (found[each] / options.pairs for each in ("worse", "p95", "better", "same"))
        print(
            f"{name:24} " + " ".join(f"{share:7.1%}" for share in shares)
            + f"   {spent / options.pairs * 1000:.0f}",
            flush=True,
        )  # fmt: skip


if __name__ == "__main__":
    main()
