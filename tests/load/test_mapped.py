"""Requests by the names of a profile, and sessions made of them."""

from __future__ import annotations

import json
import random
import time
from email.utils import formatdate
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import gevent
import pytest
from gevent.pool import Group
from locust import task
from locust.exception import StopTest

from sretool.core.plans.load import mapping
from sretool.errors import UsageError
from sretool.load import sessions
from sretool.load.checks import check
from sretool.load.feeders import Feeder
from sretool.load.generators import GeneratorUser
from sretool.load.mapped import MappedUser, retry_after
from sretool.load.sessions import Learner, Learners
from tests.load.counts import planned

if TYPE_CHECKING:
    from collections.abc import Callable, Container
    from pathlib import Path

    from locust.env import Environment

    Make = Callable[..., Any]
    Counted = Callable[[str, str], tuple[int, int, int]]


def requests(text: str) -> Any:
    return mapping.read("map.yaml", text)


def raw(status: str, body: str = "", *headers: str) -> str:
    """A path that is answered with this."""
    lines = [f"HTTP/1.1 {status}", *headers, f"Content-Length: {len(body)}"]
    return "/raw?bytes=" + quote("\r\n".join(lines) + "\r\n\r\n" + body, safe="")


ECHO = """\
headers: {X-User-Id: "${user}", Authorization: "Bearer ${env.MAPPED_TOKEN}"}
requests:
  plain: {request: "/echo?q=${q}", save: {seen: target}}
  json: {request: POST /echo, json: {user: "${user}", q: "${q}"}, save: {body: body}}
  form: {request: PUT /echo, form: {q: "${q}"}, save: {body: body}}
  text: {request: POST /echo, text: "q=${q}", headers: {X-User-Id: me}, save: {headers: headers}}
"""


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAPPED_TOKEN", "s3cret")


@pytest.mark.usefixtures("token")
def test_places_are_filled(user: Make, counted: Counted) -> None:
    one = user(base=MappedUser, requests=requests(ECHO))
    values: dict[str, Any] = {"user": 7, "q": "a/b c&d"}
    assert all([one.ask(name, values) for name in ("plain", "json")])
    assert values["seen"] == "/echo?q=a%2Fb%20c%26d"
    assert json.loads(values["body"]) == {"user": 7, "q": "a/b c&d"}
    assert one.ask("form", values)
    assert values["body"] == "q=a%2Fb+c%26d"
    assert one.ask("text", values)
    headers = {name: value for name, value in values["headers"]}
    assert (headers["X-User-Id"], headers["Authorization"]) == ("me", "Bearer s3cret")
    assert [counted(*each)[:2] for each in (("GET", "plain"), ("POST", "json"), ("PUT", "form"))] == [
        (1, 0)
    ] * 3


def test_a_secret_that_is_not_set_is_told_where_it_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MAPPED_TOKEN", raising=False)
    with pytest.raises(UsageError, match=r"map\.yaml:3: plain: the secret MAPPED_TOKEN is not set"):
        type("One", (MappedUser,), {"requests": requests(ECHO)})


def test_a_request_that_is_needed() -> None:
    with pytest.raises(UsageError, match="the mapping has no request 'buy', which the profile needs"):
        type("One", (MappedUser,), {"requests": requests("requests: {by: /}"), "needs": ("buy",)})


def test_a_value_that_is_missing(user: Make) -> None:
    one = user(base=MappedUser, requests=requests("requests:\n  words: /echo?of=${session}"))
    with pytest.raises(UsageError, match=r"map.yaml:2: \$\{session\} has no value here"):
        one.ask("words", {})


def test_a_value_that_nobody_gives_is_told_before_the_start(tmp_path: Path) -> None:
    text = "requests:\n  start: {request: '/login?as=${name}', save: {cart: id}}\n  words: /of/${cart.id}\n"
    with pytest.raises(UsageError, match=r"map\.yaml:2: start: \$\{name\} has no value") as raised:
        type("One", (Learner,), {"requests": requests(text)})
    assert "a data file that has a column of this name" in str(raised.value.remedy)
    file = tmp_path / "accounts.csv"
    file.write_text("name\nann\n")
    type("One", (Learner,), {"requests": requests(text), "accounts": Feeder(str(file))})
    type("One", (Learner,), {"requests": requests(text.replace("${name}", "${user}"))})
    # What is not asked for needs nothing.
    type("One", (MappedUser,), {"requests": requests(text)})


@pytest.mark.parametrize(
    ("path", "options", "error"),
    [
        (raw("200 OK", '{"a": {"b": [1, "x"]}}'), "{json: {a.b.1: x}}", None),
        (raw("200 OK", '{"a": 1}'), "{json: {a: 2}}", "a is 1 instead of 2"),
        (raw("200 OK", '{"a": 1}'), "{json: {a: true}}", "a is 1 instead of true"),
        (raw("200 OK", '{"a": 1}'), "{json: {b: 2}}", "the answer has no b"),
        (raw("200 OK", "{"), "{json: {b: 2}}", "the answer is no JSON"),
        (raw("200 OK", "it says no"), "{contains: it says yes}", "'it says yes' is not in the answer"),
        (raw("200 OK", "it says yes"), "{contains: it says yes}", None),
        (raw("404 No", "gone"), "{status: [404, 410]}", None),
        (raw("404 No", "gone"), "{status: 404, contains: here}", "'here' is not in the answer"),
        (raw("200 OK"), "{status: [201, 202]}", "status 200 instead of 201 or 202"),
        (raw("503 No"), "{contains: x}", "503"),
        ("/nothing", "{status: 200}", "without an answer"),
    ],
)
def test_checks_of_answers(user: Make, heard: list[Any], path: str, options: str, error: str | None) -> None:
    document = json.dumps(path).replace("$", "$$")
    one = user(
        base=MappedUser, requests=requests(f"requests: {{a: {{request: {document}, expect: {options}}}}}")
    )
    assert one.ask("a", {}) is (error is None)
    (told,) = heard
    if error is None:
        assert told["exception"] is None
    else:
        assert error in str(told["exception"])


def test_checks_in_a_locustfile(user: Make, heard: list[Any]) -> None:
    client = user().client
    found = []
    for wanted in (
        {"json": {"method": "GET"}},
        {"status": 201},
        {"status": (200, 201), "contains": "nothing"},
    ):
        with client.get("/echo", catch_response=True) as answer:
            found.append(check(answer, **wanted))
    assert found == [True, False, False]
    told = [str(each["exception"]) for each in heard]
    assert told == ["None", "status 200 instead of 201", "'nothing' is not in the answer"]


def test_what_cannot_be_saved_has_failed(user: Make, heard: list[Any]) -> None:
    one = user(base=MappedUser, requests=requests("requests: {a: {request: /echo, save: {x: body.y}}}"))
    values: dict[str, Any] = {}
    assert not one.ask("a", values)
    assert values == {}
    assert str(heard[0]["exception"]) == "the answer has no body.y"


def test_redirects_and_failures_without_checks(user: Make) -> None:
    one = user(
        base=MappedUser, requests=requests("requests: {a: /redirect, b: POST /status?code=500, c: /x}")
    )
    assert [one.ask(name, {}) for name in "abc"] == [True, False, True]


# --- limits -----------------------------------------------------------------------------------------------


def test_a_limit_is_counted_by_itself_and_heeded(user: Make, counted: Counted) -> None:
    limited = json.dumps(raw("429 Slow Down", "", "Retry-After: 7"))
    text = f"requests: {{a: {{request: {limited}}}, b: /hello}}"
    one = user(base=MappedUser, requests=requests(text), heeds_limits=True)
    assert not one.ask("a", {})
    assert one.hold_off == 7
    assert counted("GET", "a (429)")[:2] == (1, 0)
    assert counted("GET", "a")[0] == 0
    assert one.ask("b", {})
    assert one.hold_off == 0


def test_a_limit_without_a_time_is_a_failure(user: Make, counted: Counted, heard: list[Any]) -> None:
    limited = json.dumps(raw("429 Slow Down"))
    one = user(
        base=MappedUser, requests=requests(f"requests: {{a: {{request: {limited}}}}}"), heeds_limits=True
    )
    assert not one.ask("a", {})
    assert str(heard[0]["exception"]) == "429 without a Retry-After that can be read"
    assert counted("GET", "a (429)")[:2] == (1, 1)


def test_who_does_not_heed_limits_has_failed(user: Make, counted: Counted) -> None:
    limited = json.dumps(raw("429 Slow Down", "", "Retry-After: 7"))
    one = user(base=MappedUser, requests=requests(f"requests: {{a: {{request: {limited}}}}}"))
    assert not one.ask("a", {})
    assert counted("GET", "a")[:2] == (1, 1)
    assert one.hold_off == 0


def test_retry_after() -> None:
    now = time.time()
    assert retry_after("120", now) == 120
    assert retry_after(formatdate(int(now) + 30, usegmt=True), now) == pytest.approx(30, abs=1)
    assert retry_after(formatdate(now - 30, usegmt=True), now) == 0
    assert [retry_after(raw, now) for raw in (None, "", "soon", "-1", "1.5", "²")] == [None] * 6


def run(one: Any, seconds: float) -> None:
    group = Group()
    greenlet = one.start(group)
    gevent.sleep(seconds)
    one.stop()
    group.join(5)
    assert greenlet.exception is None


def test_generators_yield_mapped_requests(user: Make, counted: Counted) -> None:
    class Yielding(GeneratorUser, MappedUser):
        abstract = True

        @task
        def both(self) -> Any:
            for name in "ab":
                yield self.prepared[name].command(self, {"x": 1})

    text = 'requests: {a: /hello, b: {request: POST /echo, json: ["${x}"]}}'
    run(user(base=Yielding, requests=requests(text)), 0.3)
    assert counted("GET", "a")[0] == pytest.approx(counted("POST", "b")[0], abs=1)
    assert counted("POST", "b")[0] > 5


# --- sessions ---------------------------------------------------------------------------------------------

ALL = ("start", "words", "decide", "answer", "end", "summary", "overview")


def names(has: Container[str], requests: int, seed: int = 1, fails: Container[str] = ()) -> list[str]:
    values: dict[str, Any] = {"items": [{"word_id": 1}, {"word_id": 2}]}
    made = []
    flow = sessions.session(values, random.Random(seed), has, requests)
    try:
        name = next(flow)
        while True:
            made.append(name)
            name = flow.send(name not in fails)
    except StopIteration:
        return made


def test_a_session() -> None:
    made = names(ALL, 40)
    assert (made[0], made[1], made[-1]) == ("start", "words", "end")
    assert len(made) in (40, 41)
    assert made.count("answer") == made.count("decide")
    assert made.count("words") == pytest.approx(made.count("answer") / 2, abs=1)


def test_what_the_target_lacks_is_left_out() -> None:
    assert set(names(("words",), 20)) == {"words"}
    assert set(names(("start", "words", "answer"), 20)) == {"start", "words", "answer"}
    assert names(ALL, 30, fails=("start",)) == ["start"]
    assert "answer" not in names(ALL, 30, fails=("decide",))
    assert set(names(ALL, 30, fails=("words",))) <= {"start", "words", "summary", "overview", "end"}


WORDS = """\
headers: {X-User-Id: "${user}"}
requests:
  start: {request: POST /echo, save: {token: method}}
  words: {request: "/echo?with=${token}", save: {items: headers}}
  answer: {request: POST /echo, json: {right: "${correct}", ms: "${response_ms}", word: "${item.0}"}}
  end: POST /echo
"""


def test_arrivals_are_requests_of_sessions(user: Make, counted: Counted, environment: Environment) -> None:
    one = user(base=Learners, requests=requests(WORDS), rate=200.0, arrivals="uniform", rests=0.4)
    run(one, 1.5)
    starts, words = counted("POST", "start")[0], counted("GET", "words")[0]
    answers, ends = counted("POST", "answer")[0], counted("POST", "end")[0]
    assert environment.stats.total.num_failures == 0
    assert starts + words + answers + ends in planned(300)
    # As many sessions as it takes for each to rest 0.4 s, and to wait for its answer, at 200/s.
    assert 40 <= starts <= 150
    assert 0 < words <= starts + 5
    assert answers > 10


def test_a_learner_makes_one_session_after_the_other(user: Make, counted: Counted, heard: list[Any]) -> None:
    one = user(base=Learner, requests=requests(WORDS), first_user=50, user_count=1000)
    for _ in range(150):
        one.next_request()
    assert counted("POST", "start")[0] - counted("POST", "end")[0] in (0, 1)
    assert counted("POST", "end")[0] >= 3
    assert {each["exception"] for each in heard} == {None}


def test_accounts_give_values_and_end_the_test(user: Make, tmp_path: Path) -> None:
    file = tmp_path / "accounts.csv"
    file.write_text("user,password\n17,p\n")
    one = user(base=Learner, requests=requests(WORDS), accounts=Feeder(str(file), "once"))
    assert one.visit().values["user"] == "17"
    with pytest.raises(StopTest):
        one.visit()


def test_numbers_of_users_go_round(user: Make) -> None:
    one = user(base=MappedUser, first_user=100, user_count=3)
    found = [one.new_user() for _ in range(6)]
    assert sorted(found) == [100, 100, 101, 101, 102, 102]
    assert found[:3] == found[3:]
