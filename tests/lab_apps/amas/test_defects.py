from __future__ import annotations

import json
import os
from random import Random
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from sretool.lab_apps.amas.decision import FIXED, Decision, Difficulty, Hint, Strategy
from sretool.lab_apps.amas.defects import Defect, Defects
from sretool.lab_apps.amas.service import Replica, Settings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "app-2.defects.json"


def put(file: Path, written: Any, at: int) -> None:
    file.write_text(written if isinstance(written, str) else json.dumps(written))
    os.utime(file, (at, at))


def test_nothing_is_wrong_without_a_file(file: Path) -> None:
    for defects in (Defects(), Defects(file)):
        defects.reload()
        assert defects.now == Defect()


def test_a_version_is_as_bad_as_its_file_says_and_only_as_long(file: Path) -> None:
    defects = Defects(file)
    put(file, {"errors": 0.1, "latency_ms": 150}, 1)
    defects.reload()
    assert defects.now == Defect(errors=0.1, latency_ms=150)
    put(file, {"confidence": 0.2}, 2)
    defects.reload()
    assert defects.now == Defect(confidence=0.2)
    file.unlink()
    defects.reload()
    assert defects.now == Defect()


@pytest.mark.parametrize("written", ["", "[]", '{"errors": 2}', '{"error": 0.1}', '{"latency_ms": -1}'])
def test_a_file_that_says_nothing_clear_does_no_harm(file: Path, written: str) -> None:
    defects = Defects(file)
    put(file, {"errors": 1}, 1)
    defects.reload()
    put(file, written, 2)
    defects.reload()
    assert defects.now == Defect()


def test_a_file_that_says_nothing_clear_is_complained_of_once(
    file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    defects = Defects(file)
    put(file, "[]", 1)
    for _ in range(3):
        defects.reload()
    assert len(caplog.messages) == 1
    put(file, '{"errors": 1}', 2)
    defects.reload()
    assert defects.now == Defect(errors=1)


async def test_so_many_requests_fail(file: Path) -> None:
    defects = Defects(file, Random(3))
    put(file, {"errors": 0.25}, 1)
    defects.reload()
    failed = sum([await defects.suffer() for _ in range(2000)])
    assert 430 < failed < 570


def test_confidence_is_taken_from_decisions_that_have_any(file: Path) -> None:
    defects = Defects(file)
    sure = Decision(Difficulty.NORMAL, Hint.NONE, Strategy.FIXED, 0.1, FIXED.features)
    assert defects.doubted(sure) is sure
    put(file, {"confidence": 0.2}, 1)
    defects.reload()
    assert defects.doubted(sure).confidence == 0.0
    assert defects.doubted(FIXED) is FIXED


async def test_failed_requests_are_counted_as_such(file: Path) -> None:
    put(file, {"errors": 1}, 1)
    replica = Replica(Settings("app-2", defects=file))
    replica.defects.reload()
    transport = httpx.ASGITransport(replica.api.application(replica.lifespan))
    async with httpx.AsyncClient(transport=transport, base_url="http://app-2") as client:
        reply = await client.get("/api/learning/words", headers={"x-user-id": "7"})
        assert (reply.status_code, (await client.get("/health")).status_code) == (500, 200)
    assert 'http_request_5xx_total{method="GET",route="/api/learning/words",tier="1"} 1.0' in (
        replica.metrics.render().decode()
    )
