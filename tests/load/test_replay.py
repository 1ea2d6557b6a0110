"""An access log made again."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Any

import gevent
import pytest
from gevent.pool import Group

from sretool.core.analysis.access_log import Format
from sretool.core.plans.load import mapping
from sretool.errors import CatalogError, UsageError
from sretool.load import replay, shares
from sretool.load.replay import Log, ReplayShape, ReplayUser
from sretool.load.shares import Share

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Make = Callable[..., Any]


def line(at: float, path: str = "/hello", **more: Any) -> str:
    return json.dumps({"time": 1_700_000_000 + at, "method": "GET", "path": path, **more})


@pytest.fixture
def log(tmp_path: Path) -> Callable[..., str]:
    def write(*lines: str) -> str:
        file = tmp_path / "access.log"
        file.write_text("\n".join(lines) + "\n")
        return str(file)

    return write


def run(one: Any, seconds: float) -> None:
    group = Group()
    greenlet = one.start(group)
    gevent.sleep(seconds)
    one.stop()
    group.join(5)
    assert greenlet.exception is None


def test_requests_come_at_their_times(user: Make, log: Any, heard: list[Any]) -> None:
    gaps = [0.01, 0.25, 0.2501, 0.6, 0.601, 0.9]
    # The second was written before the first: it ended earlier.
    lines = [line(each, f"/hello?n={number}") for number, each in enumerate(gaps)]
    one = user(base=ReplayUser, log=log(lines[1], lines[0], *lines[2:]))
    run(one, 1.4)
    assert [each["url"].rpartition("?")[2] for each in heard] == [f"n={number}" for number in range(6)]
    begun = [each["start_time"] for each in heard]
    assert [each - begun[0] for each in begun] == pytest.approx([each - 0.01 for each in gaps], abs=0.15)
    assert {each["name"] for each in heard} == {"/hello"}


def test_k_times_as_fast(user: Make, log: Any, heard: list[Any]) -> None:
    # A step of the arrivals may hold many, or none for long.
    one = user(base=ReplayUser, log=log(*[line(each) for each in (0, 0, 0, 10, 40, 60)]), speed=100.0)
    run(one, 1.0)
    begun = [each["start_time"] for each in heard]
    assert [each - begun[0] for each in begun] == pytest.approx([0, 0, 0, 0.1, 0.4, 0.6], abs=0.15)


def test_a_slow_target_is_told_as_it_is(user: Make, log: Any, heard: list[Any]) -> None:
    """Latencies count from when a request was due, not from when somebody was free to make it."""
    lines = [line(number / 100, "/slow?seconds=0.2") for number in range(6)]
    run(user(base=ReplayUser, log=log(*lines), max_users=1, min_users=1), 1.6)
    times = [each["response_time"] for each in heard]
    assert times == pytest.approx([200 + 190 * number for number in range(6)], rel=0.25, abs=150)


def test_bodies_headers_and_other_methods(user: Make, log: Any, heard: list[Any]) -> None:
    lines = [
        line(0, "/echo/1", headers={"X-A": "1", "Cookie": "theirs"}),
        line(0.1, "/echo", method="POST", body={"a": 1}),
        line(0.2, "/echo", method="DELETE"),
    ]
    headers = mapping.read("m", 'headers: {X-User-Id: "${user}"}\nrequests: {again: /}')
    one = user(
        base=ReplayUser, log=log(*lines), methods=frozenset({"GET", "POST"}), requests=headers,
        first_user=5, user_count=1,
    )  # fmt: skip
    run(one, 0.8)
    assert [each["request_type"] for each in heard] == ["GET", "POST"]
    told = json.loads(heard[1]["response"].text)
    assert (told["method"], told["body"]) == ("POST", '{"a": 1}')
    assert ["X-User-Id", "5"] in told["headers"]
    assert heard[0]["name"] == "/echo/:id"
    assert ("X-A", "1") in heard[0]["response"].request.headers.items()


def test_what_was_left_out_is_told(user: Make, log: Any, caplog: pytest.LogCaptureFixture) -> None:
    file = log(line(0), "no request", line(0.1, method="POST"), "{")
    with caplog.at_level(logging.WARNING):
        run(user(base=ReplayUser, log=file), 0.5)
    told = [each.message.removeprefix(f"{file}: ") for each in caplog.records if each.name == replay.__name__]
    assert told == [
        "2 of 4 lines are no requests: lines 2, 4 (not JSON)",
        "1 request is none of GET, HEAD, OPTIONS and was left out",
    ]


def test_workers_share_a_log(user: Make, log: Any, heard: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    file = log(*[line(number / 20, f"/hello?n={number}") for number in range(10)])
    monkeypatch.setattr(shares, "of", lambda _: Share(1, 3))
    run(user(base=ReplayUser, log=file), 1.0)
    assert [each["url"][-1] for each in heard] == ["1", "4", "7"]
    begun = [each["start_time"] for each in heard]
    assert begun[1] - begun[0] == pytest.approx(0.15, abs=0.05)


# --- logs -------------------------------------------------------------------------------------------------


def test_a_log_tells_format_and_span(log: Any) -> None:
    found = Log(log(line(0), line(7.5), line(3)))
    assert found.format is Format.JSON
    assert found.span() == pytest.approx(7.5)
    assert [seconds for seconds, _ in found.due(2.0)] == [0, 1.5, 3.75]


def test_a_log_that_is_longer_than_what_is_looked_at(log: Any) -> None:
    lines = [line(number / 10, "/" + "x" * 200) for number in range(4000)]
    found = Log(log(*lines))
    assert found.span() == pytest.approx(399.9)
    assert sum(1 for _ in found.due()) == 4000


def test_logs_that_are_none(tmp_path: Path, log: Any) -> None:
    with pytest.raises(UsageError, match="No such file"):
        Log(str(tmp_path / "none"))
    with pytest.raises(CatalogError) as raised:
        Log(log("hello", "world"))
    assert "is no access log" in str(raised.value.problems[0])
    with pytest.raises(UsageError, match="'nginx' is no format of access logs"):
        Log(log(line(0)), "nginx")
    with pytest.raises(UsageError, match="the speed 0 is not above 0"):
        type("Users", (ReplayUser,), {"log": log(line(0)), "speed": 0.0})
    with pytest.raises(UsageError, match="No such file"):
        type("Users", (ReplayUser,), {"log": str(tmp_path / "none")})


def test_the_shape_ends_with_the_log(log: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    class Users(ReplayUser):
        speed = 10.0

    Users.log = log(line(0), line(50))

    class Shape(ReplayShape):
        users = Users

    class Short(Shape):
        limit = 2.0

    for kind, last in ((Shape, 6.0), (Short, 2.0)):
        shape = kind()
        seconds = 0.0
        monkeypatch.setattr(shape, "get_run_time", lambda: seconds)  # noqa: B023
        assert shape.tick() == (1, 1)
        seconds = last
        assert shape.tick() == (1, 1)
        seconds = last + 0.01
        assert shape.tick() is None
