"""What is kept between two starts comes back whole, or not at all."""

from __future__ import annotations

import os
import pickle
import stat
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from sretool.adapters.files import catalog
from sretool.adapters.store import freezer
from sretool.adapters.store.snapshots import EVERY, SnapshotFile
from sretool.core.observe.model import Snapshot
from tests.support.dashboard import NOW, amas, some_alerts, some_changes
from tests.support.dashboard import snapshot as made

if TYPE_CHECKING:
    from pathlib import Path

SNAPSHOT = made(amas(), alerts=some_alerts(), changes=some_changes())


def test_a_snapshot_comes_back_as_it_was_and_is_nobody_elses_to_read(tmp_path: Path) -> None:
    place = tmp_path / "deep" / "file"
    assert freezer.keep(place, SNAPSHOT) is None
    assert freezer.kept(place, Snapshot) == (SNAPSHOT, None)
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
    assert list(place.parent.iterdir()) == [place]


def test_a_catalog_comes_back_as_it_was(tmp_path: Path) -> None:
    system = catalog.load([catalog.bundled("amas")])
    assert freezer.keep(tmp_path / "file", system) is None
    assert freezer.kept(tmp_path / "file", type(system)) == (system, None)


def test_nothing_there_is_no_problem(tmp_path: Path) -> None:
    assert freezer.kept(tmp_path / "file", Snapshot) == (None, None)


@pytest.mark.parametrize("at", [0, 5, 40, 200, -1])
def test_a_damaged_file_is_left_alone(tmp_path: Path, at: int) -> None:
    place = tmp_path / "file"
    freezer.keep(place, SNAPSHOT)
    body = bytearray(place.read_bytes())
    body[at] ^= 0x55
    place.write_bytes(body)
    found, why = freezer.kept(place, Snapshot)
    assert found is None
    assert why is not None
    place.write_bytes(bytes(body[: len(body) // 2]))
    assert freezer.kept(place, Snapshot)[0] is None


class _Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch /tmp/sretool-was-run",)


@pytest.mark.parametrize("value", [_Evil(), [os.getcwd], {"x": pickle.loads}])
def test_a_file_that_names_anything_but_our_values_is_left_alone(tmp_path: Path, value: object) -> None:
    place = tmp_path / "file"
    body = pickle.dumps(value)
    place.write_bytes(freezer._seal(body) + body)
    place.chmod(0o600)
    found, why = freezer.kept(place, object)
    assert found is None
    assert why is not None
    assert "it names" in why


def test_a_file_that_others_may_write_and_a_link_are_left_alone(tmp_path: Path) -> None:
    place, link = tmp_path / "file", tmp_path / "link"
    freezer.keep(place, SNAPSHOT)
    link.symlink_to(place)
    assert freezer.kept(link, Snapshot)[0] is None
    place.chmod(0o666)
    found, why = freezer.kept(place, Snapshot)
    assert found is None
    assert why is not None
    assert "others may have written it" in why


def test_another_kind_of_value_is_left_alone(tmp_path: Path) -> None:
    freezer.keep(tmp_path / "file", NOW)
    assert freezer.kept(tmp_path / "file", Snapshot)[0] is None


def test_another_version_left_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    freezer.keep(tmp_path / "file", SNAPSHOT)
    monkeypatch.setattr(freezer, "__version__", "0.0.other")
    found, why = freezer.kept(tmp_path / "file", Snapshot)
    assert found is None
    assert why is not None
    assert "another version" in why


def test_what_is_too_large_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freezer, "LARGEST", 100)
    assert freezer.keep(tmp_path / "file", SNAPSHOT) == "file is not kept: 0 MiB are too much"
    assert not (tmp_path / "file").exists()


def test_a_folder_that_cannot_be_written_is_told_and_nothing_raised(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    why = freezer.keep(tmp_path / "file" / "below", SNAPSHOT)
    assert why is not None
    assert "cannot be written" in why


def test_a_running_dashboard_writes_now_and_then_and_once_more_at_its_end(tmp_path: Path) -> None:
    file = SnapshotFile(tmp_path, ["http://prom", "slos.yaml"])
    assert file.last() is None
    newest = SNAPSHOT
    for seconds in (0, 1, 29):
        newest = made(amas(), seq=seconds)
        newest = Snapshot(
            newest.seq, NOW + timedelta(seconds=seconds), newest.took, newest.statuses, (), newest.sources
        )
        file.keep(newest)
        assert SnapshotFile(tmp_path, ["http://prom", "slos.yaml"]).last() != (newest if seconds else None)
    file.close()
    assert SnapshotFile(tmp_path, ["http://prom", "slos.yaml"]).last() == newest
    assert SnapshotFile(tmp_path, ["http://other", "slos.yaml"]).last() is None
    assert timedelta(seconds=29) < EVERY
