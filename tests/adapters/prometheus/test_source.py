from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from sretool.adapters.prometheus.source import Prometheus
from sretool.errors import (
    SourceError,
    SourceRefused,
    SourceReplyInvalid,
    SourceTimeout,
    SourceUnreachable,
    UsageError,
)
from sretool.ports import Endpoint
from tests.support.sources import failing, reply, serving

URL = "http://prom.test:9090"
ENDPOINT = Endpoint(URL)
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def prometheus(
    transport: httpx.AsyncBaseTransport, endpoint: Endpoint = ENDPOINT, seconds: float = 5
) -> Prometheus:
    return Prometheus(endpoint, deadline=timedelta(seconds=seconds), transport=transport)


def answering(body: bytes, status: int = 200) -> Prometheus:
    return prometheus(serving({"/": body}, status))


async def test_a_vector_becomes_samples_with_their_names() -> None:
    samples = await answering(reply("prometheus/recorded.json")).instant("slo")
    totals = [sample for sample in samples if sample.labels["__name__"] == "slo:total:sum"]
    assert [(each.labels["slo"], round(each.value)) for each in totals] == [
        ("amas/learning-availability", 48543204)
    ]
    assert totals[0].at == datetime.fromtimestamp(1795246394.225, UTC)


async def test_a_scalar_is_one_sample_without_labels() -> None:
    (sample,) = await answering(reply("prometheus/scalar.json")).instant("scalar(vector(3))")
    assert (sample.labels, sample.value) == ({}, 3)


async def test_what_is_no_number_is_no_sample() -> None:
    samples = await answering(reply("prometheus/not_numbers.json")).instant("q")
    assert [(sample.labels["x"], sample.value) for sample in samples] == [("number", 42)]


async def test_a_native_histogram_is_left_out() -> None:
    body = b"""{"status":"success","data":{"resultType":"vector","result":[
        {"metric":{},"histogram":[1,{"count":"5","sum":"2","buckets":[]}]},{"metric":{},"value":[1,"2"]}]}}"""
    assert [sample.value for sample in await answering(body).instant("q")] == [2]


async def test_a_matrix_becomes_series_in_time_order() -> None:
    span = (NOON - timedelta(days=1), NOON, timedelta(hours=1))
    found = await answering(reply("prometheus/past.json")).range("q", *span)
    assert {series.labels["figure"] for series in found} == {"bad", "total"}
    assert all(len(series.points) == 25 for series in found)
    times = [at for at, _ in found[0].points]
    assert times == sorted(times)


async def test_queries_are_posted_as_forms_with_a_deadline_for_the_server() -> None:
    asked: list[dict[str, str]] = []
    source = prometheus(serving({"/": reply("prometheus/scalar.json")}, asked=asked), seconds=2.5)
    await source.instant("up" * 5000, NOON)
    (form,) = asked
    assert form["path"] == "/api/v1/query"
    assert len(form["query"]) == 10_000
    assert form["time"] == f"{NOON.timestamp():.3f}"
    assert form["timeout"] == "2500ms"


async def test_a_path_prefix_is_kept() -> None:
    asked: list[dict[str, str]] = []
    source = prometheus(serving({"/": reply("prometheus/scalar.json")}, asked=asked), Endpoint(f"{URL}/prom"))
    await source.instant("up")
    assert asked[0]["path"] == "/prom/api/v1/query"


@pytest.mark.parametrize(
    ("endpoint", "header", "value"),
    [
        pytest.param(Endpoint(URL, token="t0ken"), "authorization", "Bearer t0ken", id="token"),
        pytest.param(Endpoint(URL, basic=("ana", "pw")), "authorization", "Basic YW5hOnB3", id="basic"),
        pytest.param(Endpoint(URL, headers={"X-Scope-OrgID": "team"}), "x-scope-orgid", "team", id="tenant"),
    ],
)
async def test_identification(endpoint: Endpoint, header: str, value: str) -> None:
    asked: list[dict[str, str]] = []
    await prometheus(serving({"/": reply("prometheus/scalar.json")}, asked=asked), endpoint).instant("up")
    assert asked[0][header] == value


async def test_remarks_of_the_server_are_kept() -> None:
    body = b"""{"status":"success","data":{"resultType":"vector","result":[]},
        "warnings":["partial"],"infos":["x"]}"""
    source = answering(body)
    await source.instant("q")
    assert source.warnings == ("partial", "info: x")
    await source.instant("q")
    assert source.remarks() == ("partial", "info: x")
    assert source.remarks() == ()


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        pytest.param(httpx.ConnectError("refused"), SourceUnreachable, "cannot be reached", id="no server"),
        pytest.param(httpx.ConnectTimeout("slow"), SourceTimeout, "no answer in 5 s", id="slow connection"),
        pytest.param(httpx.ReadError(""), SourceUnreachable, "broke the connection", id="broken"),
        pytest.param(
            httpx.RemoteProtocolError("peer closed"), SourceUnreachable, "peer closed", id="cut short"
        ),
        pytest.param(httpx.DecodingError("gzip"), SourceReplyInvalid, "decompressed", id="bad gzip"),
    ],
)
async def test_failures_name_the_server(error: Exception, kind: type[SourceError], words: str) -> None:
    with pytest.raises(kind, match=words) as caught:
        await prometheus(failing(error)).instant("up")
    assert caught.value.message.startswith(f"Prometheus at {URL}")


async def test_a_server_that_says_nothing_is_given_up_in_time() -> None:
    class Silent(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await asyncio.sleep(60)
            raise AssertionError

    with pytest.raises(SourceTimeout, match=r"gave no answer in 0\.05 s"):
        await prometheus(Silent(), seconds=0.05).instant("up")


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        pytest.param(reply("prometheus/bad_data.json"), 400, "unclosed left parenthesis", id="bad query"),
        pytest.param(b"<html>\n<h1>Bad\n Gateway</h1>", 502, "HTTP 502: <html> <h1>Bad Gateway", id="HTML"),
        pytest.param(b"", 503, "HTTP 503", id="empty"),
        pytest.param(b"moved", 302, "HTTP 302", id="redirect"),
        pytest.param(
            b'{"status":"error","errorType":"execution","error":"too\\n many samples"}',
            422,
            "too many samples",
            id="limit",
        ),
    ],
)
async def test_a_refusal_is_told_in_one_line(body: bytes, status: int, words: str) -> None:
    with pytest.raises(SourceRefused, match=words) as caught:
        await answering(body, status).instant("up")
    assert "\n" not in caught.value.message
    assert len(caught.value.message) < 300


@pytest.mark.parametrize(
    ("status", "body"), [(404, b"<html><h1>Not\nfound"), (302, b"moved"), (405, b""), (501, b"<html>")]
)
async def test_the_address_of_something_else_is_told_in_one_line(status: int, body: bytes) -> None:
    with pytest.raises(SourceRefused) as caught:
        await answering(body, status).instant("up")
    assert caught.value.message.endswith(f" answered HTTP {status}: that is not the API of Prometheus")
    assert caught.value.remedy is not None
    assert "path prefix" in caught.value.remedy


async def test_another_protocol_on_the_port_has_a_remedy() -> None:
    with pytest.raises(SourceUnreachable) as caught:
        await prometheus(failing(httpx.RemoteProtocolError("illegal status line"))).instant("up")
    assert "broke the connection: illegal status line" in caught.value.message
    assert caught.value.remedy is not None
    assert "another protocol" in caught.value.remedy


async def test_an_error_under_status_200_is_a_refusal() -> None:
    with pytest.raises(SourceRefused, match="unclosed"):
        await answering(reply("prometheus/bad_data.json")).instant("up")


async def test_missing_identification_has_a_remedy() -> None:
    with pytest.raises(SourceRefused) as caught:
        await answering(b"", 401).instant("up")
    assert caught.value.remedy is not None


HOSTILE = [
    pytest.param(b"<html>login</html>", id="HTML"),
    pytest.param(b"", id="nothing"),
    pytest.param(b"null", id="null"),
    pytest.param(b"\xff\xfe\x00", id="not text"),
    pytest.param(reply("prometheus/recorded.json")[:500], id="truncated"),
    pytest.param(b'{"status":"success"}', id="no data"),
    pytest.param(b'{"status":"success","data":{"resultType":"vector"}}', id="no result"),
    pytest.param(b'{"status":"success","data":{"resultType":"vector","result":{}}}', id="object for list"),
    pytest.param(
        b'{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1]}]}}',
        id="half a value",
    ),
    pytest.param(
        b'{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1,"x"]}]}}',
        id="no number",
    ),
    pytest.param(
        b'{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1e300,"1"]}]}}',
        id="no time",
    ),
    pytest.param(
        b'{"status":"success","data":{"resultType":"vector","result":[{"metric":{"a":1},"value":[1,"1"]}]}}',
        id="label is a number",
    ),
    pytest.param(b'{"status":"success","data":' + b"[" * 100_000, id="deep nesting"),
    pytest.param(reply("prometheus/string.json"), id="a string"),
]


@pytest.mark.parametrize("body", HOSTILE)
async def test_an_answer_that_is_not_prometheuss_is_invalid(body: bytes) -> None:
    with pytest.raises(SourceReplyInvalid) as caught:
        await answering(body).instant("up")
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("body", [*HOSTILE, pytest.param(reply("prometheus/recorded.json"), id="a vector")])
async def test_an_answer_that_is_no_matrix_is_invalid(body: bytes) -> None:
    with pytest.raises(SourceReplyInvalid):
        await answering(body).range("up", NOON, NOON, timedelta(minutes=1))


async def test_a_flood_is_cut_off() -> None:
    class Flood(httpx.AsyncByteStream):
        async def __aiter__(self):  # type: ignore[no-untyped-def]
            while True:
                yield b" " * 8_000_000

    def handle(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=Flood())

    with pytest.raises(SourceReplyInvalid, match="more than 64 MiB"):
        await prometheus(httpx.MockTransport(handle)).instant("up")


def test_a_password_in_the_address_is_not_shown() -> None:
    source = prometheus(serving({}), Endpoint("http://ana:secret@prom.test"))
    assert "secret" not in source._http.where


async def test_a_missing_ca_file_is_a_usage_error() -> None:
    source = Prometheus(Endpoint("https://prom.test", ca_file="/nowhere/ca.pem"))
    with pytest.raises(UsageError, match=r"Prometheus at https://prom\.test"):
        await source.instant("up")


async def test_closing_twice_or_unused_is_fine() -> None:
    source = answering(reply("prometheus/scalar.json"))
    await source.aclose()
    await source.instant("up")
    await source.aclose()
    await source.aclose()


async def test_a_server_tells_its_metrics_types_and_intervals() -> None:
    source = prometheus(
        serving(
            {
                "/api/v1/label/__name__/values": b'{"status":"success","data":["up","r_total"]}',
                "/api/v1/metadata": b'{"status":"success","data":{"r_total":[{"type":"counter","help":"x"}],'
                b'"x":[{"type":"gauge"},{"type":"counter"}]}}',
                "/api/v1/targets": b'{"status":"success","data":{"activeTargets":['
                b'{"labels":{"job":"a"},"scrapeInterval":"15s"},{"labels":{"job":"a"},"scrapeInterval":"1m"},'
                b'{"labels":{"job":"b"}}],"droppedTargets":[]}}',
            }
        )
    )
    assert await source.metric_names() == {"up", "r_total"}
    assert await source.metric_types() == {"r_total": "counter"}
    assert await source.scrape_intervals() == {"a": timedelta(minutes=1)}


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("15d", timedelta(days=15)),
        ("15d or 10GiB", timedelta(days=15)),
        ("10GiB or 2w", timedelta(days=14)),
        ("512MiB", None),
        ("", None),
    ],
)
async def test_how_long_a_server_keeps_data(written: str, kept: timedelta | None) -> None:
    body = b'{"status":"success","data":{"startTime":"x","storageRetention":"%s"}}' % written.encode()
    assert await answering(body).retention() == kept


@pytest.mark.parametrize(
    "body", [b"{}", b'{"status":"success"}', b'{"status":"success","data":7}', b"<html>"]
)
async def test_facts_that_are_none_are_refused(body: bytes) -> None:
    with pytest.raises(SourceReplyInvalid):
        await answering(body).metric_names()
