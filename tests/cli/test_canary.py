from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from sretool.cli import diagnostics
from sretool.cli.main import group
from tests.cli.test_slo import CATALOG, RECORDED, prometheus, with_value

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NOBODY = "http://127.0.0.1:9"
"""The discard port: nothing listens there."""

POLICY = """\
canary:
  criteria:
    - id: errors
      title: 5xx answers
      bad: errors_total
      total: requests_total
      limit: {above_baseline: 0.5%}
      rollback: {above_baseline: 1%, for: 5m}
    - id: latency
      title: p95 latency
      histogram: duration_seconds
      quantile: 95%
      limit: {above_baseline: 100ms}
  stages: [{weight: 5%, lasts: 30m}, {weight: 100%, lasts: 24h}]
  checklist:
    - {id: tests, title: Tests pass}
    - {id: budget, title: Budget left, budget_above: 50%}
"""
SIDES = ("--canary", 'version="v2"', "--baseline", 'version="v1"')


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "canary.yaml"
    path.write_text(POLICY)
    return path


def run(url: str, *arguments: object) -> int:
    return diagnostics.run(group, ["--prometheus", url, "canary", "judge", *map(str, arguments)])


def vector(values: Mapping[str, float]) -> bytes:
    """By `le`; a plain counter under the empty one."""
    rows = [
        {"metric": {"le": le} if le else {}, "value": [time.time(), str(value)]}
        for le, value in values.items()
    ]
    return json.dumps({"status": "success", "data": {"resultType": "vector", "result": rows}}).encode()


def answers(bad: float = 4, of: float = 4000, fast: float = 3950) -> dict[str, bytes]:
    """What the canary did in half an hour; the baseline is a good one. Slices stay without an answer."""
    return {
        'errors_total{version="v2"}[30m]': vector({"": bad}),
        'requests_total{version="v2"}[30m]': vector({"": of}),
        'duration_seconds_bucket{version="v2"}[30m]': vector({"0.1": fast, "0.5": of, "+Inf": of}),
        'errors_total{version="v1"}[30m]': vector({"": 76}),
        'requests_total{version="v1"}[30m]': vector({"": 76_000}),
        'duration_seconds_bucket{version="v1"}[30m]': vector({"0.1": 75_000, "0.5": 76_000, "+Inf": 76_000}),
        "last_over_time": vector({"": 2}),
    }


def sliced(whole: Mapping[str, bytes]) -> dict[str, bytes]:
    """The same, and every minute a thirtieth of it."""
    found = dict(whole)
    for key, body in whole.items():
        if not key.endswith("[30m]"):
            continue
        document = json.loads(body)
        now = int(time.time())
        for row in document["data"]["result"]:
            value = str(float(row.pop("value")[1]) / 30)
            # The command looks at whole seconds, and it is not known which second it will be.
            row["values"] = [[at, value] for at in range(now - 1800, now + 60)]
        document["data"]["resultType"] = "matrix"
        found[key.replace("[30m]", "[1m]")] = json.dumps(document).encode()
    return found


def test_a_good_canary_is_promoted(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with prometheus(sliced(answers())) as (url, asked):
        assert run(url, file, "--stage", 1, *SIDES) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    lines = captured.out.splitlines()
    assert lines[0] == "PROMOTE  stage 1 of 2 (5% for 30m): all criteria are kept"
    assert lines[2].split() == [
        "CRITERION", "CANARY", "BASELINE", "DIFFERENCE", "INTERVAL", "LIMIT", "SURE", "VERDICT",
    ]  # fmt: skip
    assert lines[3].split()[:4] == ["errors", "0.1%", "0.1%", "+0.00pt"]
    assert "roll back when errors not < +1.00pt for 5m: no" in lines
    assert any('version="v2"' in form["query"][0] for form in asked)


def test_a_bad_canary_goes_back(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with prometheus(sliced(answers(bad=120))) as (url, _):
        assert run(url, file, "--stage", 1, *SIDES) == 1
    out = capsys.readouterr().out
    assert out.startswith("ROLLBACK  stage 1 of 2 (5% for 30m): roll-back rule: 5xx answers\n")
    assert "roll back when errors not < +1.00pt for 5m: YES, for 30m (>99.9% sure)" in out


def test_too_few_requests_hold_and_say_what_is_needed(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with prometheus(sliced(answers(bad=0, of=90, fast=90))) as (url, _):
        assert run(url, file, "--stage", 1, *SIDES) == 6
    out = capsys.readouterr().out
    assert out.startswith("HOLD  stage 1 of 2 (5% for 30m): 5xx answers: too close to its limit")
    assert "errors: 90 events of the canary so far; about " in out
    assert " like this) tell" in out


def test_json_has_what_controllers_read(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with prometheus(sliced(answers(bad=120))) as (url, _):
        assert run(url, file, "--stage", 1, *SIDES, "--format", "json") == 1
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert (document["outcome"], document["promote"], document["stage"]) == ("rollback", False, 1)
    assert (document["weight"], document["elapsed_s"], document["remaining_s"]) == (0.05, 1800.0, 0.0)
    errors, latency = document["criteria"]
    assert errors["verdict"] == "failed"
    assert errors["canary"]["events"] == 4000
    assert errors["canary"]["bad"] == 120
    assert errors["canary"]["low"] < 0.03 < errors["canary"]["high"]
    assert errors["difference"]["value"] == pytest.approx(0.029)
    assert errors["limit"] == {"bad_when": "above_baseline", "value": 0.005}
    assert errors["probability_broken"] > 0.999
    assert errors["p_value"] == pytest.approx(1 - errors["probability_kept"])
    assert latency["verdict"] == "passed"
    (rule,) = document["rollback_rules"]
    assert (rule["criterion"], rule["state"], rule["for_s"]) == ("errors", "fired", 300.0)


def test_missing_metrics_hold_with_their_selector(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with prometheus({}) as (url, _):
        assert run(url, file, "--stage", 1, *SIDES) == 6
    first = capsys.readouterr().out.splitlines()[0]
    assert first == (
        "HOLD  stage 1 of 2 (5% for 30m): no data for 5xx answers, p95 latency: canary: no series match"
        ' requests_total{version="v2"} in 30m; baseline: no series match requests_total{version="v1"} in 30m'
    )


def test_nan_is_no_data(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = answers()
    said['requests_total{version="v2"}[30m]'] = vector({"": float("nan")})
    with prometheus(sliced(said)) as (url, _):
        assert run(url, file, "--stage", 1, *SIDES, "--format", "json") == 6
    document = json.loads(capsys.readouterr().out)
    assert document["outcome"] == "hold"
    assert document["criteria"][0]["canary"]["value"] is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--stage", "3", *SIDES), "there is no stage 3\n  → stages are 1 (5%), 2 (100%), and 0 before them"),
        (("--stage", "-1", *SIDES), "there is no stage -1"),
        (("--stage", "1", *SIDES[2:]), "--canary is missing\n  → write it like --canary 'version=\"v2\"'"),
        (("--stage", "1", *SIDES[:2]), "--baseline is missing"),
        (("--stage", "1", "--canary", " ", *SIDES[2:]), "--canary is empty: it would mean every version"),
        (("--stage", "1", "--canary", "{}", *SIDES[2:]), "--canary is empty"),
        (("--stage", "1", "--canary", "v2", *SIDES[2:]), "--canary: 'v2' are not label matchers"),
        (("--stage", "1", *SIDES[:2], "--baseline", 'version="v2"'), "canary and baseline are the same"),
        (("--stage", "1", *SIDES, "--since", "soon"), "--since: 'soon' is not a time"),
        (("--stage", "1", *SIDES, "--since", "2099-01-01T00:00:00Z"), "is not before"),
        (("--stage", "1", *SIDES, "--since", "90d"), "is more than 60 days ago"),
        (("--stage", "1", *SIDES, "--since", "9999999d"), "is more than 60 days ago"),
        (("--stage", "1", *SIDES, "--baseline-offset", "x"), "--baseline-offset: 'x' is not a duration"),
        (("--stage", "1", *SIDES, "--at", "x"), "--at: 'x' is not a time"),
        (("--stage", "1", *SIDES, "--at", "1700000000", "--watch"), "--watch and --at exclude each other"),
        (("--stage", "1", *SIDES, "--confirm", "tests"), "--confirm belongs to the checklist"),
        (("--stage", "0", "--confirm", "budget"), "nobody can confirm 'budget'\n  → the checklist asks for"),
        (("--stage", "1", *SIDES, "--service", "shop"), "the catalog has no service 'shop' (known: none)"),
    ],
)
def test_bad_input_is_one_clear_error(
    file: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], said: str
) -> None:
    assert run(NOBODY, file, *arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("sretool: ")
    assert captured.err.count("sretool: ") == 1
    assert said in captured.err


def test_a_file_with_problems_names_them_all(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text("canary:\n  confidnce: 90%\n  least: 0\n")
    assert run(NOBODY, file, "--stage", 1, *SIDES) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"{file}:2: unknown key 'confidnce'; did you mean 'confidence'?",
        f"{file}:3: least: '0' is not above 0",
        "sretool: the canary file has 2 problems",
    ]


def test_a_file_that_is_not_there(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(NOBODY, file.with_name("other.yaml"), "--stage", 1, *SIDES) == 2
    assert "cannot read" in capsys.readouterr().err


def test_a_server_that_is_away_is_exit_3(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(NOBODY, file, "--stage", 1, *SIDES) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("sretool: Prometheus at http://127.0.0.1:9")


def test_the_file_beside_the_catalog_is_taken(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.with_name("slos.yaml").write_text(CATALOG)
    file.write_text("canary: {least: no}\n")
    arguments = ["--prometheus", NOBODY, "--catalog", str(file.parent), "canary", "judge", "--stage", "1"]
    assert diagnostics.run(group, [*arguments, *SIDES]) == 2
    assert "canary.yaml:1: least: 'no' is not a whole number" in capsys.readouterr().err


def test_watching_ends_with_the_stage(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(POLICY.replace("{weight: 5%, lasts: 30m}", "{weight: 5%, lasts: 3s}"))
    said = {" and ": vector({})} | {key.replace("[30m]", ""): body for key, body in answers().items()}
    with prometheus(said) as (url, _):
        began = time.monotonic()
        assert run(url, file, "--stage", 1, *SIDES, "--since", "2s", "--watch") == 0
        assert time.monotonic() - began > 0.9
    captured = capsys.readouterr()
    assert captured.out.startswith("PROMOTE  stage 1 of 2")
    assert captured.err.count("hold: all criteria are kept, the stage is not over yet") == 1


def test_watching_ends_with_a_bad_version(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = {" and ": vector({})} | {key.replace("[30m]", ""): body for key, body in answers(bad=200).items()}
    with prometheus(said) as (url, _):
        assert run(url, file, "--stage", 1, *SIDES, "--since", "10s", "--watch") == 1
    assert capsys.readouterr().out.startswith("ROLLBACK  stage 1 of 2")


def test_watching_a_server_that_never_answers_ends_with_the_stage(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(POLICY.replace("{weight: 5%, lasts: 30m}", "{weight: 5%, lasts: 2s}"))
    assert run(NOBODY, file, "--stage", 1, *SIDES, "--since", "1s", "--watch") == 3
    assert "Prometheus at http://127.0.0.1:9" in capsys.readouterr().err


# -- before the release


@pytest.mark.parametrize(
    ("share", "confirmed", "code", "said"),
    [
        (0.9, ("--confirm", "tests"), 0, "PROMOTE  before the release: the checklist is complete"),
        (0.9, (), 6, "HOLD  before the release: the checklist lacks tests"),
        (
            0.4,
            ("--confirm", "tests"),
            6,
            "NO   budget  Budget left: amas/learning-availability has 40.0% left",
        ),
    ],
)
def test_the_checklist_asks_for_half_of_the_budget(
    file: Path,
    capsys: pytest.CaptureFixture[str],
    share: float,
    confirmed: tuple[str, ...],
    code: int,
    said: str,
) -> None:
    catalog = file.with_name("slos.yaml")
    catalog.write_text(CATALOG)
    with prometheus(budget_left(share)) as (url, _):
        arguments = ["--prometheus", url, "--catalog", str(catalog), "canary", "judge", str(file)]
        assert diagnostics.run(group, [*arguments, "--stage", "0", *confirmed]) == code
    assert said in capsys.readouterr().out


def test_a_budget_nobody_knows_is_not_confirmed(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(NOBODY, file, "--stage", 0, "--confirm", "tests") == 6
    assert "?    budget  Budget left: no objectives are known: give --catalog PATH" in capsys.readouterr().out


def budget_left(share: float) -> dict[str, bytes]:
    total = next(
        float(item["value"][1])
        for item in json.loads(RECORDED["{__name__=~"])["data"]["result"]
        if item["metric"]["__name__"] == "slo:total:sum"
        and item["metric"]["slo"] == "amas/learning-availability"
    )
    ages = json.loads(RECORDED["timestamp(slo:info"])
    for item in ages["data"]["result"]:
        item["value"][1] = str(time.time() - 20)
    bad = with_value("slo:bad:sum", repr((1 - share) * 0.001 * total))
    return {**bad, "timestamp(slo:info": json.dumps(ages).encode()}
