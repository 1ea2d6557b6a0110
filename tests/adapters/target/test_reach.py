"""Targets that can be reached, and the many ways in which one cannot."""

from __future__ import annotations

import asyncio
import resource
import ssl
from typing import TYPE_CHECKING

import pytest

from sretool.adapters.target import reach
from sretool.core.plans.load.target import parse
from sretool.errors import SourceTimeout, SourceUnreachable, UsageError
from tests.support import programs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificate and key in one file; it is its own authority."""
    folder = tmp_path_factory.mktemp("certificate")
    arguments = (
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout key.pem -out cert.pem "
        "-subj /CN=localhost -days 2 -addext subjectAltName=DNS:localhost"
    )
    programs.run("openssl", *arguments.split(), cwd=folder)
    both = folder / "both.pem"
    both.write_text((folder / "cert.pem").read_text() + (folder / "key.pem").read_text())
    return both


async def _quiet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()


@pytest.fixture
async def plain() -> AsyncIterator[int]:
    server = await asyncio.start_server(_quiet, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


@pytest.fixture
async def tls(certificate: Path) -> AsyncIterator[int]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    server = await asyncio.start_server(_quiet, "127.0.0.1", 0, ssl=context)
    yield server.sockets[0].getsockname()[1]
    server.close()


async def test_a_target_that_answers(plain: int) -> None:
    target = parse(f"http://127.0.0.1:{plain}")
    assert await reach.addresses(target) == ("127.0.0.1",)
    await reach.connect(target)


async def test_nobody_listens(plain: int) -> None:
    with pytest.raises(SourceUnreachable, match=r"127.0.0.1:1 cannot be reached: Connection refused"):
        await reach.connect(parse("http://127.0.0.1:1"))


async def test_a_name_that_stands_for_nothing() -> None:
    with pytest.raises(SourceUnreachable, match=r"the name nobody.invalid cannot be resolved"):
        await reach.addresses(parse("http://nobody.invalid"))
    with pytest.raises(SourceUnreachable, match="cannot be resolved"):
        await reach.addresses(parse(f"http://{'a' * 70}.example"))


async def test_a_certificate_must_be_trusted(tls: int, certificate: Path) -> None:
    target = parse(f"https://localhost:{tls}")
    with pytest.raises(SourceUnreachable, match="is not trusted: self-signed certificate") as caught:
        await reach.connect(target)
    assert "--ca-file" in (caught.value.remedy or "")
    await reach.connect(target, ca_file=str(certificate))
    await reach.connect(target, insecure=True)
    with pytest.raises(SourceUnreachable, match="is not trusted") as caught:
        await reach.connect(parse(f"https://127.0.0.1:{tls}"), ca_file=str(certificate))
    assert "a name that the certificate is made out to" in (caught.value.remedy or "")


async def test_authorities_that_are_none(tls: int, tmp_path: Path) -> None:
    none = tmp_path / "none.pem"
    none.write_text("nothing")
    with pytest.raises(UsageError, match="holds no certificates"):
        await reach.connect(parse(f"https://localhost:{tls}"), ca_file=str(none))


async def test_a_server_that_does_not_speak_tls(plain: int, monkeypatch: pytest.MonkeyPatch) -> None:
    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(rude, "127.0.0.1", 0)
    with pytest.raises(SourceUnreachable, match="does not speak TLS"):
        await reach.connect(parse(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"))
    server.close()
    monkeypatch.setattr(reach, "_DEADLINE", 0.1)
    with pytest.raises(SourceTimeout, match=r"did not answer within 0.1 s"):
        await reach.connect(parse(f"https://127.0.0.1:{plain}"))


def test_room_for_connections_is_made_or_refused() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
        reach.make_room(100)
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (300, hard)
        if hard != resource.RLIM_INFINITY:
            with pytest.raises(UsageError, match=f"the limit is {hard}"):
                reach.make_room(hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
