"""`sretool init` on a month of generated samples in a real Prometheus."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from sretool.adapters.lab.blocks import write_block
from sretool.cli import diagnostics
from sretool.cli.main import group
from tests.lab.test_history_in_prometheus import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from sretool.adapters.lab.blocks import Labels

pytestmark = pytest.mark.lab

DAY = 86_400
STEP = 60
BAD_IN = 2_500
"""One in as many requests fails."""


def _series(now: int) -> Iterator[tuple[Labels, NDArray[np.int64], NDArray[np.float64]]]:
    times = np.arange(now - 31 * DAY, now + 1, STEP, dtype=np.int64)
    served = (times - times[0]) / STEP * 120.0
    for metric, labels, values in (
        ("http_requests_total", {"job": "shop", "code": "200"}, served * (1 - 1 / BAD_IN)),
        ("http_requests_total", {"job": "shop", "code": "500"}, served / BAD_IN),
        ("http_request_duration_seconds_bucket", {"job": "shop", "le": "0.1"}, served * 0.9),
        ("http_request_duration_seconds_bucket", {"job": "shop", "le": "0.5"}, served * 0.997),
        ("http_request_duration_seconds_bucket", {"job": "shop", "le": "+Inf"}, served),
        ("http_request_duration_seconds_count", {"job": "shop"}, served),
        ("pg_up", {"job": "postgres"}, np.where(times % DAY < 30 * STEP, 0.0, 1.0)),
    ):
        pairs = sorted({"__name__": metric, "instance": "a:1", **labels}.items())
        yield tuple(pairs), times * 1000, values


def test_targets_are_what_a_month_in_prometheus_attained(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "tsdb").mkdir()
    write_block(tmp_path / "tsdb", _series(int(time.time()) // STEP * STEP))
    out = tmp_path / "slos.yaml"
    with serving(tmp_path) as prometheus:
        url = f"http://127.0.0.1:{prometheus.port}"

        def sretool(*arguments: str) -> tuple[int, Any]:
            code = diagnostics.run(group, ["--prometheus", url, *arguments, "--format", "json"])
            return code, json.loads(capsys.readouterr().out)

        code, said = sretool("init", "--out", str(out))
        assert code == diagnostics.OK
        found = {slo["id"]: slo for slo in said["slos"]}
        attained = {name: slo["attained"]["ratio"] for name, slo in found.items()}
        assert {name: slo["objective"] for name, slo in found.items()} == {
            "shop/availability": 0.999,
            "shop/latency": 0.99,
            "postgres/up": 0.95,
        }
        assert attained["shop/availability"] == pytest.approx(1 - 1 / BAD_IN, abs=1e-6)
        assert attained["shop/latency"] == pytest.approx(0.997, abs=1e-6)
        assert attained["postgres/up"] == pytest.approx(1 - 30 / 1440, abs=1e-4)
        assert found["shop/availability"]["attained"]["total"] == pytest.approx(30 * 1440 * 120, rel=1e-3)
        assert {slo["attained"]["days"] for slo in found.values()} == {30}
        assert diagnostics.run(group, ["slo", "lint", str(out)]) == diagnostics.OK
        capsys.readouterr()

        # What was proposed is measured by the objectives themselves, too, and has half its budget left.
        code, status = sretool("--catalog", str(out), "slo", "status")
        assert code == diagnostics.OK
        for slo in status["slos"]:
            assert slo["sli"] == pytest.approx(attained[slo["id"]], abs=1e-4)
            assert slo["budget_left"] > 0.49
