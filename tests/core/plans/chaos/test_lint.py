"""Everything wrong with an experiment at once, each with its line, in YAML and in JSON."""

from __future__ import annotations

import json
import random
import re
from dataclasses import dataclass, field
from typing import Any

import pytest
import yaml

from sretool.core.plans.chaos.lint import (
    Findings,
    Function,
    Missing,
    Parameter,
    askable,
    lint,
    lint_targets,
)
from sretool.core.plans.chaos.read import Reading, read
from sretool.core.plans.chaos.targets import Answer, Target

SLOW = Function((Parameter("target", required=True), Parameter("delay", required=False)), planned=True)
FUNCTIONS = {
    ("drv.net", "slow"): SLOW,
    ("drv.net", "mend"): Function((Parameter("target", required=True),), planned=True),
    ("drv.net", "wait_for"): Function((Parameter("what", required=False),)),
    ("drv.net", "break_alone"): Function(any_keyword=True),
    ("drv.pods", "terminate"): Function(
        tuple(
            Parameter(name, required=False) for name in ("label_selector", "name_pattern", "all", "qty", "ns")
        )
    ),
    ("drv.look", "delay"): Function(
        (Parameter("target", required=True), Parameter("secrets", required=False))
    ),
}
MODULES = {"drv.net", "drv.pods", "drv.look", "drv.controls"}


@dataclass
class Around:
    """What there is, without a file system."""

    files: set[str] = field(default_factory=set)
    programs: set[str] = field(default_factory=lambda: {"/bin/sh"})

    def function(self, module: str, func: str) -> Function | Missing:
        if module == "drv.torn":
            return Missing(module=False, problem="invalid syntax (torn.py, line 3)")
        if module not in MODULES:
            return Missing(module=True)
        found = FUNCTIONS.get((module, func))
        names = tuple(name for place, name in FUNCTIONS if place == module)
        return found or Missing(module=False, names=names)

    def has_file(self, path: str) -> bool:
        return path in self.files

    def has_program(self, path: str) -> bool:
        return path in self.programs


WELL = """\
title: The network is slow
description: Each round trip takes longer.
configuration:
  who: api-1
steady-state-hypothesis:
  title: It answers
  probes:
    - name: delay
      type: probe
      tolerance: [0, 1]
      provider: {type: python, module: drv.look, func: delay, arguments: {target: "${who}"}}
method:
  - name: slow it
    type: action
    provider:
      type: python
      module: drv.net
      func: slow
      arguments:
        target: ${who}
        delay: 200ms
rollbacks:
  - name: mend it
    type: action
    provider: {type: python, module: drv.net, func: mend, arguments: {target: "${who}"}}
extensions:
  - name: sretool
    fault: slow
    dose: {want: 200ms, tolerance: 10ms or 5%, probe: delay, measured: added}
    expected_alerts: [{name: Slow, within: 2m}]
    stop_when: [burn > 14.4, after 10m]
    recovery_deadline: 5m
"""


def reading(text: str, name: str = "x.yaml", **environment: str) -> Reading:
    return read(name, text, environment)


def told(text: str, name: str = "x.yaml", around: Around | None = None) -> Findings:
    return lint(reading(text, name), around or Around())


def problems(text: str) -> list[str]:
    return [str(each) for each in told(text).problems]


def warnings(text: str) -> list[str]:
    return [str(each) for each in told(text).warnings]


def changed(old: str, new: str) -> str:
    assert WELL.count(old) == 1, old
    return WELL.replace(old, new)


def test_a_right_experiment_has_no_problems() -> None:
    found = told(WELL)
    assert found.problems == []
    assert found.warnings == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param(
            "func: slow",
            "func: slou",
            "x.yaml:18: module drv.net has no function 'slou'; did you mean 'slow'?",
            id="unknown function",
        ),
        pytest.param(
            "      module: drv.net\n",
            "      module: drv.nett\n",
            "x.yaml:17: there is no module 'drv.nett'; is its driver installed?",
            id="unknown module",
        ),
        pytest.param(
            "      module: drv.net\n",
            "      module: drv.torn\n",
            "x.yaml:17: module 'drv.torn' cannot be read: invalid syntax (torn.py, line 3)",
            id="torn module",
        ),
        pytest.param(
            "        delay: 200ms",
            "        delai: 200ms",
            "x.yaml:21: slow has no argument 'delai'; did you mean 'delay'?",
            id="unknown argument",
        ),
        pytest.param(
            "        target: ${who}\n",
            "",
            "x.yaml:15: argument 'target' of slow is missing",
            id="missing argument",
        ),
        pytest.param(
            "        delay: 200ms",
            "        delay: 200ms\n        yaml_file: gone.yaml",
            "x.yaml:22: yaml_file: there is no file gone.yaml",
            id="missing file",
        ),
        pytest.param(
            "[0, 1]",
            "0.2",
            "x.yaml:10: tolerance: a number with a point, 0.2, never matches anything;"
            " write a range: {type: range, range: [0.19, 0.21]}",
            id="float tolerance",
        ),
        pytest.param(
            "[0, 1]", "[]", "x.yaml:10: tolerance: an empty list never matches", id="empty tolerance"
        ),
        pytest.param(
            "[0, 1]", "[2, 1]", "x.yaml:10: tolerance: nothing is between 2 and 1", id="turned range"
        ),
        pytest.param(
            "        target: ${who}\n",
            "        target: ${whoo}\n",
            "x.yaml:20: variable ${whoo} is not defined; did you mean 'who'?",
            id="undefined variable",
        ),
        pytest.param(
            "probe: delay, measured",
            "probe: delays, measured",
            "x.yaml:29: no probe is named 'delays'; did you mean 'delay'?",
            id="dose of an unknown probe",
        ),
        pytest.param(
            "tolerance: 10ms or 5%",
            "tolerance: 300ms",
            "x.yaml:29: a tolerance of 300ms would take no fault at all for one",
            id="tolerance takes all",
        ),
        pytest.param(
            "stop_when: [burn > 14.4, after 10m]",
            "stop_when: [probe dely, after 10m]",
            "x.yaml:31: no probe is named 'dely'; did you mean 'delay'?",
            id="stop by an unknown probe",
        ),
        pytest.param(
            "    fault: slow",
            "    falt: slow",
            "x.yaml:28: unknown key 'falt'; did you mean 'fault'?",
            id="block key",
        ),
        pytest.param(
            "stop_when: [burn > 14.4",
            "stop_when: [burns > 14.4",
            "x.yaml:31: stop_when: 'burns > 14.4' is no stop condition; write one of: burn > 14.4,"
            " budget > 2%, probe NAME, after 10m, blind 30s",
            id="stop condition",
        ),
        pytest.param("within: 2m", "within: soon", "x.yaml:30: within:", id="no duration"),
        pytest.param(
            "        delay: 200ms",
            "        delay: 200ms\n    background: true",
            "x.yaml:22: action 'slow it' runs in the background without an end;"
            " give it a duration or a timeout",
            id="background without end",
        ),
        pytest.param("title: The network is slow\n", "", "x.yaml:1: `title` is missing", id="no title"),
        pytest.param(
            "type: action\n    provider:\n",
            "type: acton\n    provider:\n",
            "x.yaml:14: type: 'acton'",
            id="type",
        ),
        pytest.param(
            "extensions:",
            "controls:\n  - {name: approval gate, provider: {type: python, module: drv.controls}}\n"
            "extensions:",
            "x.yaml:27: control 'approval gate' is used as a gate, but controls fail open",
            id="control as a gate",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_line(old: str, new: str, said: str) -> None:
    found = problems(changed(old, new))
    assert [each for each in found if each.startswith(said)], found


def test_everything_is_told_at_once() -> None:
    text = WELL
    for old, new in (
        ("func: slow", "func: slou"),
        ("[0, 1]", "0.2"),
        ("    fault: slow", "    falt: slow"),
        ("probe: delay, measured", "probe: dlay, measured"),
        ("delay: 200ms\n", "delay: ${dealy}\n"),
    ):
        text = text.replace(old, new)
    found = problems(text)
    assert [int(each.split(":")[1]) for each in found] == [10, 18, 21, 28, 29]


def test_json_has_lines_too() -> None:
    document = yaml.safe_load(WELL)
    document["method"][0]["provider"]["func"] = "slou"
    document["steady-state-hypothesis"]["probes"][0]["tolerance"] = 0.2
    document["extensions"][0]["stop_wen"] = []
    text = json.dumps(document, indent=2)
    rows = text.splitlines()
    for each in told(text, "x.json").problems:
        row = rows[each.line - 1]
        assert any(word in row for word in ("slou", '"tolerance"', "stop_wen")), (each, row)
    assert len(told(text, "x.json").problems) == 3


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        pytest.param("", "x.yaml", "x.yaml:1: is empty", id="empty"),
        pytest.param("- a\n", "x.yaml", "x.yaml:1: an experiment is a mapping", id="list"),
        pytest.param("title: [", "x.yaml", "x.yaml:", id="no yaml"),
        pytest.param('{"title": "x",\n "method": }', "x.json", "x.json:2: not JSON", id="no json"),
        pytest.param(
            "title: a\ntitle: b\ndescription: c\nmethod: []\n", "x.yaml", "x.yaml:2: ", id="key twice"
        ),
        pytest.param('{"a":' * 3000 + "1" + "}" * 3000, "x.json", "x.json:1: ", id="deep"),
    ],
)
def test_what_is_no_experiment_is_told(text: str, name: str, said: str) -> None:
    found = [str(each) for each in told(text, name).problems]
    assert found
    assert found[0].startswith(said), found


def test_missing_rollbacks_are_a_problem_where_nothing_else_undoes() -> None:
    start, end = WELL.index("rollbacks:"), WELL.index("extensions:")
    without = WELL[:start] + WELL[end:]
    assert problems(without) == []
    assert "only the undo log heals" in warnings(without)[0]
    alone = without.replace("func: slow", "func: break_alone")
    assert problems(alone) == ["x.yaml:12: `rollbacks` are missing: nothing undoes 'slow it'"]


def test_an_experiment_without_our_block_is_warned_of() -> None:
    assert any(
        "nothing can be passed or failed" in each for each in warnings(WELL[: WELL.index("extensions:")])
    )


def test_one_probe_asked_again_is_no_second_thing_of_that_name() -> None:
    again = """\
  - name: delay
    type: probe
    provider: {type: python, module: drv.look, func: delay, arguments: {target: a}}
  - name: delay
    type: probe
    provider: {type: python, module: drv.look, func: delay, arguments: {target: %s}}
rollbacks:"""
    assert warnings(changed("rollbacks:", again % "a")) == []
    assert "given to two things, first in line 22" in warnings(changed("rollbacks:", again % "b"))[0]


ASK = """\
  - name: felt
    type: probe
    provider: {type: python, module: drv.look, func: delay, arguments: {target: a}}
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(
            changed("probe: delay, m", "probe: felt, m").replace("rollbacks:", f"{ASK}rollbacks:"),
            "is never asked before a fault", id="only after",
        ),
        pytest.param(
            changed("probe: delay, m", "probe: felt, m").replace("method:\n", f"method:\n{ASK}"),
            "is never asked while a fault is in", id="only before",
        ),
        pytest.param(
            changed("probe: delay, m", "probe: felt, m")
            .replace("rollbacks:", f"{ASK}rollbacks:").replace("method:\n", f"method:\n{ASK}"),
            "", id="on both sides",
        ),
        pytest.param(
            f"runtime: {{hypothesis: {{strategy: before-method-only}}}}\n{WELL}",
            "is never asked while a fault is in", id="by a hypothesis that is asked before only",
        ),
    ],
)  # fmt: skip
def test_a_dose_that_cannot_be_measured_is_a_problem(text: str, said: str) -> None:
    found = problems(text)
    assert [each for each in found if said in each] if said else found == []


def test_a_secret_counts_as_defined_and_is_not_put_in() -> None:
    text = changed("configuration:", "secrets:\n  login: {word: {type: env, key: WORD}}\nconfiguration:")
    text = text.replace("delay: 200ms\n", "delay: ${word}\n")
    found = lint(reading(text, WORD="geheim"), Around())
    assert found.problems == []
    assert "the secret's environment variable WORD is not set" in str(
        lint(reading(text), Around()).problems[0]
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param("ns: shop", "matches everything: give label_selector or name_pattern", id="none"),
        pytest.param("label_selector: '', ns: shop", "matches everything", id="an empty one"),
        pytest.param("label_selector: app=shop, all: true", "takes all that match; give `qty`", id="all"),
        pytest.param("label_selector: app=shop, qty: 1", "", id="some"),
        pytest.param("name_pattern: shop-.*", "", id="by name"),
    ],
)
def test_a_driver_that_is_not_told_what_to_choose_is_a_problem(arguments: str, said: str) -> None:
    text = changed(
        "rollbacks:",
        f"""\
  - name: kill
    type: action
    provider: {{type: python, module: drv.pods, func: terminate, arguments: {{{arguments}}}}}
rollbacks:""",
    )
    found = problems(text)
    assert [each for each in found if said in each] if said else found == []
    allowed = text.replace("    fault: slow", "    fault: slow\n    blast_radius: {max_share: 100%}")
    assert not [each for each in problems(allowed) if "takes all" in each]


def test_programs_and_addresses_are_looked_at() -> None:
    text = changed(
        "rollbacks:",
        """\
  - name: run
    type: action
    provider: {type: process, path: /bin/nothing, timeout: 3}
  - name: post
    type: action
    provider: {type: http, url: "ftp://x", timeout: 3}
rollbacks:""",
    )
    assert problems(text) == [
        "x.yaml:24: no program '/bin/nothing' is found; give its whole path",
        "x.yaml:27: url: 'ftp://x' is not an address; write it like http://…",
    ]


# --- what it would hurt -------------------------------------------------------------------------------------


def answered(answer: Answer, text: str = WELL) -> Findings:
    found = reading(text)
    assert found.experiment is not None
    return lint_targets(found, {found.experiment.actions[0].path: answer})


def targets(*names: str, **words: Any) -> Answer:
    return Answer(tuple(Target(name, **words) for name in names))


def test_a_selector_that_matches_everything_is_a_problem() -> None:
    (problem,) = answered(targets("api-1", "api-2", of=2)).problems
    assert (
        str(problem) == "x.yaml:19: action 'slow it' matches everything: all 2 there are; name some of them"
    )
    assert answered(targets("api-1", of=2)).problems == []
    assert answered(targets("api-1", of=1)).problems == []


def test_a_selector_that_matches_nothing_is_a_problem() -> None:
    (problem,) = answered(Answer(None, "no process is named 'api-9'")).problems
    assert str(problem) == "x.yaml:19: action 'slow it': no process is named 'api-9'"


def test_an_experiment_whose_actions_hurt_nothing_is_a_problem() -> None:
    (problem,) = answered(Answer(())).problems
    assert str(problem) == "x.yaml:12: no action hurts anything: there is no fault to be made"


def test_limits_of_the_blast_radius_are_kept() -> None:
    text = changed("    fault: slow", "    fault: slow\n    blast_radius: {max_targets: 1, max_share: 30%}")
    found = [str(each) for each in answered(targets("a", "b", of=4), text).problems]
    assert found == [
        "x.yaml:19: action 'slow it' matches 2 of 4; at most 30% may be hurt",
        "x.yaml:29: 2 targets would be hurt, at most 1 may be: a, b",
    ]


def test_a_fault_that_outlasts_the_time_for_recovery_is_warned_of() -> None:
    (warning,) = answered(targets("a", heals="duration", ttl=900.0)).warnings
    assert "lasts 15m where nobody ends it, longer than the recovery_deadline of 5m" in str(warning)


def test_an_action_that_was_not_asked_is_warned_of() -> None:
    found = reading(WELL)
    (warning,) = lint_targets(found, {}).warnings
    assert str(warning) == "x.yaml:13: action 'slow it' does not say what it hurts; only rollbacks undo it"


@pytest.mark.parametrize(
    ("old", "new", "names"),
    [
        pytest.param("func: slow", "func: slow", ["slow it"], id="right"),
        pytest.param("func: slow", "func: break_alone", [], id="no planning function"),
        pytest.param("func: slow", "func: gone", [], id="no function"),
        pytest.param("        delay: 200ms", "        dely: 200ms", [], id="wrong argument"),
        pytest.param("        target: ${who}\n", "", [], id="missing argument"),
        pytest.param("delay: 200ms", "delay: ${gone}", [], id="undefined variable"),
    ],
)
def test_only_what_can_answer_is_asked(old: str, new: str, names: list[str]) -> None:
    assert [each.name for each in askable(reading(changed(old, new)), Around())] == names


@pytest.mark.parametrize("seed", range(40))
def test_nothing_written_raises(seed: int) -> None:
    """Lines cut, doubled, and values of other kinds: always findings, never an error of ours."""
    dice = random.Random(seed)
    rows = WELL.splitlines()
    for _ in range(dice.randrange(1, 5)):
        number = dice.randrange(len(rows))
        what = dice.choice(["cut", "twice", "value", "indent"])
        if what == "cut":
            del rows[number]
        elif what == "twice":
            rows.insert(number, rows[number])
        elif what == "indent":
            rows[number] = f"  {rows[number]}"
        else:
            value = dice.choice(["null", "[]", "{}", "3", ".nan", "-1", "'${'", "2026-01-01", "true", "!x y"])
            rows[number] = re.sub(r":\s.*$", f": {value}", rows[number])
    found = reading("\n".join(rows))
    told_of = lint(found, Around())
    assert all(1 <= each.line <= len(rows) + 1 for each in told_of.problems)
    if found.experiment is not None:
        lint_targets(found, {})
