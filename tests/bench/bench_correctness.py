"""How right budgets and alerts are: `python -m tests.bench.bench_correctness`.

Two tables: what the rules record over 30 days of five shapes of traffic, beside the average of 5-minute
ratios that is common elsewhere; and when the alerts of nine faults start and end, beside what counting says.
From the text of the rules, without Prometheus; the tests put the same to promtool and to a real one.
"""

from __future__ import annotations

from tests.support.correctness import (
    BY_CASE,
    expected,
    faults,
    shapes,
    simulated,
    simulated_budgets,
    since_start,
    within,
)


def budgets() -> bool:
    found = simulated_budgets()
    print("Bad share of 30 days  (budget 0.1 %)")
    print(
        f"{'shape':<23}{'truth':>12}{'sretool':>12}{'off':>9}{'left':>9}   {'average of ratios':>18}      off"
    )
    fine = True
    for shape in shapes():
        share, usual = found[shape.name]
        off = share / shape.truth - 1
        fine = fine and abs(off) <= 0.001
        left = 1 - share / float(BY_CASE.budget)
        average = (
            f"{usual:>18.6%}{usual / shape.truth:>8.1f}x" if usual is not None else f"{'NaN':>18}{'-':>9}"
        )
        print(f"{shape.name:<23}{shape.truth:>12.6%}{share:>12.6%}{off:>9.3%}{left:>9.1%}   {average}")
    return fine


def alerts() -> bool:
    pairs = ["page 1h/5m", "page 6h/30m", "ticket 1d/2h", "ticket 3d/6h"]
    print("\nMinutes after its beginning in which a fault's alerts fire (theory | rules)")
    print(f"{'fault':<15}{'lasts':>6}  " + "".join(f"{pair:<22}" for pair in pairs))
    fine = True
    for fault in faults():
        cells = []
        for wanted, got in zip(expected(fault), simulated(fault), strict=True):
            fine = fine and within(got, wanted)
            cells.append(f"{since_start(fault, wanted)} | {since_start(fault, got)}")
        print(f"{fault.name:<15}{fault.lasts:>6}  " + "".join(f"{cell:<22}" for cell in cells))
    return fine


def main() -> None:
    fine = [budgets(), alerts()]
    print("\nBudgets within 0.1 %, alerts within one evaluation: " + ("yes" if all(fine) else "NO"))


if __name__ == "__main__":
    main()
