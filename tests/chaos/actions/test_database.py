"""Failover by commands, of servers outside a lab; that of a lab is a game day."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest
from chaoslib.exceptions import ActivityFailed

from sretool.chaos import undoing
from sretool.chaos.actions import database, undo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SERVERS = {"a": "postgresql://a", "b": "postgresql://b"}


@pytest.fixture(autouse=True)
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("SRETOOL_UNDO_LOG", str(tmp_path / "log"))
    undoing.log.cache_clear()
    yield
    undoing.log.cache_clear()


@pytest.fixture
def killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that is there once the primary, a, was killed; 0.3 s later b takes its part."""
    mark = tmp_path / "killed"

    def primary(servers: object, lab: str = "", commits: bool = False) -> str:
        assert servers == SERVERS
        if not mark.exists():
            return "a"
        if time.time() - mark.stat().st_mtime < 0.3:
            raise ActivityFailed("0 servers accept writes")
        return "b"

    monkeypatch.setattr(database, "primary", primary)
    return mark


def test_a_failover_by_commands(killed: Path, tmp_path: Path) -> None:
    back = tmp_path / "{primary}-is-back"
    kill, restore = ["touch", str(killed)], ["touch", str(back)]
    (planned,) = database.plan_failover(servers=SERVERS, kill_command=kill, restore_command=restore)
    assert (planned["target"], planned["of"]) == ("a", 2)
    found = database.failover(servers=SERVERS, within=5, kill_command=kill, restore_command=restore)
    assert (found["killed"], found["promoted"]) == ("a", "b")
    assert 0.2 < found["seconds"] < 3
    (standing,) = undoing.log().left()
    assert (
        dict(standing.entry.undo)["argv"] == planned["undo"]["argv"] == ["touch", str(tmp_path / "a-is-back")]
    )
    assert database.restore() >= 0.3
    assert (tmp_path / "a-is-back").exists()
    assert undoing.log().left() == []
    with pytest.raises(ActivityFailed, match="no database failover"):
        database.restore()


def test_a_promotion_that_never_comes_is_told_and_stays_to_be_undone(tmp_path: Path, killed: Path) -> None:
    with pytest.raises(ActivityFailed, match="no other server than a accepts writes after 0 s"):
        database.failover(
            servers=SERVERS, within=0.2, kill_command=["true"], restore_command=["touch", str(tmp_path / "x")]
        )
    assert len(undoing.log().left()) == 1
    assert undo.everything() == 1
    assert (tmp_path / "x").exists()


def test_without_a_way_back_nothing_is_killed(killed: Path) -> None:
    with pytest.raises(ActivityFailed, match="kill_command and restore_command"):
        database.failover(servers=SERVERS, kill_command=["touch", str(killed)])
    with pytest.raises(ActivityFailed, match="kill_command and restore_command"):
        database.plan_failover(servers=SERVERS, restore_command=["true"])
    assert not killed.exists()
    assert undoing.log().read() == []


def test_a_kill_that_fails_is_told(killed: Path) -> None:
    with pytest.raises(ActivityFailed, match="false ended with 1"):
        database.failover(servers=SERVERS, kill_command=["false"], restore_command=["true"])
    with pytest.raises(ActivityFailed, match="no-such-program"):
        database.failover(servers=SERVERS, kill_command=["no-such-program"], restore_command=["true"])


def test_an_undo_that_fails_is_told_and_kept(tmp_path: Path, killed: Path) -> None:
    database.failover(
        servers=SERVERS,
        within=5,
        kill_command=["touch", str(killed)],
        restore_command=["sh", "-c", "echo no >&2; exit 1"],
    )
    with pytest.raises(ActivityFailed, match="database failover: no"):
        undo.everything()
    assert len(undoing.log().left()) == 1
