from __future__ import annotations

from typing import TYPE_CHECKING

from sretool.adapters.lab.machine import this_machine
from sretool.core.plans.history_file import FACTS

if TYPE_CHECKING:
    from pathlib import Path

STAT = """cpu  1 2 3
cpu0 1 2 3
cpu10 1 2 3
intr 5
"""
NET = """Inter-|   Receive
 face |bytes    packets
    lo: 1 2
  eth0: 3 4
"""


def test_parts_are_read_as_the_kernel_lists_them(tmp_path: Path) -> None:
    (tmp_path / "stat").write_text(STAT)
    (tmp_path / "meminfo").write_text("MemTotal:  2048 kB\nMemFree: 5 kB\nMemAvailable: 1024 kB\n")
    (tmp_path / "net").mkdir()
    (tmp_path / "net" / "dev").write_text(NET)
    (tmp_path / "self").mkdir()
    (tmp_path / "self" / "mounts").write_text("proc /proc proc rw 0 0\noverlay / overlay rw 0 0\n")
    machine = this_machine(tmp_path)
    assert [part.labels for part in machine["processor"]] == [{"cpu": "0"}, {"cpu": "10"}]
    assert machine["memory"][0].numbers == {"total": 2048 * 1024, "available": 1024 * 1024}
    assert [part.labels for part in machine["network"]] == [{"device": "eth0"}]
    (disk,) = machine["disk"]
    assert disk.labels == {"device": "overlay", "fstype": "overlay", "mountpoint": "/"}
    assert 0 < disk.numbers["available"] <= disk.numbers["size"]


def test_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    assert not any(this_machine(tmp_path).values())


def test_kinds_and_numbers_are_those_that_files_may_name() -> None:
    machine = this_machine()
    assert machine.keys() == FACTS.keys()
    assert all(part.numbers.keys() == FACTS[kind] for kind, parts in machine.items() for part in parts)
