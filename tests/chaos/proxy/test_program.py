"""The program itself, in a process of its own."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.support.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROGRAM = [sys.executable, "-m", "sretool.chaos.proxy"]


@contextmanager
def echo() -> Iterator[int]:
    """The port of a server that gives each client back what it says first, and hangs up."""
    server = socket.create_server(("127.0.0.1", 0), backlog=200)

    def serve() -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            with client:
                client.sendall(client.recv(100))

    thread = threading.Thread(target=serve)
    thread.start()
    yield server.getsockname()[1]
    server.shutdown(socket.SHUT_RDWR)
    server.close()
    thread.join()


def test_what_a_client_says_at_once_is_not_lost_and_the_program_ends_when_told(tmp_path: Path) -> None:
    api, port = free_ports(2)
    with echo() as upstream:
        config = tmp_path / "proxies.json"
        listed = [{"name": "p", "listen": f"127.0.0.1:{port}", "upstream": f"127.0.0.1:{upstream}"}]
        config.write_text(json.dumps(listed))
        argv = [*PROGRAM, "--api", f"127.0.0.1:{api}", "--config", str(config)]
        with subprocess.Popen(argv, stderr=subprocess.PIPE) as proxy:
            _until_listening(api)
            for number in range(100):
                with socket.create_connection(("127.0.0.1", port), 5) as client:
                    client.sendall(b"%d" % number)
                    assert client.recv(100) == b"%d" % number
                    assert client.recv(100) == b""
            with urllib.request.urlopen(f"http://127.0.0.1:{api}/proxies") as reply:
                assert json.load(reply)["p"]["enabled"] is True
            proxy.terminate()
            assert proxy.wait(5) == 0
            assert proxy.stderr is not None
            said = proxy.stderr.read()
    assert b"Traceback" not in said


@pytest.mark.slow
def test_bad_input_is_one_line(tmp_path: Path) -> None:
    bad = tmp_path / "proxies.json"
    bad.write_text('[{"name": "p"}]')
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        here = f"127.0.0.1:{taken.getsockname()[1]}"
        for words, said in (
            (["--api", "127.0.0.1:0", "--config", str(bad)], "missing required field: upstream at proxy 1"),
            (["--api", "127.0.0.1:0", "--config", str(tmp_path / "none")], "No such file or directory"),
            (["--api", here], "address already in use"),
            (["--api", "nonsense"], "missing port in address"),
        ):
            done = subprocess.run([*PROGRAM, *words], capture_output=True, text=True, check=False)
            assert done.returncode == 2
            assert said in done.stderr
            assert len(done.stderr.splitlines()) == 1


def _until_listening(port: int) -> None:
    until = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            assert time.monotonic() < until
            time.sleep(0.02)
        else:
            return
