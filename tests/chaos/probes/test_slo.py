"""Objectives, where they can be asked on a real Prometheus, and where they cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from chaoslib.exceptions import ActivityFailed

from sretool.chaos.probes import slo

if TYPE_CHECKING:
    from pathlib import Path

CATALOG = """\
slos:
  - id: shop/availability
    title: The shop answers
    objective: 99.9%
    window: 30d
    owner: shop
    sli:
      bad: prometheus_http_requests_total{code=~"5.."}
      total: prometheus_http_requests_total
"""


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    file = tmp_path / "slos.yaml"
    file.write_text(CATALOG)
    return str(file)


def test_a_server_that_is_away_says_nothing_of_an_objective(catalog: str) -> None:
    for probe in (slo.met, slo.budget_left, slo.burn):
        with pytest.raises(ActivityFailed):
            probe("shop/availability", prometheus="http://127.0.0.1:1", catalog=catalog)


def test_an_objective_that_is_not_there(catalog: str) -> None:
    with pytest.raises(ActivityFailed, match="shop/speed"):
        slo.met("shop/speed", prometheus="http://127.0.0.1:1", catalog=catalog)


def test_a_catalog_that_is_not_there() -> None:
    with pytest.raises(ActivityFailed, match="nowhere"):
        slo.met("shop/availability", prometheus="http://127.0.0.1:1", catalog="/nowhere")
