from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sretool.adapters.prometheus.source import Prometheus
from sretool.errors import SourceReplyInvalid
from sretool.ports import Endpoint
from tests.support.sources import serving

END = datetime(2026, 11, 21, tzinfo=UTC)


async def test_names_of_labels_are_those_of_one_metric_in_a_time() -> None:
    asked: list[dict[str, str]] = []
    answer = b'{"status":"success","data":["__name__","code","job"]}'
    source = Prometheus(Endpoint("http://p:9090"), transport=serving({"/labels": answer}, asked=asked))
    found = await source.label_names("http_requests_total", END - timedelta(days=1), END)
    await source.aclose()
    assert found == {"__name__", "code", "job"}
    assert asked[0]["match[]"] == "http_requests_total"
    assert (asked[0]["start"], asked[0]["end"]) == ("1795132800.000", "1795219200.000")


async def test_an_answer_that_is_no_list_of_names() -> None:
    answer = b'{"status":"success","data":{"job":1}}'
    source = Prometheus(Endpoint("http://p:9090"), transport=serving({"/labels": answer}))
    with pytest.raises(SourceReplyInvalid):
        await source.label_names("a", END, END)
    await source.aclose()
