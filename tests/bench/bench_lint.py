"""Time and memory of `sretool slo lint` on many files: `python -m tests.bench.bench_lint [NUMBER]`.

A third each of sretool's own files, Sloth's and rule files, some ten lines of PromQL in every one, in a fresh
process as from a command line.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

NATIVE = """\
slos:
  - id: svc-{n}/availability
    title: Service {n}
    objective: 99.9%
    window: 30d
    sli:
      bad: r_total{{code=~"5..",svc="{n}"}}
      total: r_total{{svc="{n}"}}
  - id: svc-{n}/latency
    objective: 99%
    window: 30d
    sli: {{histogram: d_seconds, threshold: 0.3, matchers: 'svc="{n}"'}}
slis:
  - id: p95-{n}
    title: p95
    group: latency
    unit: s
    query: histogram_quantile(0.95, sum by (le) (rate(d_seconds_bucket{{svc="{n}"}}[5m])))
"""
SLOTH = """\
version: prometheus/v1
service: sloth-{n}
slos:
  - name: availability
    objective: 99.9
    sli:
      events:
        error_query: sum(rate(r_total{{svc="{n}",code=~"5.."}}[{{{{.window}}}}])) or 0 * sum(rate(r_total{{svc="{n}"}}[{{{{.window}}}}]))
        total_query: sum(rate(r_total{{svc="{n}"}}[{{{{.window}}}}]))
    alerting: {{page_alert: {{disable: true}}, ticket_alert: {{disable: true}}}}
"""  # noqa: E501 - as it stands in such files
RULES = """\
groups:
  - name: g{n}
    rules:
      - record: svc{n}:errors:ratio
        expr: |
          (sum(rate(r_total{{svc="{n}",code=~"5.."}}[5m])) or 0 * sum(rate(r_total{{svc="{n}"}}[5m])))
          / (sum(rate(r_total{{svc="{n}"}}[5m])) > 0)
      - alert: High
        expr: svc{n}:errors:ratio > 0.01 and sum(increase(r_total{{svc="{n}"}}[5m])) > 20
        for: 5m
        labels: {{severity: page}}
      - alert: Slow
        expr: histogram_quantile(0.95, sum by (le) (rate(d_seconds_bucket{{svc="{n}"}}[5m]))) > 1
        labels: {{severity: page}}
"""


def main(number: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for n in range(number):
            text = (NATIVE, SLOTH, RULES)[n % 3].format(n=n)
            (Path(folder) / f"f{n:05}.yaml").write_text(text)
        argv = [sys.executable, "-c", "from sretool.cli.main import main; main()", "slo", "lint", folder]
        began = time.perf_counter()
        done = subprocess.run(argv, capture_output=True, text=True, check=False)
        took = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = used.ru_utime + used.ru_stime
    print(f"{number} files: {took:.2f} s, CPU {cpu:.2f} s, {used.ru_maxrss // 1024} MiB")
    print(f"ended with {done.returncode}: {done.stderr.splitlines()[0]}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
