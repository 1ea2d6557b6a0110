"""What questions of the catalog answer where a plain one would mislead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.promtool import Rules

if TYPE_CHECKING:
    from pathlib import Path

    from sretool.core.catalog.model import System

_RULES = """
groups:
  - name: none
    rules:
      - record: one:of:none
        expr: vector(1)
"""


@pytest.mark.parametrize(
    ("up", "streaming", "works"),
    [
        ({"pg-1": 1}, {"pg-1": 0}, None),
        ({"pg-1": 1, "pg-2": 1}, {"pg-1": 1, "pg-2": 0}, 1.0),
        ({"pg-1": 1, "pg-2": 0}, {"pg-1": 0}, 0.0),
    ],
    ids=["one node alone", "streams", "lost"],
)
def test_only_a_standby_that_was_there_can_be_down(
    amas: System, tmp_path: Path, up: dict[str, int], streaming: dict[str, int], works: float | None
) -> None:
    series = {f'up{{job="postgres",instance="{node}"}}': f"{value}x3" for node, value in up.items()}
    series |= {
        f'pg_node_streaming_standbys{{job="postgres",instance="{node}"}}': f"{value}x3"
        for node, value in streaming.items()
    }
    standby = next(each for each in amas.dependencies if each.id == "postgres-standby")
    assert Rules(_RULES, series).values(tmp_path, [(f"max({standby.up})", 1)]) == [works]


def test_no_rate_spans_two_hosts(amas: System, tmp_path: Path) -> None:
    board = next(each for each in amas.dashboards if each.id == "infrastructure")
    panel = next(each for each in board.panels if each.title == "Host network")
    ways = ("receive", "transmit")
    series = {
        f'node_network_{way}_bytes_total{{job="node",device="eth0"}}': "0+9000x9 5000000000+9000x20"
        for way in ways
    }
    series['process_start_time_seconds{job="node"}'] = "0x9 600x20"
    for query in panel.queries:
        found = Rules(_RULES, series).values(tmp_path, [(query.expr, minute) for minute in (8, 11, 14, 17)])
        assert found == [150.0, None, None, 150.0]
