"""A profile made into what one program needs."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from sretool.core.plans.load.plan import LoadPlan, decode, encode, resolve
from sretool.core.plans.load.profile import LoadProfile
from sretool.core.plans.load.read import read
from sretool.core.plans.load.target import parse
from sretool.errors import UsageError

TEXT = """\
name: p
title: P
locustfile: sub/p.py
open: {stages: [{rate: 5, for: 10s}]}
parameters:
  words: {type: int, default: 20}
  pause: {type: duration, default: 1m}
data: {accounts: accounts.csv, far: /etc/far.csv}
"""
TARGET = parse("http://127.0.0.1:8080/")


def made(given: dict[str, str] | None = None, **more: Any) -> LoadPlan:
    return resolve(read("p.yaml", TEXT), TARGET, folder="/profiles", given=given or {}, **more)


def test_paths_are_absolute_and_parameters_typed() -> None:
    plan = made({"pause": "5s"}, hosts=("auth.example",))
    assert plan.locustfile == "/profiles/sub/p.py"
    assert plan.data == {"accounts": "/profiles/accounts.csv", "far": "/etc/far.csv"}
    assert plan.parameters == {"words": 20, "pause": 5.0}
    assert plan.target == "http://127.0.0.1:8080"
    assert plan.allowed_hosts == ("127.0.0.1", "auth.example")
    assert decode(encode(plan)) == plan


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"word": "1"}, "no parameter 'word'; did you mean 'words'"),
        ({"words": "many"}, "parameter words: 'many' is not a whole number"),
        ({"pause": "5"}, "parameter pause: '5' is not a duration"),
    ],
)
def test_parameters_that_cannot_be(given: dict[str, str], problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        made(given)


def test_a_locustfile_of_its_own_takes_any_parameter() -> None:
    profile = LoadProfile("x", "x", "x.py", read("p.yaml", TEXT).model, file="x.py")
    plan = resolve(profile, TARGET, folder="/f", given={"any-thing": "7"})
    assert plan.parameters == {"any-thing": "7"}


def test_machines_agree_on_what_is_common_and_nothing_else() -> None:
    plan = made()
    alike = msgspec.structs.replace(plan, locustfile="/elsewhere/p.py", data={}, workers=3, join="a:1")
    assert alike.digest == plan.digest
    assert made({"words": "21"}).digest != plan.digest
    assert made(seed=3).digest != plan.digest
