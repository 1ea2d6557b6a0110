from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from chaoslib.exceptions import ActivityFailed

from sretool.chaos.probes import prometheus

if TYPE_CHECKING:
    from tests.chaos.probes.conftest import Server


def test_one_number(server: Server) -> None:
    server.series("0.25")
    assert prometheus.value("x", server.url) == 0.25


@pytest.mark.parametrize(
    ("values", "said"),
    [
        pytest.param((), "no data for 'x'", id="nothing"),
        pytest.param(("1", "2"), "gives 2 series", id="several"),
        pytest.param(("NaN",), "there is no data", id="NaN"),
        pytest.param(("+Inf",), "there is no data", id="infinity"),
    ],
)
def test_what_is_no_number_is_no_answer(server: Server, values: tuple[str, ...], said: str) -> None:
    server.series(*values)
    with pytest.raises(ActivityFailed, match=said):
        prometheus.value("x", server.url)
    with pytest.raises(ActivityFailed, match=said):
        prometheus.within("x", low=0, prometheus=server.url)


def test_an_error_of_the_server_is_told_in_its_words(server: Server) -> None:
    server.answers["/api/v1/query"] = (400, {"error": "parse error: unclosed"})
    with pytest.raises(ActivityFailed, match="answers 400: parse error: unclosed"):
        prometheus.value("sum(", server.url)


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"data": 3}', b'{"data": {"resultType": "matrix"}}'])
def test_something_that_is_no_prometheus(server: Server, body: bytes) -> None:
    server.answers["/api/v1/query"] = (200, body)
    with pytest.raises(ActivityFailed):
        prometheus.value("x", server.url)


def test_nobody_there() -> None:
    with pytest.raises(ActivityFailed, match=r"127\.0\.0\.1:1/api/v1/query gave no answer"):
        prometheus.value("x", "http://127.0.0.1:1")


def test_waiting_until_it_is_there(server: Server) -> None:
    asked: list[str] = []

    def rising(words: dict[str, str]) -> tuple[int, Any]:
        asked.append(words["query"])
        result = [{"metric": {}, "value": [1, str(len(asked))]}]
        return 200, {"data": {"resultType": "vector", "result": result}}

    server.answers["/api/v1/query"] = rising
    assert prometheus.within("x", low=3, wait=5, prometheus=server.url)
    assert len(asked) == 3


def test_waiting_in_vain(server: Server) -> None:
    server.series("1")
    assert prometheus.within("x", low=2, wait=0.3, prometheus=server.url) is False
    with pytest.raises(ActivityFailed, match="x did not get there"):
        prometheus.within("x", low=2, prometheus=server.url, sure=True)


def test_a_token_is_sent_and_never_told(server: Server) -> None:
    server.answers["/api/v1/query"] = (401, {"error": "who are you"})
    with pytest.raises(ActivityFailed) as told:
        prometheus.value("x", server.url, secrets={"token": "s3cr3t-word"})
    assert server.headers[-1]["Authorization"] == "Bearer s3cr3t-word"
    assert "s3cr3t" not in str(told.value)


def test_the_environments_token_goes_to_its_own_server_only(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.series("1")
    monkeypatch.setenv("SRETOOL_PROMETHEUS_TOKEN", "s3cr3t-word")
    monkeypatch.setenv("SRETOOL_PROMETHEUS_URL", "http://elsewhere")
    prometheus.value("x", server.url)
    assert "Authorization" not in server.headers[-1]
    monkeypatch.setenv("SRETOOL_PROMETHEUS_URL", server.url)
    prometheus.value("x")
    assert server.headers[-1]["Authorization"] == "Bearer s3cr3t-word"
