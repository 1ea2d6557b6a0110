from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from sretool.cli import diagnostics
from sretool.cli.main import group
from sretool.core.catalog.read import read

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


@contextmanager
def prometheus(names: Sequence[str]) -> Iterator[str]:
    """A server whose requests are answered, one of a thousand with 500."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(list(names) if "/label/" in self.path else {})

        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            if urlsplit(self.path).path.endswith("/labels"):
                return self._answer(["__name__", "job", "code"])
            values = [[float(form["end"][0]), str(number)] for number in (999_900, 100)]
            series = [
                {"metric": {"job": "shop", "code": code}, "values": [value]}
                for code, value in zip(("200", "500"), values, strict=True)
            ]
            self._answer({"resultType": "matrix", "result": series})

        def _answer(self, data: Any) -> None:
            body = json.dumps({"status": "success", "data": data}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("SRETOOL_PROMETHEUS_URL", raising=False)


def init(*arguments: str) -> int:
    return diagnostics.run(group, ["init", *arguments])


def test_the_catalog_goes_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    with prometheus(["http_requests_total"]) as url:
        assert init("--prometheus", url) == diagnostics.OK
    written = capsys.readouterr().out
    assert [slo.id for slo in read({"slos.yaml": written}).slos] == ["shop/availability"]
    assert f"from the metrics of {url}" in written


def test_a_file_is_overwritten_only_when_forced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "slos.yaml"
    out.write_text("mine\n")
    with prometheus(["http_requests_total"]) as url:
        assert init("--prometheus", url, "--out", str(out)) == diagnostics.USAGE
        assert out.read_text() == "mine\n"
        assert (
            "exists already\n  → choose another --out, or overwrite it with --force"
            in capsys.readouterr().err
        )
        assert init("--prometheus", url, "--out", str(out), "--force") == diagnostics.OK
    assert read({"slos.yaml": out.read_text()}).slos
    assert capsys.readouterr().out.startswith(f"{out}: 1 objective proposed; read the remarks, then\n")


def test_json_says_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    with prometheus(["http_requests_total"]) as url:
        assert init("--prometheus", url, "--days", "7", "--format", "json") == diagnostics.OK
    said = json.loads(capsys.readouterr().out)
    (slo,) = said["slos"]
    assert (said["days"], slo["id"], slo["objective"], slo["window_s"]) == (
        7,
        "shop/availability",
        0.9995,
        2592000,
    )
    assert slo["attained"]["ratio"] == pytest.approx(0.9999)
    assert slo["sli"]["total"] == 'http_requests_total{job="shop"}'


def test_nothing_recognised_says_what_was_looked_for(capsys: pytest.CaptureFixture[str]) -> None:
    with prometheus(["up", "node_load1"]) as url:
        assert init("--prometheus", url) == diagnostics.NO_DATA
    told = capsys.readouterr()
    assert told.out == ""
    assert "none of the 2 metrics of this server is known" in told.err
    assert "Istio; Envoy; ingress-nginx" in told.err


def test_a_server_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert init("--prometheus", "http://127.0.0.1:9") == diagnostics.UNREACHABLE
    assert "cannot be reached" in capsys.readouterr().err


def test_without_a_server(capsys: pytest.CaptureFixture[str]) -> None:
    assert init() == diagnostics.USAGE
    assert "no Prometheus is known\n  → give --prometheus URL" in capsys.readouterr().err
