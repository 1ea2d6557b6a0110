"""The server that answers as the path says, and users that ask it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from locust.env import Environment

from sretool.load.recorder import Recorder
from sretool.load.users import HttpUser
from tests.support import programs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_EXTENSIONS = "subjectAltName=DNS:localhost,IP:127.0.0.1\nextendedKeyUsage=serverAuth,clientAuth\n"


def _openssl(folder: Path, *arguments: str) -> None:
    programs.run("openssl", *arguments, cwd=folder)


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a certificate authority and what it signed for a server and for a client."""
    folder = tmp_path_factory.mktemp("authority")
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    _openssl(
        folder, "req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=throw-away",
        "-days", "2",
        "-addext", "keyUsage=critical,keyCertSign",
    )  # fmt: skip
    (folder / "extensions").write_text(_EXTENSIONS)
    for name in ("server", "client"):
        _openssl(folder, "req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        _openssl(
            folder, "x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-CAcreateserial",
            "-out", f"{name}.pem", "-days", "2", "-extfile", "extensions",
        )  # fmt: skip
    return folder


class Server:
    def __init__(self, ports: dict[str, int]) -> None:
        self.ports = ports

    def url(self, name: str = "plain", host: str = "127.0.0.1") -> str:
        scheme = "https" if name in ("tls", "client_cert", "silent", "misnamed") else "http"
        return f"{scheme}://{host}:{self.ports[name]}"


@pytest.fixture(scope="session")
def server(authority: Path) -> Iterator[Server]:
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("server.py")), str(authority)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    yield Server(json.loads(process.stdout.readline()))
    process.stdin.close()
    process.stdout.close()
    process.wait(10)


@pytest.fixture
def environment() -> Iterator[Environment]:
    environment = Environment(catch_exceptions=False)
    runner = environment.create_local_runner()
    yield environment
    runner.quit()


@pytest.fixture
def user(environment: Environment, server: Server) -> Iterator[Callable[..., Any]]:
    """Makes users of a port of the server; keywords are attributes of their class."""

    def make(port: str = "plain", base: type[HttpUser] = HttpUser, **attributes: Any) -> Any:
        attributes.setdefault("host", server.url(port))
        one = type("Anybody", (base,), {"abstract": False, **attributes})(environment)
        made.append(one)
        return one

    made: list[Any] = []
    yield make
    for each in made:
        each.client.close()


class Heard(list[dict[str, Any]]):
    """What a listener of Locust's `request` event was told."""


@pytest.fixture
def heard(environment: Environment) -> Heard:
    heard = Heard()
    environment.events.request.add_listener(lambda **request: heard.append(request))
    return heard


@pytest.fixture
def counted(environment: Environment) -> Callable[[str, str], tuple[int, int, int]]:
    """Requests, failures and bytes in Locust's own statistics."""

    def look(method: str, name: str) -> tuple[int, int, int]:
        Recorder.of(environment).count()
        entry = environment.stats.get(name, method)
        return entry.num_requests, entry.num_failures, entry.total_content_length

    return look
