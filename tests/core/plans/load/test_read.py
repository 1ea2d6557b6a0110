"""Profiles from YAML, and what is wrong with those that are none."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.core.plans.load import plan
from sretool.core.plans.load import target as targets
from sretool.core.plans.load.plan import LoadPlan
from sretool.core.plans.load.profile import (
    Abort,
    Closed,
    LoadProfile,
    Open,
    OwnShape,
    Parameter,
    parse_rate,
)
from sretool.core.plans.load.read import read, with_mapping
from sretool.core.plans.load.requests import Request
from sretool.core.plans.load.shape import Shape, Stage
from sretool.errors import CatalogError, UsageError

MIXED = """\
name: mixed
title: What learners do
locustfile: mixed.py
open:
  arrivals: uniform
  max_users: 50
  stages:
    - {rate: [0, 200], for: 10s}
    - {rate: 6000/min, for: 50s, name: hold}
scenarios: {Learner: 8, Visitor: 2}
warm_up: 12s
think_time: [10s, 30s]
parameters:
  words: {type: int, default: 20, about: Words of one session.}
  pause: {type: duration, default: 1m}
data: {accounts: accounts.csv}
mapping: {requests: {answer: POST /answer, words: {request: /words, save: {items: words}}}}
needs: [answer]
objectives:
  - p95 < 200ms
  - POST /answer: p99 < 300ms
  - slo: amas/learning-latency
abort: {after: 10s, delay: 5s}
"""

SMALL = "name: a\ntitle: A\nlocustfile: a.py\n"


def problems(text: str) -> list[str]:
    with pytest.raises(CatalogError) as caught:
        read("p.yaml", text)
    return [str(problem) for problem in caught.value.problems]


def test_a_profile_is_read() -> None:
    profile = read("p.yaml", MIXED)
    assert profile.model == Open(Shape((Stage(0, 200, 10), Stage(100, 100, 50, "hold"))), "uniform", 50)
    assert profile.scenarios == {"Learner": 8.0, "Visitor": 2.0}
    assert [str(each) for each in profile.objectives] == [
        "p95 < 200ms",
        "POST /answer: p99 < 300ms",
        "slo: amas/learning-latency",
    ]
    assert profile.parameters == {
        "words": Parameter("int", 20, "Words of one session."),
        "pause": Parameter("duration", 60.0),
    }
    assert profile.requests == {
        "answer": Request("POST", "/answer", "p.yaml:17"),
        "words": Request("GET", "/words", "p.yaml:17", save={"items": "words"}),
    }
    assert profile.think_time == (10.0, 30.0)
    assert profile.abort == Abort(after=10.0, delay=5.0)
    assert profile.seconds == 60
    assert profile.phases == (("warm-up", 12.0), ("hold", 48.0))
    assert (profile.lines["data.accounts"], profile.lines["parameters"]) == (16, 13)


def test_users_or_a_shape_of_the_locustfile() -> None:
    text = SMALL + "closed: {spawn_rate: 5/s, stages: [{users: 3, for: 5s}], repeat: 2}\n"
    assert read("p", text).model == Closed(Shape((Stage(3, 3, 5), Stage(3, 3, 5))), 5.0)
    assert read("p", SMALL).model == OwnShape()


def test_data_may_be_without_a_file() -> None:
    profile = read("p", SMALL + 'data: {accounts: "", words: words.csv}\n')
    assert profile.data == {"accounts": "", "words": "words.csv"}
    resolved = plan.resolve(profile, targets.parse("http://127.0.0.1:1"), folder="/p", given={})
    assert resolved.data == {"accounts": "", "words": "/p/words.csv"}


def test_a_peak() -> None:
    text = SMALL + "open: {peak: {rate: 20, ratio: 5, rise: 1m, hold: 30s, fall: 1m}}\n"
    model = read("p", text).model
    assert isinstance(model, Open)
    assert (model.rate.highest, model.rate.seconds) == (100, 150)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("title: What learners do\n", "", "p.yaml:1: `title` is missing"),
        ("stages:", "stagess:", "p.yaml:7: unknown key 'stagess'; did you mean 'stages'?"),
        ("for: 10s", "for: ten", "p.yaml:8: for: 'ten' is not a duration"),
        ("[0, 200]", "[0, 200, 0]", "p.yaml:8: rate: one value that stays, or two"),
        ("6000/min", "fast", "p.yaml:9: rate: 'fast' is not a rate"),
        ("6000/min", "-3", "p.yaml:9: rate: '-3' is not a rate"),
        ("Visitor: 2", "Visitor: 0", "p.yaml:10: scenarios.Visitor: '0' is not above 0"),
        ("warm_up: 12s", "warm_up: 1m", "p.yaml:11: warm_up: nothing is left to judge"),
        ("[10s, 30s]", "[30s, 10s]", "p.yaml:12: think_time: one time, or the least and the most"),
        ("default: 20", "default: many", "p.yaml:14: default: 'many' is not a whole number"),
        ("type: int", "type: in", "p.yaml:14: type: 'in' is not possible; did you mean 'int'?"),
        ("POST /answer,", "POST answer,", "p.yaml:17: answer: 'POST answer' is no request"),
        ("needs: [answer]", "needs: [anser]", "p.yaml:18: has no request 'anser', which the profile needs"),
        ("p95 < 200ms", "p95 > 200ms", "p.yaml:20: objectives: '>' cannot follow p95"),
        ("- slo: amas/learning-latency", "- [1, 2]", "p.yaml:22: objectives: an objective is one line"),
        ("POST /answer: p99 < 300ms", "p95 < 200ms", "p.yaml:21: objectives: 'p95 < 200ms' is given twice"),
        ("name: mixed", "name: Mixed Up", "p.yaml:1: name: 'Mixed Up' is not an id"),
        ("  arrivals: uniform", "  repeat: 99999999999", "p.yaml:5: repeat: makes more than 10000 stages"),
        ("accounts: accounts.csv", "a b: accounts.csv", "p.yaml:16: data: 'a b' is not a name"),
        ("name: mixed", "- mixed", "p.yaml:2: not YAML"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(old: str, new: str, problem: str) -> None:
    assert old in MIXED
    assert any(each.startswith(problem) for each in problems(MIXED.replace(old, new, 1)))


def test_two_models_are_one_too_many() -> None:
    assert problems(MIXED + "closed: {stages: [{users: 3, for: 5s}]}\n") == [
        "p.yaml:24: a profile has either `open` (a rate) or `closed` (a number of users)"
    ]
    assert problems(SMALL + "open: {}\n") == ["p.yaml:4: give either `stages` or `peak`"]
    text = SMALL + "open: {peak: {users: 20, ratio: 5, rise: 1m, fall: 1m}}\n"
    assert problems(text) == ["p.yaml:4: peak: its base is a number of `rate`, and nothing else"]


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "- 1\n", "a\n", "\x00", "objectives: p95 < 1s\n", "? [a]\n: b\n"]
)
def test_what_is_no_profile_at_all(text: str) -> None:
    assert problems(text)


@given(st.text(alphabet="nameopstgfru: {}[]-\n'\"0123&*", max_size=200))
def test_no_text_breaks_the_reader(text: str) -> None:
    with suppress(CatalogError):
        read("p.yaml", text)


def test_another_height_or_length() -> None:
    profile = read("p.yaml", MIXED)
    other = profile.adjusted(rate=50, seconds=6)
    assert other.model == Open(Shape((Stage(0, 50, 1), Stage(25, 25, 5, "hold"))), "uniform", 50)
    assert other.warm_up == pytest.approx(1.2)
    closed = read("p", SMALL + "closed: {stages: [{users: [1, 10], for: 5s}]}\n")
    assert closed.adjusted(users=100).model == Closed(Shape((Stage(10, 100, 5),)))


def test_the_height_all_the_time() -> None:
    profile = read("p.yaml", MIXED)
    highest = profile.adjusted(rate=50).shape.highest  # type: ignore[union-attr]
    assert profile.adjusted(rate=50, seconds=600, flat=True).shape == Shape((Stage(highest, highest, 600),))
    # What a target needs to get warm does not become longer with it.
    assert profile.adjusted(seconds=600, flat=True).warm_up == profile.warm_up
    assert profile.adjusted(seconds=1, flat=True).warm_up <= 0.5
    with pytest.raises(UsageError) as told:
        read("p.yaml", SMALL).adjusted(flat=True)
    assert "--flat" in (told.value.remedy or "")


def test_a_height_the_model_does_not_have() -> None:
    profile, own = read("p.yaml", MIXED), read("p.yaml", SMALL)
    closed = read("p", SMALL + "closed: {stages: [{users: [1, 10], for: 5s}]}\n")
    heights: list[tuple[LoadProfile, dict[str, Any]]] = [
        (profile, {"users": 5}),
        (closed, {"rate": 5}),
        (own, {"rate": 5}),
        (own, {"users": 5}),
    ]
    for wrong, options in heights:
        with pytest.raises(UsageError):
            wrong.adjusted(**options)
    assert own.adjusted() is own


@pytest.mark.parametrize(
    ("kind", "raw", "value"),
    [
        ("int", "7", 7),
        ("float", "0.5", 0.5),
        ("bool", "Yes", True),
        ("bool", "off", False),
        ("duration", "1m30s", 90.0),
        ("rate", "120/min", 2.0),
        ("str", "7", "7"),
    ],
)
def test_parameters_have_types(kind: str, raw: str, value: object) -> None:
    assert Parameter(kind, "").read(raw) == value  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "raw"),
    [("int", "7.5"), ("float", "nan"), ("float", "x"), ("bool", "2"), ("duration", "5"), ("rate", "5/y")],
)
def test_what_is_not_of_the_type_is_refused(kind: str, raw: str) -> None:
    with pytest.raises(UsageError):
        Parameter(kind, "").read(raw)  # type: ignore[arg-type]


def test_a_default_is_shown_as_it_is_written() -> None:
    for kind, raw in (("duration", "1m30s"), ("rate", "5/s"), ("bool", "true"), ("int", "3"), ("str", "x")):
        parameter = Parameter(kind, "")  # type: ignore[arg-type]
        assert Parameter(parameter.type, parameter.read(raw)).shown() == raw


@pytest.mark.parametrize("raw", ["inf", "nan", "1/", "/s", "1/fortnight", ""])
def test_what_is_no_rate(raw: str) -> None:
    with pytest.raises(UsageError):
        parse_rate(raw)


def test_another_target_knows_the_requests_otherwise() -> None:
    profile = read("p.yaml", MIXED.replace("mapping: {requests", "mapping: m.yaml # {requests"))
    assert (profile.mapping, profile.requests) == ("m.yaml", {})
    text = "requests: {answer: PUT /v2/answers, more: /more}"
    other = with_mapping(profile, "m.yaml", text)
    assert other.requests["answer"] == Request("PUT", "/v2/answers", "m.yaml:1")
    with pytest.raises(CatalogError) as caught:
        with_mapping(profile, "m.yaml", "requests:\n  answers: /v2\n")
    assert [str(each) for each in caught.value.problems] == [
        "m.yaml:1: has no request 'answer', which the profile needs; did you mean 'answers'? (mixed)",
    ]


@pytest.mark.parametrize("text", [MIXED, SMALL, SMALL + "closed: {stages: [{users: 3, for: 5s}]}\n"])
def test_a_plan_is_the_same_after_its_way_through_a_pipe(text: str) -> None:
    profile: LoadProfile = read("p.yaml", text)
    made = LoadPlan(
        profile=profile.name,
        locustfile="/p/mixed.py",
        target="http://127.0.0.1:1",
        model=profile.model,
        scenarios=profile.scenarios,
        parameters={"words": 20, "pause": 1.5, "way": "x", "again": True},
        requests={"answer": Request("POST", "/a", "m:1", kind="json", body={"a": ["${b}"]})},
        think_time=profile.think_time,
        seed=3,
    )
    line = plan.encode(made)
    assert b"\n" not in line
    assert plan.decode(line) == made
    assert made.seconds == profile.seconds
