"""Which processes a lab has, and in which order, by what the machine offers."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from sretool.core.plans import topology
from sretool.core.plans.database import NODES
from sretool.core.plans.lab_config import Texts
from sretool.core.plans.processes import (
    Account,
    CgroupPaths,
    ProcessSpec,
    Site,
    TaskSpec,
    Topology,
    stop_after,
)
from sretool.core.plans.topology import PORTS, PROGRAMS, REPLICAS

TEXTS = Texts(rules={"symptoms.yml": "groups: []\n"}, alertmanager="url: RECEIVER_URL/webhook/pager\n")


def site(*, without: tuple[str, ...] = (), warm: bool = False, primary: str = "pg-1") -> Site:
    return Site(
        system="amas",
        directory="/labs/amas",
        database_dir="/data/amas",
        socket_dir="/data/amas/s",
        database_user="postgres",
        ports={name: 20000 + index for index, name in enumerate(PORTS)},
        programs={name: f"/bin/{name}" for name in PROGRAMS if name not in without},
        environments={},
        python="/venv/python",
        warm=warm,
        primary=primary,
        history_cache="/cache",
        cgroups={name: CgroupPaths(f"/cpu/{name}", f"/memory/{name}") for name in REPLICAS},
    )


def processes(lab: Topology) -> dict[str, ProcessSpec]:
    return {process.name: process for process in lab.processes}


def tasks(lab: Topology) -> dict[str, TaskSpec]:
    return {task.name: task for task in lab.tasks}


def through(lab: Topology) -> list[dict[str, str]]:
    """The proxies of the lab, in order."""
    listed: list[dict[str, str]] = json.loads(lab.files["/labs/amas/config/toxiproxy.json"])
    return listed


def behind_the_proxies(lab: Topology, url: str) -> str:
    """Where an address leads."""
    for each in through(lab):
        url = url.replace(each["listen"], each["upstream"])
    return url


def start_order(lab: Topology) -> list[str]:
    """Names, each after everything it waits for; fails on a circle or an unknown name."""
    specs = processes(lab) | tasks(lab)
    order: list[str] = []
    while len(order) < len(specs):
        ready = [name for name, spec in specs.items() if name not in order and set(spec.after) <= set(order)]
        assert ready, f"waiting for each other: {set(specs) - set(order)}"
        order += ready
    return order


VARIANTS = [
    pytest.param((), id="everything installed"),
    pytest.param(("pg_autoctl",), id="no pg_auto_failover"),
    pytest.param(("postgres", "initdb", "psql"), id="no PostgreSQL"),
    pytest.param(("haproxy",), id="no HAProxy"),
    pytest.param(("redis-server",), id="no Redis"),
    pytest.param(
        tuple(name for name in PROGRAMS if name not in topology.REQUIRED), id="only what is required"
    ),
]


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
@pytest.mark.parametrize("without", VARIANTS)
def test_whatever_is_installed_everything_can_start_and_prometheus_is_last(
    without: tuple[str, ...], warm: bool
) -> None:
    lab = topology.amas(site(without=without, warm=warm), TEXTS)
    assert start_order(lab)[-1] == "prometheus"


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
@pytest.mark.parametrize("without", VARIANTS)
def test_whatever_is_installed_everything_can_stop(without: tuple[str, ...], warm: bool) -> None:
    waits = stop_after(topology.amas(site(without=without, warm=warm), TEXTS))
    stopped: set[str] = set()
    while len(stopped) < len(waits):
        now = {name for name, others in waits.items() if name not in stopped and others <= stopped}
        assert now, f"waiting for each other: {set(waits) - stopped}"
        stopped |= now


@pytest.mark.parametrize("without", VARIANTS)
def test_every_program_has_its_own_port_and_every_target_a_process(without: tuple[str, ...]) -> None:
    lab = topology.amas(site(without=without), TEXTS)
    ports = [process.port for process in lab.processes]
    assert len(set(ports)) == len(ports)
    scraped = lab.files["/labs/amas/config/prometheus.yml"]
    for job, program in (("postgres", "postgres"), ("redis", "redis-server"), ("haproxy", "haproxy")):
        assert (f"job_name: {job}\n" in scraped) == (program not in without)


def test_with_everything_nothing_is_missing() -> None:
    lab = topology.amas(site(), TEXTS)
    assert lab.missing == ()
    assert lab.endpoints["postgres"] == "postgresql://amas@127.0.0.1:20009/app"


@pytest.mark.parametrize(
    ("without", "sentence"),
    [
        ("pg_autoctl", "without standby or failover"),
        ("postgres", "data in memory"),
        ("haproxy", "to the replicas directly"),
        ("redis-server", "without its cache"),
        ("prometheus-redis-exporter", "the Redis exporter is not installed"),
    ],
)
def test_what_falls_away_is_said(without: str, sentence: str) -> None:
    lab = topology.amas(site(without=(without,)), TEXTS)
    assert len(lab.missing) == 1
    assert sentence in lab.missing[0]


def test_limits_that_cannot_be_enforced_are_not_claimed() -> None:
    lab = topology.amas(replace(site(), cgroups={}), TEXTS)
    replica = processes(lab)["app-1"]
    assert replica.limits is None
    assert (replica.env["AMAS_CGROUP_CPU"], replica.env["AMAS_CGROUP_MEMORY"]) == ("", "")
    assert lab.missing == ("no control groups can be made here: CPU and memory limits are not enforced",)


def test_each_replica_knows_its_own_control_group() -> None:
    replica = processes(topology.amas(site(), TEXTS))["app-2"]
    assert replica.limits == topology.REPLICA_LIMITS
    assert replica.env["AMAS_CGROUP_CPU"] == "/cpu/app-2"
    assert replica.env["AMAS_CGROUP_MEMORY"] == "/memory/app-2"


def test_each_version_can_be_made_worse_by_a_file_of_its_own() -> None:
    lab = topology.amas(site(), TEXTS)
    files = [processes(lab)[name].env["AMAS_DEFECTS"] for name in topology.REPLICAS]
    assert files == [f"{site().directory}/config/{name}.defects.json" for name in topology.REPLICAS]
    assert not set(files) & set(lab.files)


def test_without_haproxy_clients_find_the_writable_node_and_the_replicas_themselves() -> None:
    lab = topology.amas(site(without=("haproxy",)), TEXTS)
    nodes = "postgresql://amas@127.0.0.1:20010,127.0.0.1:20011/app?target_session_attrs=read-write"
    assert processes(lab)["worker"].env["AMAS_DATABASE_URL"] == nodes
    assert behind_the_proxies(lab, processes(lab)["app-1"].env["AMAS_DATABASE_URL"]) == nodes
    traffic = processes(lab)["traffic"].argv
    targets = traffic[traffic.index("--target") + 1]
    assert targets == "http://127.0.0.1:20004,http://127.0.0.1:20005"


def test_replicas_reach_what_they_depend_on_through_the_proxies_and_nobody_else_does() -> None:
    lab = topology.amas(site(), TEXTS)
    direct = {"AMAS_DATABASE_URL": lab.endpoints["postgres"], "AMAS_REDIS_URL": lab.endpoints["redis"]}
    for name in REPLICAS:
        process = processes(lab)[name]
        assert "toxiproxy" in process.after
        for variable, url in direct.items():
            assert process.env[variable] != url
            assert behind_the_proxies(lab, process.env[variable]) == url
    for spec in (processes(lab)["worker"], tasks(lab)["migrate"]):
        assert {name: spec.env[name] for name in direct} == direct
    assert [each["name"] for each in through(lab)] == ["database", "redis"]
    assert lab.endpoints["toxiproxy"] == f"http://127.0.0.1:{processes(lab)['toxiproxy'].port}"


@pytest.mark.parametrize("without", VARIANTS)
def test_each_proxy_has_a_port_of_its_own(without: tuple[str, ...]) -> None:
    lab = topology.amas(site(without=without), TEXTS)
    taken = [f"127.0.0.1:{process.port}" for process in lab.processes]
    listening = [each["listen"] for each in through(lab)]
    assert len({*taken, *listening}) == len(taken) + len(listening)
    assert all(each["upstream"] in taken or "haproxy" in processes(lab) for each in through(lab))


def test_without_postgresql_the_service_is_told_so() -> None:
    lab = topology.amas(site(without=("postgres", "initdb", "psql")), TEXTS)
    assert processes(lab)["app-1"].env["AMAS_DATABASE_URL"] == ""
    assert "migrate" not in tasks(lab)
    assert "postgres" not in lab.endpoints


def test_postgresql_never_has_the_invokers_rights() -> None:
    lab = topology.amas(site(), TEXTS)
    programs = ("/bin/postgres", "/bin/initdb", "/bin/psql", "/bin/pg_autoctl")
    accounts = {process.account for process in lab.processes if process.argv[0] in programs}
    accounts |= {task.account for task in lab.tasks if task.commands[0].argv[0] in programs}
    assert accounts == {Account.DATABASE}


def test_a_warm_start_creates_no_cluster() -> None:
    cold, warm = (set(tasks(topology.amas(site(warm=warm), TEXTS))) for warm in (False, True))
    assert cold - warm == {"pg-monitor-create", "pg-1-initdb", "pg-1-create", "pg-2-create"}


@pytest.mark.parametrize("primary", NODES)
def test_in_a_warm_start_the_standby_waits_for_the_primary(primary: str) -> None:
    lab = topology.amas(site(warm=True, primary=primary), TEXTS)
    standby = next(node for node in NODES if node != primary)
    assert processes(lab)[primary].after == ("pg-monitor",)
    assert processes(lab)[standby].after == (primary,)


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
def test_the_monitor_is_stopped_before_its_nodes_and_after_the_application(warm: bool) -> None:
    waits = stop_after(topology.amas(site(warm=warm), TEXTS))
    assert {"app-1", "app-2", "worker", "prometheus"} <= waits["pg-monitor"]
    for node in NODES:
        assert "pg-monitor" in waits[node]


def test_the_schema_is_there_before_whoever_uses_it() -> None:
    order = start_order(topology.amas(site(), TEXTS))
    for user in (*REPLICAS, "worker"):
        assert order.index("migrate") < order.index(user)
    assert order.index("traffic") > max(order.index(name) for name in REPLICAS)


def test_without_history_prometheus_waits_for_the_processes_only() -> None:
    lab = topology.amas(replace(site(), history_cache=None), TEXTS)
    assert not {name for name in tasks(lab) if name.startswith("history")}
    assert set(processes(lab)["prometheus"].after) == set(processes(lab)) - {"prometheus"}


def test_history_is_made_beside_the_start_and_finished_right_before_prometheus() -> None:
    lab = topology.amas(site(), TEXTS)
    assert tasks(lab)["history-prepare"].after == ()
    assert processes(lab)["prometheus"].after == ("history-finish",)
    assert set(tasks(lab)["history-finish"].after) >= set(processes(lab)) - {"prometheus"}


def test_programs_from_another_place_get_the_variables_they_need() -> None:
    libraries = {"LD_LIBRARY_PATH": "/prefix/lib", "PATH": "/prefix/bin"}
    lab = topology.amas(
        replace(site(), environments={"postgres": libraries, "redis-server": libraries}), TEXTS
    )
    assert processes(lab)["redis"].env == libraries
    node = processes(lab)["pg-1"].env
    assert node["LD_LIBRARY_PATH"] == "/prefix/lib"
    assert node["PATH"] == "/bin:/prefix/bin"


def test_the_systems_own_files_are_written_where_their_programs_read_them() -> None:
    lab = topology.amas(site(), TEXTS)
    assert lab.files["/labs/amas/config/rules/symptoms.yml"] == "groups: []\n"
    assert lab.files["/labs/amas/config/alertmanager.yml"] == "url: http://127.0.0.1:20002/webhook/pager\n"
