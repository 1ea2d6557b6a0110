from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from sretool.lab_apps.amas.usage import read_limits, read_usage, started_at

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        pytest.param({"cpu.max": "50000 100000\n"}, 0.5, id="v2"),
        pytest.param({"cpu.max": "max 100000\n"}, None, id="v2 unlimited"),
        pytest.param({"cpu.cfs_quota_us": "75000\n", "cpu.cfs_period_us": "50000\n"}, 1.5, id="v1"),
        pytest.param({"cpu.cfs_quota_us": "-1\n", "cpu.cfs_period_us": "100000\n"}, None, id="v1 unlimited"),
        pytest.param({}, None, id="no such files"),
    ],
)
def test_cpu_limit(tmp_path: Path, files: dict[str, str], cores: float | None) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "memory.max").write_text("1000000\n")
    limits = read_limits(tmp_path, tmp_path)
    assert limits.enforced == (cores is not None)
    assert limits.cpu_cores == (cores if cores is not None else len(os.sched_getaffinity(0)))


@pytest.mark.parametrize(
    ("name", "text", "limit"),
    [
        pytest.param("memory.max", "134217728", 134217728, id="v2"),
        pytest.param("memory.max", "max", None, id="v2 unlimited"),
        pytest.param("memory.limit_in_bytes", "268435456", 268435456, id="v1"),
        pytest.param("memory.limit_in_bytes", "9223372036854771712", None, id="v1 unlimited"),
    ],
)
def test_memory_limit(tmp_path: Path, name: str, text: str, limit: int | None) -> None:
    (tmp_path / name).write_text(text)
    (tmp_path / "cpu.max").write_text("50000 100000")
    limits = read_limits(tmp_path, tmp_path)
    assert limits.enforced == (limit is not None)
    assert limit is None or limits.memory_bytes == limit
    assert limits.memory_bytes > 0


def test_without_cgroups_the_hosts_figures_are_given_and_said_not_to_be_enforced() -> None:
    limits = read_limits(None, None)
    assert not limits.enforced
    assert limits.cpu_cores >= 1
    assert limits.memory_bytes > 100_000_000


def test_usage_of_this_very_process() -> None:
    usage = read_usage()
    assert usage.cpu > 0
    assert 5_000_000 < usage.resident_bytes < 2_000_000_000
    assert 0 < usage.open_files < usage.max_files
    assert time.time() - 3600 < started_at() <= time.time() + 1
