"""Load tests that never happened: seconds whose latencies remember how slow the last one was."""

from __future__ import annotations

import math

import numpy as np

from sretool.core.analysis.totals import NANO, Total, Totals


def seconds(
    seed: int,
    *,
    length: int = 60,
    rate: float = 200,
    median_s: float = 0.05,
    sigma: float = 0.5,
    unrest: float = 0.05,
    memory: float = 0.7,
    slower: float = 1.0,
    tail: float = 1.0,
    failing: float = 0.0,
    names: tuple[str, ...] = ("GET /", "POST /answer"),
) -> list[Totals]:
    """`unrest`: how far, in relation, a second is from the next; `memory`: how much of it stays; `slower`: a
    factor on every latency; `tail`: one on the slowest tenth only."""
    dice = np.random.default_rng(seed)
    state, found = dice.normal(), []
    for _ in range(length):
        state = memory * state + math.sqrt(1 - memory**2) * dice.normal()
        part = Totals(1.0)
        for name in names:
            count = int(dice.poisson(rate / len(names)))
            latencies = median_s * np.exp(sigma * dice.normal(size=count)) * math.exp(unrest * state) * slower
            border = median_s * math.exp(1.2816 * sigma) * math.exp(unrest * state) * slower
            latencies = np.where(latencies > border, border + (latencies - border) * tail, latencies)
            total = Total(count, int(dice.binomial(count, failing)))
            total.latency.add((latencies * NANO).tolist())
            part.add(name, total)
        found.append(part)
    return found
