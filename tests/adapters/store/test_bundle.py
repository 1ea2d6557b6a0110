"""A bundle holds what a run's folder does, always the same bytes, and nothing foreign gets out of one."""

from __future__ import annotations

import gzip
import io
import tarfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sretool.adapters.store import bundle, seal
from sretool.errors import RunUnreadable, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

AT = datetime(2026, 11, 20, 2, 50, tzinfo=UTC)
NAME = "20261120T025000Z-chaos-db-failover-abcde"


def folder(where: Path) -> Path:
    run = where / NAME
    (run / "input").mkdir(parents=True)
    (run / "run.json").write_text("{}\n")
    (run / "events.jsonl").write_text("one\ntwo\n")
    (run / "input" / "плàn.yaml").write_bytes(b"\0\xff")
    seal.put(run)
    return run


@pytest.fixture
def made(tmp_path: Path) -> Path:
    bundle.write([folder(tmp_path)], AT, tmp_path / "made.tar")
    return tmp_path / "made.tar"


def packed(where: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    file = where / "foreign.tar"
    with tarfile.open(file, "w", format=tarfile.PAX_FORMAT) as archive:
        for member, data in members:
            if member.isreg() and not member.size:
                member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return file


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "", size: int = 0) -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.type, found.linkname, found.size = kind, link, size
    return found


FIRST = (entry(seal.FILE), seal.text({}))


def refused(file: Path, into: Path) -> str:
    into.mkdir(exist_ok=True)
    with pytest.raises(RunUnreadable) as caught:
        bundle.unpack(file, into)
    assert caught.value.message.startswith(str(file))
    return caught.value.message


def test_what_is_unpacked_is_what_was_packed(made: Path, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (run,) = bundle.unpack(made, tmp_path / "there")
    assert {each: (run / each).read_bytes() for each in seal.names(run)} == {
        each: (tmp_path / NAME / each).read_bytes() for each in seal.names(tmp_path / NAME)
    }
    assert seal.differences(run) == []
    assert seal.differences(tmp_path / "there") == []


def test_the_same_run_gives_the_same_bytes(made: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    again = bundle.write([folder(tmp_path / "elsewhere")], AT, tmp_path / "again.tar")
    assert (tmp_path / "again.tar").read_bytes() == made.read_bytes()
    assert again.size == made.stat().st_size
    with tarfile.open(made) as archive:
        assert {(each.uid, each.gid, each.uname, each.mtime, each.mode) for each in archive} == {
            (0, 0, "", int(AT.timestamp()), 0o644)
        }


def test_locks_stay_at_home(tmp_path: Path) -> None:
    run = folder(tmp_path)
    (run / "undo.healing").write_text("")
    bundle.write([run], AT, tmp_path / "made.tar")
    with tarfile.open(tmp_path / "made.tar") as archive:
        assert not any("healing" in each for each in archive.getnames())


def test_a_bundle_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    run = folder(tmp_path)
    with pytest.raises(OSError, match="No such file"):
        bundle.write([run], AT, tmp_path / "nowhere" / "made.tar")
    (tmp_path / "made.tar").mkdir()
    with pytest.raises(OSError, match="directory"):
        bundle.write([run], AT, tmp_path / "made.tar")
    assert not list(tmp_path.glob(".*"))


def test_too_much_is_refused_before_it_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "MOST_BYTES", 10)
    with pytest.raises(UsageError, match="too much for a bundle"):
        bundle.write([folder(tmp_path)], AT, tmp_path / "made.tar")
    assert not (tmp_path / "made.tar").exists()


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lambda data: data[: len(data) // 2], "breaks off"),
        (lambda data: data[:-9000], "breaks off"),
        (lambda data: b"", "no bundle"),
        (lambda data: b"title: db-failover\n" * 100, "no bundle"),
        (gzip.compress, "is compressed"),
    ],
)
def test_what_is_no_whole_bundle_is_told_so(
    made: Path, tmp_path: Path, harm: Callable[[bytes], bytes], told: str
) -> None:
    made.write_bytes(harm(made.read_bytes()))
    assert told in refused(made, tmp_path / "there")


@pytest.mark.parametrize(
    ("member", "told"),
    [
        (entry(f"{NAME}/../../evil"), "outside"),
        (entry("/tmp/evil"), "outside"),
        (entry(f"{NAME}//run.json"), "outside"),
        (entry(f"{NAME}\\run.json"), "with the name"),
        (entry(f"{NAME}/a\x1b[2J"), "with the name"),
        (entry("evil"), "in no folder of a run"),
        (entry("elsewhere/run.json"), "in no folder of a run"),
        (entry(seal.FILE), "twice"),
        (entry(f"{NAME}/link", tarfile.SYMTYPE, "/etc/passwd"), "no plain file"),
        (entry(f"{NAME}/link", tarfile.LNKTYPE, seal.FILE), "no plain file"),
        (entry(f"{NAME}/pipe", tarfile.FIFOTYPE), "no plain file"),
        (entry(f"{NAME}/disk", tarfile.BLKTYPE), "no plain file"),
        (entry(f"{NAME}/folder", tarfile.DIRTYPE), "no plain file"),
    ],
)
def test_nothing_gets_out_of_a_bundle(tmp_path: Path, member: tarfile.TarInfo, told: str) -> None:
    into = tmp_path / "a" / "there"
    into.parent.mkdir()
    assert told in refused(packed(tmp_path, FIRST, (member, b"evil")), into)
    assert {each.name for each in tmp_path.rglob("*")} <= {"a", "there", "foreign.tar", seal.FILE, NAME}


def test_a_huge_member_is_refused_by_what_it_says(tmp_path: Path) -> None:
    file = tmp_path / "huge.tar"
    huge = entry(f"{NAME}/run.json", size=2**40)
    first = entry(seal.FILE, size=len(FIRST[1]))
    padding = b"\0" * (-len(FIRST[1]) % 512)
    blocks = [each.tobuf(tarfile.PAX_FORMAT) for each in (first, huge)]
    file.write_bytes(blocks[0] + FIRST[1] + padding + blocks[1] + bytes(10240))
    assert "breaks off within" in refused(file, tmp_path / "there")


def test_too_many_members_and_too_large_a_file_are_refused(
    tmp_path: Path, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle, "MOST_FILES", 2)
    assert "more than 2 files" in refused(made, tmp_path / "there")
    monkeypatch.setattr(bundle, "MOST_BYTES", 1000)
    assert "more than" in refused(made, tmp_path / "again")


def test_the_seal_comes_first(tmp_path: Path) -> None:
    file = packed(tmp_path, (entry(f"{NAME}/run.json"), b"{}"), FIRST)
    assert "instead of seal.json" in refused(file, tmp_path / "there")


def test_a_file_that_is_a_folder_as_well_is_refused(tmp_path: Path) -> None:
    file = packed(tmp_path, FIRST, (entry(f"{NAME}/a"), b"1"), (entry(f"{NAME}/a/b"), b"2"))
    assert "cannot be unpacked" in refused(file, tmp_path / "there")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None)
@given(place=st.integers(0, 2**31), signs=st.binary(min_size=1, max_size=12), cut=st.booleans())
def test_whatever_is_changed_it_is_found_or_refused(
    tmp_path_factory: pytest.TempPathFactory, place: int, signs: bytes, cut: bool
) -> None:
    where = tmp_path_factory.mktemp("fuzz")
    file = where / "made.tar"
    bundle.write([folder(where)], AT, file)
    whole = file.read_bytes()
    place %= len(whole)
    harmed = whole[:place] if cut else whole[:place] + signs + whole[place + len(signs) :]
    file.write_bytes(harmed)
    (where / "there").mkdir()
    try:
        bundle.unpack(file, where / "there")
        seal.differences(where / "there")
    except RunUnreadable:
        return
    originals = {each: (where / NAME / each).read_bytes() for each in seal.names(where / NAME)}
    unpacked = {each: (where / "there" / NAME / each) for each in originals}
    same = all(each.is_file() and each.read_bytes() == originals[name] for name, each in unpacked.items())
    assert same or seal.differences(where / "there")
