"""The lab as a whole, on real processes: what is up, what comes back, and that nothing stays."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
import urllib.error
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from sretool.adapters.lab import record
from sretool.adapters.lab.record import LabState
from tests.support.lab import eventually, get, need_groups, query, traces

if TYPE_CHECKING:
    from sretool.adapters.lab.record import LabRecord
    from tests.support.lab import LabHome

pytestmark = pytest.mark.lab

PROCESSES = {
    *("prometheus", "alertmanager", "receiver", "haproxy", "redis", "app-1", "app-2", "worker", "traffic"),
    *("pg-monitor", "pg-1", "pg-2", "node-exporter", "pg-exporter-1", "pg-exporter-2", "redis-exporter"),
    "toxiproxy",
}


def kill(lab: LabRecord, process: str, home: LabHome) -> int:
    """SIGKILL for the process, or for its whole group where it is a database node; its pid."""
    pid = home.process(lab.name, process).pid
    assert pid is not None
    if process.startswith("pg-"):
        os.killpg(pid, signal.SIGKILL)
    else:
        os.kill(pid, signal.SIGKILL)
    return pid


def all_ready(home: LabHome, name: str) -> bool:
    return all(process.ready for process in home.lab(name).processes)


def test_every_process_is_up_and_ready_when_the_command_returns(lab: LabRecord, lab_home: LabHome) -> None:
    reported = lab_home.sretool("lab", "status", "--name", lab.name, "--format", "json")
    assert reported.returncode == 0, reported.stderr
    state = json.loads(reported.stdout)
    assert (state["system"], state["state"], state["scale"]) == ("amas", "running", 10)
    assert all("limits are not enforced" in sentence for sentence in state["missing"])
    assert {process["name"] for process in state["processes"]} == PROCESSES
    assert all(process["ready"] and process["state"] == "running" for process in state["processes"])
    assert {"prometheus", "alertmanager", "app", "postgres", "redis", "receiver", "haproxy_stats"} <= set(
        state["endpoints"]
    )
    assert [found.name for found in record.running()] == [lab.name]


def test_a_second_up_prints_the_addresses_and_changes_nothing(lab: LabRecord, lab_home: LabHome) -> None:
    again = lab_home.sretool("lab", "up", "--name", lab.name)
    assert again.returncode == 0
    assert "is up already" in again.stderr
    assert lab.endpoints["prometheus"] in again.stdout
    assert lab_home.lab(lab.name).supervisor == lab.supervisor


def test_up_with_other_options_is_refused(lab: LabRecord, lab_home: LabHome) -> None:
    refused = lab_home.sretool("lab", "up", "--name", lab.name, "--real-time")
    assert refused.returncode == 2
    assert "other options: without --real-time" in refused.stderr


def test_prometheus_reads_every_target_and_every_rule(lab: LabRecord) -> None:
    prometheus = lab.endpoints["prometheus"]
    wanted = {
        ("danci-backend", "app-1"),
        ("danci-backend", "app-2"),
        ("amas-worker", "worker"),
        ("postgres", "pg-1"),
        ("postgres", "pg-2"),
        ("haproxy", "lb"),
        ("redis", "redis"),
        ("node", "lab-host"),
        ("traffic", "traffic"),
        ("prometheus", "prometheus"),
        ("alertmanager", "alertmanager"),
    }

    def up() -> bool:
        rows = query(prometheus, "up")
        return {(row["job"], row["instance"]) for row, value in rows if value == 1} == wanted

    eventually("every target is up", up, within=10)
    groups = json.loads(get(f"{prometheus}/api/v1/rules"))["data"]["groups"]
    intervals = {group["name"]: group["interval"] for group in groups}
    assert intervals
    assert all(seconds == 60 for name, seconds in intervals.items() if name.startswith("slo:"))
    broken = [rule["name"] for group in groups for rule in group["rules"] if rule["health"] == "err"]
    assert broken == []


def test_each_replica_has_its_limits_and_says_so_or_says_that_it_has_none(lab: LabRecord) -> None:
    """Where control groups can be made here, root or not, the limits must be there."""
    for replica in ("app_1", "app_2"):
        metrics = dict(
            line.rsplit(" ", 1)
            for line in get(f"{lab.endpoints[replica]}/metrics").splitlines()
            if line.startswith("process_")
        )
        if lab.cgroups:
            assert float(metrics["process_limits_enforced"]) == 1
            assert float(metrics["process_cpu_limit_cores"]) == 0.5
            assert float(metrics["process_memory_limit_bytes"]) == 256 * 1024**2
        else:
            assert float(metrics["process_limits_enforced"]) == 0
            assert any("limits are not enforced" in sentence for sentence in lab.missing)


def test_the_database_is_replicated_synchronously_and_not_run_by_root(lab: LabRecord) -> None:
    with psycopg.connect(lab.endpoints["postgres"]) as connection:
        row = connection.execute("show synchronous_standby_names").fetchone()
        assert row is not None
        assert row[0].startswith("ANY 1")
        owner = connection.execute("select usesuper, current_schema() from pg_user where usename = user")
        assert owner.fetchone() == (False, "amas")
    for node in ("pg-1", "pg-2"):
        pid = lab.process_by_name[node].pid
        assert Path(f"/proc/{pid}").stat().st_uid != 0


def test_a_killed_replica_comes_back_while_the_other_one_serves(lab: LabRecord, lab_home: LabHome) -> None:
    before = lab_home.process(lab.name, "app-1").restarts
    kill(lab, "app-1", lab_home)
    failures = 0
    until = time.monotonic() + 3
    while time.monotonic() < until:
        try:
            get(f"{lab.endpoints['app']}/ready")
        except (OSError, urllib.error.URLError):
            failures += 1
        time.sleep(0.02)
    assert failures <= 1

    def back() -> bool:
        process = lab_home.process(lab.name, "app-1")
        return process.ready and process.restarts == before + 1

    eventually("app-1 is ready again", back, within=15)


def test_a_replica_that_takes_too_much_memory_is_killed_and_comes_back(
    lab: LabRecord, lab_home: LabHome
) -> None:
    """The kernel ends the biggest process of the group: here one that joins it and grows."""
    need_groups(lab.cgroups)
    # In version 1 the memory controller's folder comes after the processor's; in version 2 there is one.
    group = [path for path in lab.cgroups if path.endswith("app-2")][-1]
    script = f"echo 0 > {group}/cgroup.procs && exec tail /dev/zero"
    greedy = subprocess.run(["sh", "-c", script], capture_output=True, check=False, timeout=30)
    assert greedy.returncode == -signal.SIGKILL
    eventually("everything is ready", lambda: all_ready(lab_home, lab.name), within=15)


def test_writes_work_again_after_the_primary_is_killed(lab: LabRecord, lab_home: LabHome) -> None:
    with psycopg.connect(lab.endpoints["postgres"]) as connection:
        row = connection.execute("show port").fetchone()
    assert row is not None
    primary = next(node for node in ("pg-1", "pg-2") if lab.ports[node] == int(row[0]))
    kill(lab, primary, lab_home)

    def write() -> bool:
        with psycopg.connect(lab.endpoints["postgres"], connect_timeout=1) as connection:
            connection.execute("create table if not exists after_failover (at timestamptz)")
            connection.execute("insert into after_failover values (now())")
            port = connection.execute("show port").fetchone()
            return port is not None and int(port[0]) != lab.ports[primary]

    def write_or_not_yet() -> bool:
        try:
            return write()
        except psycopg.Error:
            return False

    eventually("the other node takes writes", write_or_not_yet, within=15)
    other = lab.endpoints["pg_2" if primary == "pg-1" else "pg_1"]

    def replicated() -> bool:
        rows = query(lab.endpoints["prometheus"], "pg_node_streaming_standbys == 1")
        return len(rows) == 1 and lab_home.process(lab.name, primary).ready

    eventually(f"the killed node follows {other}", replicated, within=30)


def test_the_log_of_a_process_can_be_read(lab: LabRecord, lab_home: LabHome) -> None:
    shown = lab_home.sretool("lab", "logs", "pg-1", "--name", lab.name, "-n", "3")
    assert shown.returncode == 0
    assert len(shown.stdout.splitlines()) == 3
    unknown = lab_home.sretool("lab", "logs", "nobody", "--name", lab.name)
    assert unknown.returncode == 2
    assert "pg-1" in unknown.stderr


@pytest.fixture(scope="module")
def second(lab: LabRecord, lab_home: LabHome) -> LabRecord:
    """A lab beside the first one: neither touches the other."""
    return lab_home.up("second", "--no-history")


def test_two_labs_share_no_port_and_both_run(lab: LabRecord, second: LabRecord) -> None:
    assert not set(lab.ports.values()) & set(second.ports.values())
    assert {found.name for found in record.running()} == {lab.name, second.name}


def test_nothing_survives_the_supervisor_that_down_does_not_clear_up(
    lab: LabRecord, second: LabRecord, lab_home: LabHome
) -> None:
    assert second.supervisor is not None
    os.kill(second.supervisor.pid, signal.SIGKILL)
    reported = json.loads(lab_home.sretool("lab", "status", "--name", "second", "--format", "json").stdout)
    assert reported["state"] == "failed"
    down = lab_home.sretool("lab", "down", "--name", "second")
    assert down.returncode == 0, down.stderr
    assert traces(second) == []
    assert lab_home.lab("second").state is LabState.STOPPED


def test_it_comes_back_warm_at_the_same_addresses_after_the_command_was_killed(
    lab: LabRecord, second: LabRecord, lab_home: LabHome
) -> None:
    command = lab_home.command("lab", "up", "--name", "second", "--no-history")
    with subprocess.Popen(command, env=lab_home.environment, stderr=subprocess.DEVNULL) as up:
        eventually(
            "a supervisor works",
            lambda: lab_home.lab("second").supervisor is not None,
            within=10,
        )
        up.kill()
    again = lab_home.up("second", "--no-history")
    assert again.state is LabState.RUNNING
    assert again.endpoints == second.endpoints
    assert all_ready(lab_home, "first")


def test_reset_leaves_neither_processes_nor_data(
    lab: LabRecord, second: LabRecord, lab_home: LabHome
) -> None:
    done = lab_home.sretool("lab", "reset", "--name", "second")
    assert done.returncode == 0, done.stderr
    assert traces(second) == []
    assert not (lab_home.state / "sretool/labs/second").exists()
    assert second.database is not None
    assert not Path(second.database).exists()
    assert lab_home.lab(lab.name).state is LabState.RUNNING
