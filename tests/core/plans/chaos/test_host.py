"""What a machine can do, told from facts."""

from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from sretool.core.plans.chaos.host import HostFacts, facts, findings
from sretool.core.plans.findings import Finding, State

ABLE = HostFacts(
    root=True,
    python="3.11.7",
    toolkit="1.44.0",
    kubernetes="0.39.0",
    kubeconfig="/k",
    log_folder="/state",
    log_problem=None,
    log_ms=0.5,
    left=(),
    proxy_problem=None,
    uvloop=True,
    netem_problem=None,
    queue_problem=None,
    cgroups="v2",
    cgroups_problem=None,
    systemd_problem=None,
    lab="amas",
    lab_proxies=("database", "redis"),
    disk_free=50 * 2**30,
    disk_reserve=2 * 2**30,
)


def of(host: HostFacts, subject: str) -> Finding:
    (found,) = (each for each in findings(host) if each.subject == subject)
    return found


def test_where_everything_is_there_nothing_needs_to_be_done() -> None:
    assert all(each.state is State.OK and each.remedy is None for each in findings(ABLE))


@pytest.mark.parametrize(
    ("change", "subject", "state", "words"),
    [
        ({"toolkit": None}, "Chaos Toolkit", State.FAILED, "not installed"),
        ({"log_problem": "No space left on device"}, "undo log", State.FAILED, "No space left"),
        ({"log_ms": 80.0}, "undo log", State.LIMITED, "80.0 ms"),
        ({"left": ("/a", "/b", "/c")}, "faults left", State.FAILED, "/a and 2 more"),
        ({"proxy_problem": "no"}, "network by proxy", State.LIMITED, "does not start: no"),
        (
            {"netem_problem": "no netem", "queue_problem": "no queue"},
            "network by kernel",
            State.LIMITED,
            "no netem; no queue",
        ),
        ({"netem_problem": "no netem"}, "network by kernel", State.OK, "NFQUEUE; no netem"),
        (
            {"cgroups": None, "cgroups_problem": "none can be made"},
            "CPU and memory limits",
            State.LIMITED,
            "none can be made",
        ),
        ({"systemd_problem": "not here"}, "limits of systemd units", State.LIMITED, "not here"),
        ({"root": False}, "signals", State.LIMITED, "own processes only"),
        ({"disk_free": 2**30}, "full disks", State.LIMITED, "2.0 GiB"),
        ({"lab": None}, "lab", State.LIMITED, "none is chosen"),
        ({"lab_proxies": ()}, "lab", State.LIMITED, "does not answer"),
        ({"kubernetes": None}, "Kubernetes", State.LIMITED, "not installed"),
        ({"kubeconfig": None}, "Kubernetes", State.LIMITED, "no cluster"),
    ],
)
def test_what_is_missing_is_told_with_what_to_do(
    change: dict[str, object], subject: str, state: State, words: str
) -> None:
    found = of(replace(ABLE, **change), subject)  # type: ignore[arg-type]
    assert found.state is state
    assert words in found.detail
    assert found.remedy or state is State.OK


def test_facts_are_read_back_as_they_were_written() -> None:
    document = {**asdict(ABLE), "left": ["/a"], "lab_proxies": ["x"]}
    assert facts(document) == replace(ABLE, left=("/a",), lab_proxies=("x",))
    with pytest.raises(TypeError):
        facts({**document, "new": 1})
