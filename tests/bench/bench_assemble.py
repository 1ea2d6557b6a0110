"""CPU of one refresh of 1,000 SLOs, without the network: `python -m tests.bench.bench_assemble [NUMBER]`.

Measures what a dashboard pays at every refresh: decoding Prometheus's answer, and judging every SLO.
"""

from __future__ import annotations

import json
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sretool.adapters.prometheus.protocol import read_vector
from sretool.core.observe import assemble
from sretool.core.slo.windows import STANDARD_WINDOWS
from sretool.units import format_duration
from tests.support.slos import slo

if TYPE_CHECKING:
    from collections.abc import Callable

_ROUNDS = 7


def answer(number: int, at: float) -> bytes:
    """What a Prometheus with rules for `number` SLOs sends; every tenth SLO burns."""
    result: list[dict[str, object]] = []
    for each in range(number):
        slo_id = f"shop/slo-{each}"
        ratio = 0.02 if each % 10 == 0 else 0.0001
        values = [("slo:info", "30d", 1.0), ("slo:bad:sum", "30d", 321.0), ("slo:total:sum", "30d", 1e6)]
        values += [("slo:coverage:ratio", "30d", 1.0), ("slo:total:rate5m", "", 12.5)]
        values += [("slo:error_ratio:rate", format_duration(window), ratio) for window in STANDARD_WINDOWS]
        result += [
            {
                "metric": {"__name__": name, "slo": slo_id, "service": "shop", "window": window},
                "value": [at, str(value)],
            }
            for name, window, value in values
        ]
    return json.dumps({"status": "success", "data": {"resultType": "vector", "result": result}}).encode()


def milliseconds(work: Callable[[], object]) -> tuple[float, float]:
    """Least and middle CPU time of some rounds."""
    rounds = []
    for _ in range(_ROUNDS):
        began = time.process_time()
        work()
        rounds.append((time.process_time() - began) * 1000)
    return min(rounds), sorted(rounds)[_ROUNDS // 2]


def main(number: int) -> None:
    now = datetime.now(UTC)
    slos = [slo(id=f"shop/slo-{each}") for each in range(number)]
    body = answer(number, now.timestamp())
    vector = read_vector(body, "bench")
    numbers, _ = assemble.recorded_numbers(slos, vector.samples, {}, now)
    print(f"{number} SLOs, {len(vector.samples)} samples, {len(body) / 2**20:.1f} MiB; CPU ms least/middle")
    for name, work in (
        ("decode", lambda: read_vector(body, "bench")),
        ("numbers", lambda: assemble.recorded_numbers(slos, vector.samples, {}, now)),
        ("judge and sort", lambda: assemble.statuses(slos, numbers, {}, now)),
    ):
        least, middle = milliseconds(work)
        print(f"  {name:15} {least:6.1f} / {middle:6.1f}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
