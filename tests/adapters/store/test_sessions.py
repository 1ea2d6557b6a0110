from __future__ import annotations

import gzip
import json
import threading
from typing import TYPE_CHECKING

import pytest

from sretool.adapters.store import sessions
from sretool.adapters.store.sessions import FILE, SessionFile
from sretool.core.observe.replay import Recording
from sretool.errors import RunUnreadable
from tests.support import session

if TYPE_CHECKING:
    from pathlib import Path


def _written(folder: Path, count: int = 50) -> list[object]:
    file = SessionFile(folder)
    lines: list[object] = [{"k": "line", "number": number} for number in range(count)]
    for line in lines:
        file.write(line)
    file.close()
    return lines


def test_a_session_is_read_as_it_was_written(tmp_path: Path) -> None:
    lines = _written(tmp_path)
    assert sessions.read(tmp_path).lines == tuple(lines)
    assert not sessions.read(tmp_path / FILE).torn


def test_the_file_is_ordinary_gzip(tmp_path: Path) -> None:
    lines = _written(tmp_path)
    text = gzip.decompress((tmp_path / FILE).read_bytes()).decode()
    assert [json.loads(line) for line in text.splitlines()] == lines


def test_a_session_that_is_still_written_can_be_read(tmp_path: Path) -> None:
    file = SessionFile(tmp_path)
    file.write({"k": "first"})
    found = sessions.read(tmp_path)
    assert (found.lines, found.torn) == (({"k": "first"},), True)
    file.close()


@pytest.mark.parametrize("cut", [1, 3, 8, 9, 15, 60, 200])
def test_a_torn_end_costs_only_what_is_torn(tmp_path: Path, cut: int) -> None:
    lines = _written(tmp_path)
    file = tmp_path / FILE
    file.write_bytes(file.read_bytes()[:-cut])
    found = sessions.read(tmp_path)
    assert found.torn
    assert list(found.lines) == lines[: len(found.lines)]
    assert len(found.lines) >= len(lines) - 1 - cut // 5


def test_garbage_behind_a_good_start_is_left_out(tmp_path: Path) -> None:
    file = SessionFile(tmp_path)
    file.write({"k": "first"})
    with (tmp_path / FILE).open("ab") as torn:
        torn.write(b"\xff" * 3000)
    found = sessions.read(tmp_path)
    assert (found.lines, found.torn) == (({"k": "first"},), True)
    file.close()


@pytest.mark.parametrize(
    "data",
    [b"", b"no gzip at all", gzip.compress(b"", mtime=0), gzip.compress(b"no json\n", mtime=0)],
    ids=["empty", "plain", "empty gzip", "no JSON"],
)
def test_what_is_no_session_is_told_with_its_path(tmp_path: Path, data: bytes) -> None:
    (tmp_path / FILE).write_bytes(data)
    with pytest.raises(RunUnreadable) as raised:
        sessions.read(tmp_path)
    assert str(tmp_path / FILE) in raised.value.message


def test_a_session_that_is_not_there_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RunUnreadable) as raised:
        sessions.read(tmp_path)
    assert "sretool dash --record" in (raised.value.remedy or "")


def test_a_session_has_an_end(tmp_path: Path) -> None:
    file = SessionFile(tmp_path, most=200)
    for number in range(100):
        file.write({"number": number, "noise": str(hash(str(number)))})
    assert file.problem is not None
    assert "reached" in file.problem
    size = (tmp_path / FILE).stat().st_size
    assert 200 <= size < 300
    file.close()
    assert sessions.read(tmp_path).lines[0] == {"number": 0, "noise": str(hash("0"))}


def test_a_disk_that_is_full_ends_the_recording_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = SessionFile(tmp_path)
    file.write({"k": "first"})

    class Full:
        def write(self, data: bytes) -> int:
            raise OSError(28, "No space left on device")

        def close(self) -> None:
            raise OSError(28, "No space left on device")

    file._file.close()
    monkeypatch.setattr(file, "_file", Full())
    file.write({"k": "second"})
    assert file.problem == "the recording cannot be written: No space left on device"
    file.write({"k": "third"})
    file.close()
    file.close()
    assert sessions.read(tmp_path).lines == ({"k": "first"},)


def test_lines_of_several_threads_do_not_mix(tmp_path: Path) -> None:
    file = SessionFile(tmp_path)

    def many(name: int) -> None:
        for number in range(200):
            file.write([name, number])

    threads = [threading.Thread(target=many, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    file.close()
    lines = sessions.read(tmp_path).lines
    assert sorted(lines) == [[name, number] for name in range(4) for number in range(200)]


def test_a_whole_session_through_a_file(tmp_path: Path) -> None:
    file = SessionFile(tmp_path)
    for line in session.lines():
        file.write(line)
    file.close()
    read, direct = Recording(sessions.read(tmp_path).lines), session.session()
    for minutes in range(11):
        at = session.START + minutes * session.MINUTE
        assert read.at(at) == direct.at(at)
    assert read.moments() == direct.moments()
    assert read.head == direct.head
