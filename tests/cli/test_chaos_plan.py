"""`sretool chaos list`, `plan` and `docs`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from sretool.cli import chaos, diagnostics

if TYPE_CHECKING:
    from pathlib import Path

    import click

DRIVER = '''\
def slow(target: str, delay: str = "200ms"): ...
def plan_slow(target, delay="200ms"):
    """One of two."""
    if target not in ("api-1", "api-2"):
        raise LookupError(f"no instance is named {target!r}")
    return [{"target": target, "fault": f"latency {delay}", "prior": "no toxics", "heals": "undo", "ttl": 600,
             "undo": {"kind": "toxic_remove", "toxic": "slow"}, "of": 2}]
def seconds(target: str) -> float: ...
'''
EXPERIMENT = """\
title: The network is slow
description: Each round trip takes longer.
configuration: {who: api-1}
steady-state-hypothesis:
  title: It answers
  probes:
    - name: delay
      type: probe
      tolerance: [0, 1]
      provider: {type: python, module: driver_planned, func: seconds, arguments: {target: "${who}"}}
method:
  - name: slow it
    type: action
    pauses: {after: 30}
    provider: {type: python, module: driver_planned, func: slow, arguments: {target: "${who}"}}
extensions:
  - name: sretool
    fault: 200 ms more
    fmea: FM-4
    dose: {want: 200ms, tolerance: 10ms or 5%, probe: delay, measured: added}
    expected_alerts: [{name: Slow, within: 2m}]
    stop_when: [burn > 14.4, after 10m]
    budget_price: 2%
    objectives: {rto: 2m, rpo: 0s}
"""


def command(context: str | None = None) -> click.Command:
    import click

    from sretool.cli.context import Settings

    @click.group()
    @click.pass_context
    def group(ctx: click.Context) -> None:
        import os
        from pathlib import Path

        ctx.obj = Settings(project=Path.cwd(), environment=dict(os.environ), context=context)

    group.add_command(chaos.command, "chaos")
    return group


def run(*arguments: str) -> int:
    return diagnostics.run(command(), ["chaos", *arguments])


def run_in(context: str, *arguments: str) -> int:
    return diagnostics.run(command(context), ["chaos", *arguments])


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project without a lab and without servers."""
    for name in ("STATE", "CACHE", "CONFIG"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    for name in ("SRETOOL_PROMETHEUS_URL", "SRETOOL_ALERTMANAGER_URL", "SRETOOL_CATALOG"):
        monkeypatch.delenv(name, raising=False)
    project = tmp_path / "project"
    folder = project / "experiments"
    folder.mkdir(parents=True)
    (folder / "slow.yaml").write_text(EXPERIMENT)
    (folder / "driver_planned.py").write_text(DRIVER)
    monkeypatch.chdir(project)
    return project


def document(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_the_plan_says_what_is_hurt_and_how_it_is_put_back(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("plan", "slow") == 0
    out, err = capsys.readouterr()
    for line in (
        "Hurts 1 target",
        "  api-1",
        "    fault        latency 200ms",
        "    now          no toxics",
        "    undone by    toxic_remove toxic=slow",
        "    left alone   stays until undone, undone after 10m at the latest",
        "    chosen       one of 2",
        "  fault        200 ms more (FM-4)",
        "  budget       at most 2% of an objective's error budget",
        "  dose 200ms added ± 10ms by probe 'delay'",
        "  alert Slow fires within 2m",
        "  RPO 0s, at most 0 lost writes",
        "  burn > 14.4",
    ):
        assert line in out.splitlines(), line
    assert max(map(len, out.splitlines())) <= 80
    assert "only the undo log heals" in " ".join(out.split())
    assert err == ""


def test_the_plan_for_programs_has_the_hash_that_is_approved(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("plan", "slow", "--format", "json") == 0
    first = document(capsys)
    assert len(first["hash"]) == 64
    assert first["actions"][0]["targets"][0]["target"] == "api-1"
    assert first["budget_price"] == 0.02
    assert first["problems"] == []
    assert run("plan", "slow", "--vars", "who=api-2", "--format", "json") == 0
    second = document(capsys)
    assert second["hash"] != first["hash"]
    assert second["actions"][0]["targets"][0]["target"] == "api-2"
    assert run("plan", str(here / "experiments" / "slow.yaml"), "--format", "json") == 0
    assert document(capsys)["hash"] == first["hash"]


def test_everything_wrong_is_told_at_once_with_its_line(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = here / "experiments" / "slow.yaml"
    wrong = (
        EXPERIMENT.replace("[0, 1]", "0.3").replace("probe: delay", "probe: dely").replace("who}", "whoo}")
    )
    file.write_text(wrong.replace("fmea:", "fmeaa:"))
    assert run("plan", "slow") == 2
    out, err = capsys.readouterr()
    lines = [line.removeprefix("experiments/slow.yaml:").split(":")[0] for line in out.splitlines()]
    assert lines == ["9", "10", "15", "19", "20"]
    assert "sretool: the experiment has 5 problems" in err
    assert "Traceback" not in err
    assert run("plan", "slow", "--format", "json") == 2
    told = document(capsys)
    assert [each["line"] for each in told["problems"]] == [9, 10, 15, 19, 20]


def test_what_an_action_does_not_say_is_shown_as_it_is_called(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = here / "experiments" / "slow.yaml"
    other = """\
  - name: flush
    type: action
    provider: {type: process, path: /bin/true, arguments: "--all now", timeout: 3}
rollbacks:
  - {name: fill, type: action, provider: {type: process, path: /bin/true, timeout: 3}}
extensions:"""
    file.write_text(EXPERIMENT.replace("extensions:", other))
    assert run("plan", "slow") == 0
    out = capsys.readouterr().out.splitlines()
    assert "Hurts 1 target, and what 1 of the actions do not say" in out
    assert "    calls        /bin/true --all now" in out


def test_in_production_the_plan_says_how_it_is_approved(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = here / "experiments" / "slow.yaml"
    file.write_text(EXPERIMENT)
    (here / ".sretool").mkdir()
    (here / ".sretool" / "config.toml").write_text(
        '[contexts.live]\nprometheus = "http://127.0.0.1:1"\nproduction = true\n'
    )
    assert run("plan", "slow", "--format", "json") == 0
    apart = document(capsys)
    assert run_in("live", "plan", "slow", "--format", "json") == 0
    there = document(capsys)
    assert there["production"]
    assert there["hash"] != apart["hash"]
    assert run_in("live", "plan", "slow") == 0
    assert "sretool chaos approve experiments/slow.yaml" in capsys.readouterr().out


def test_a_selector_that_matches_nothing_is_told_beside_the_rest(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = here / "experiments" / "slow.yaml"
    file.write_text(EXPERIMENT.replace("[0, 1]", "0.3"))
    assert run("plan", "slow", "--vars", "who=api-9") == 2
    out = capsys.readouterr().out
    assert "experiments/slow.yaml:9: tolerance" in out
    assert "experiments/slow.yaml:15: action 'slow it': no instance is named 'api-9'" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(
            ["plan", "slwo"], "there is no experiment 'slwo'; did you mean 'slow'?", id="no such name"
        ),
        pytest.param(["plan", "gone/x.yaml"], "there is no experiment 'gone/x.yaml'", id="no such file"),
        pytest.param(["plan", "experiments"], "there is no experiment 'experiments'", id="a folder"),
        pytest.param(["plan", "slow", "--vars", "who"], "--vars who: not a variable", id="no value"),
        pytest.param(["plan", "slow", "--vars", "who:int=x"], "'x' is no int", id="no int"),
        pytest.param(["plan", "binary.yaml"], "it is not UTF-8 text", id="no text"),
        pytest.param(["docs", "burnn"], "there is no probe, action or control 'burnn'", id="no page"),
    ],
)
def test_a_wrong_command_line_is_one_clear_error(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    (here / "binary.yaml").write_bytes(b"\xff\xfe\x00title")
    assert run(*arguments) == 2
    err = capsys.readouterr().err
    assert said in err
    assert "Traceback" not in err


def test_the_list_has_those_of_the_project_and_ours(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = here / "experiments" / "deep"
    folder.mkdir()
    (folder / "experiment.json").write_text('{"title": "Deep", "description": "x", "method": []}')
    (here / "experiments" / "torn.yaml").write_text("title: [")
    assert run("list", "--format", "json") == 0
    found = {each["name"]: each for each in document(capsys)["experiments"]}
    assert found["slow"]["fmea"] == "FM-4"
    assert found["slow"]["budget_price"] == 0.02
    assert not found["slow"]["bundled"]
    assert found["deep"]["title"] == "Deep"
    assert found["torn"]["title"] is None
    assert found["torn"]["problems"]
    assert any(each["bundled"] and not each["problems"] for each in found.values())
    assert run("list") == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[0].split() == ["NAME", "FMEA", "FROM", "TITLE"]
    assert "torn.yaml:2: not YAML" in err


def test_pages_are_found_by_any_end_of_their_name(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("docs", "--format", "json") == 0
    everything = document(capsys)["functions"]
    one = next(each for each in everything if each["kind"] == "probe")
    for name in (one["name"], f"{one['module'].rpartition('.')[2]}.{one['func']}"):
        assert run("docs", name, "--format", "json") == 0
        assert document(capsys)["functions"] == [one]
    assert run("docs", one["module"]) == 0
    assert f"module: {one['module']}" in capsys.readouterr().out
    assert run("docs") == 0
    assert one["summary"] in capsys.readouterr().out
