"""Whatever stands in a bundle that somebody sealed, looking at it ends with a verdict or one clear error."""

from __future__ import annotations

import tarfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sretool.adapters.store import bundle, seal
from sretool.cli import chaos_reports, diagnostics
from sretool.cli.main import group
from tests.support import chaos_runs

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 11, 20, 3, 0, tzinfo=UTC)
FILES = ("run.json", "events.jsonl", "seal.json", "undo.jsonl", "input/plan.json", "input/db-failover.yaml")
JUNK = st.one_of(
    st.binary(max_size=20),
    st.sampled_from(
        [
            b"null", b"[]", b"{}", b"-1", b"1e999", b'"\xff"', b"\x1b[2J", b"\0", b"[" * 5000,
            b'{"a":' * 5000,
            b'"9999-12-31T23:59:59Z"', b'"1970-01-01T00:00:00Z"', b"\n", b"true", b"NaN", b"Infinity",
            b"123456789012345678901234567890",
        ]
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What is in the bundle of one short experiment."""
    where = tmp_path_factory.mktemp("made")
    run = chaos_runs.failover(where / "state", seconds=110)
    run.keep_input("plan.json", b'{"hash": "9f2c"}', "plan.json")
    chaos_runs.judged(run)
    chaos_reports.write(run.folder, run.run, NOW)
    bundle.write([run.folder], NOW, where / "made.tar")
    (where / "there").mkdir()
    bundle.unpack(where / "made.tar", where / "there")
    return where / "there"


def repacked(made: Path, name: str, text: bytes, out: Path) -> None:
    """The same with another text, under a new seal of its run and of all."""
    (run,) = (each for each in made.iterdir() if each.is_dir())
    (made / seal.FILE).unlink(missing_ok=True)
    file = run / name
    before = file.read_bytes() if file.exists() else None
    sealed = (run / seal.FILE).read_bytes()
    try:
        file.write_bytes(text)
        if name != seal.FILE:
            seal.put(run)
        seal.put(made)
        with tarfile.open(out, "w") as archive:
            for each in (seal.FILE, *seal.names(made)):
                archive.add(made / each, each, recursive=False)
    finally:
        (run / seal.FILE).write_bytes(sealed)
        if before is None:
            file.unlink()
        else:
            file.write_bytes(before)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(name=st.sampled_from(FILES), junk=JUNK, place=st.integers(0, 2**20), length=st.integers(0, 40))
def test_it_is_never_a_defect_of_ours(
    made: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    name: str,
    junk: bytes,
    place: int,
    length: int,
) -> None:
    (run,) = (each for each in made.iterdir() if each.is_dir())
    text = (run / name).read_bytes() if (run / name).exists() else b""
    place %= len(text) + 1
    repacked(made, name, text[:place] + junk + text[place + length :], tmp_path / "run.tar")
    code = diagnostics.run(group, ["chaos", "verify", str(tmp_path / "run.tar")])
    told = capsys.readouterr()
    assert code in (0, diagnostics.FAILED, diagnostics.USAGE, diagnostics.NOT_UNDONE, diagnostics.NO_DATA), (
        told
    )
    assert "\x1b" not in told.out + told.err
    assert "\0" not in told.out + told.err
