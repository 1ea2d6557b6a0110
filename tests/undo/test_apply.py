"""Each kind of undo on the real thing, as often as one likes."""

from __future__ import annotations

import base64
import hashlib
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from sretool.undo import identity
from sretool.undo.apply import apply
from sretool.undo.entry import UndoEntry

if TYPE_CHECKING:
    from collections.abc import Iterator


def undo(kind: str, **words: Any) -> tuple[str, str]:
    result = apply(UndoEntry("f1", "fault", "target", {"kind": kind, **words}, boot=words.get("boot", "")))
    return result.how, result.text


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    started = subprocess.Popen(["sleep", "60"], start_new_session=True)
    yield started
    started.kill()
    started.wait()


class Group:
    """What a control group looks like from outside, in a folder."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "cpu.cfs_quota_us"
        self.file.write_text("-1\n")
        self.words = {
            "path": str(self.file),
            "inode": folder.stat().st_ino,
            "value": "-1",
            "applied": ["50000"],
        }

    def undo(self) -> str:
        return undo("cgroup_write", **self.words)[0]


def test_a_limit_is_put_back_once(tmp_path: Path) -> None:
    group = Group(tmp_path)
    group.file.write_text("50000\n")
    assert group.undo() == "undone"
    assert group.file.read_text() == "-1"
    assert group.undo() == "already"


def test_a_limit_that_somebody_else_has_set_since_stands(tmp_path: Path) -> None:
    group = Group(tmp_path)
    group.file.write_text("80000\n")
    assert group.undo() == "foreign"
    assert group.file.read_text() == "80000\n"


def test_another_group_of_the_same_name_is_left_alone(tmp_path: Path) -> None:
    group = Group(tmp_path)
    group.file.write_text("50000\n")
    group.words["inode"] = 1
    assert group.undo() == "gone"
    assert group.file.read_text() == "50000\n"


def test_a_limit_that_does_not_take_is_a_failure() -> None:
    group = {"path": "/proc/self/oom_score", "inode": Path("/proc/self").stat().st_ino, "value": "77777"}
    assert undo("cgroup_write", **group)[0] == "failed"


def test_a_stopped_process_goes_on(process: subprocess.Popen[bytes]) -> None:
    import os
    import signal

    words = {"pid": process.pid, "start": identity.start_time(process.pid)}
    os.kill(process.pid, signal.SIGSTOP)
    os.waitpid(process.pid, os.WUNTRACED)
    assert undo("proceed", **words)[0] == "undone"
    assert not identity.stopped(process.pid)
    assert undo("proceed", **words)[0] == "already"


def test_a_stranger_with_the_same_pid_is_left_alone(process: subprocess.Popen[bytes]) -> None:
    started = identity.start_time(process.pid)
    assert started is not None
    assert undo("end", pid=process.pid, start=started - 1)[0] == "already"
    assert undo("proceed", pid=process.pid, start=started - 1)[0] == "gone"
    assert process.poll() is None


def test_a_process_of_an_earlier_boot_is_left_alone(process: subprocess.Popen[bytes]) -> None:
    words = {"pid": process.pid, "start": identity.start_time(process.pid)}
    assert undo("end", boot="another", **words)[0] == "gone"
    assert process.poll() is None


def test_a_process_of_ours_is_ended_with_its_group(process: subprocess.Popen[bytes]) -> None:
    words = {"pid": process.pid, "start": identity.start_time(process.pid), "group": True}
    assert undo("end", **words)[0] == "undone"
    assert process.wait() == -9
    assert undo("end", **words)[0] == "already"


def test_a_file_is_removed_or_restored(tmp_path: Path) -> None:
    filler = tmp_path / "filler"
    filler.write_bytes(b"x")
    assert undo("file_remove", path=str(filler), inode=1)[0] == "foreign"
    assert undo("file_remove", path=str(filler), inode=filler.stat().st_ino)[0] == "undone"
    assert undo("file_remove", path=str(filler))[0] == "already"
    settings = tmp_path / "settings"
    settings.write_bytes(b"ours")
    words = {
        "path": str(settings),
        "data": base64.b64encode(b"theirs").decode(),
        "applied": hashlib.sha256(b"ours").hexdigest(),
    }
    assert undo("file_restore", **words)[0] == "undone"
    assert undo("file_restore", **words)[0] == "already"
    settings.write_bytes(b"somebody else's")
    assert undo("file_restore", **words)[0] == "foreign"


def test_a_program_says_by_its_end_what_it_did() -> None:
    def ending(code: int) -> tuple[str, str]:
        return undo("command", argv=[sys.executable, "-c", f"import sys; print('said'); sys.exit({code})"])

    assert ending(0) == ("undone", "said")
    assert ending(3) == ("already", "said")
    assert ending(1) == ("failed", "said")
    assert undo("command", argv=["sleep", "9"], within=0.1)[0] == "failed"
    assert undo("command", argv=["/no/such/program"])[0] == "failed"


def test_words_that_make_no_sense_are_a_failure_not_an_end() -> None:
    assert undo("no such kind")[0] == "failed"
    assert undo("end")[0] == "failed"
    assert undo("http", method="GET", url="ftp://nowhere")[0] == "failed"


class Api(BaseHTTPRequestHandler):
    """Enough of a Toxiproxy to take a toxic from."""

    toxics: ClassVar[dict[str, str]] = {}

    def do_DELETE(self) -> None:
        self._reply(204 if self.toxics.pop(self.path, None) else 404)

    def do_GET(self) -> None:
        self._reply(200 if self.path in self.toxics else 404)

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self._reply(200 if self.path == "/proxies/db" else 404)

    def _reply(self, status: int) -> None:
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def api() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Api) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_toxic_is_taken_from_its_proxy(api: str) -> None:
    Api.toxics["/proxies/db/toxics/slow"] = "slow"
    words = {"api": api, "proxy": "db", "toxic": "slow"}
    assert undo("toxic_remove", **words)[0] == "undone"
    assert undo("toxic_remove", **words)[0] == "already"
    assert undo("proxy_enable", api=api, proxy="db")[0] == "undone"
    assert undo("proxy_enable", api=api, proxy="cache")[0] == "gone"
    assert undo("http", method="POST", url=f"{api}/elsewhere", body="{}", fine=[404])[0] == "undone"
    assert undo("http", method="POST", url=f"{api}/elsewhere", body="{}")[0] == "failed"


def test_with_its_proxy_a_toxic_is_gone_and_without_an_answer_it_is_not(
    process: subprocess.Popen[bytes],
) -> None:
    words = {"api": "http://127.0.0.1:1", "proxy": "db", "toxic": "slow", "pid": process.pid}
    started = identity.start_time(process.pid)
    assert started is not None
    assert undo("toxic_remove", **words, start=started)[0] == "failed"
    assert undo("toxic_remove", **words, start=started - 1)[0] == "gone"
