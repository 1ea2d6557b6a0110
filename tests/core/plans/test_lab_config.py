"""Configuration texts, read by the programs they are for."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from sretool.adapters.files import catalog
from sretool.core.plans import lab_config
from sretool.core.plans.lab_config import Target
from tests.support import programs

if TYPE_CHECKING:
    from pathlib import Path

TARGETS = (
    Target("danci-backend", "app-1", 1001),
    Target("danci-backend", "app-2", 1002),
    Target("node", "host", 9),
)


def haproxy(*, database_port: int | None = 5000, socket: str = "/run/lab/haproxy.sock") -> str:
    return lab_config.haproxy(
        replicas={"app-1": 1001, "app-2": 1002},
        http_port=8000,
        stats_port=8001,
        stats_socket=socket,
        database_nodes={"pg-1": 5001, "pg-2": 5002},
        database_port=database_port,
    )


def amas_texts(scale: int) -> lab_config.Texts:
    return lab_config.texts(catalog.load([catalog.bundled("amas")]), scale)


def test_promtool_accepts_the_scrape_configuration_with_the_systems_rules(tmp_path: Path) -> None:
    paths = []
    for name, text in amas_texts(10).rules.items():
        (tmp_path / name).write_text(text)
        paths.append(str(tmp_path / name))
    config = tmp_path / "prometheus.yml"
    config.write_text(lab_config.prometheus(TARGETS, 9093, paths))
    assert "SUCCESS" in programs.run("promtool", "check", "config", config)


def test_a_target_is_known_by_its_name_and_its_job() -> None:
    parsed: dict[str, Any] = yaml.safe_load(lab_config.prometheus(TARGETS, None, []))
    jobs = {job["job_name"]: job["static_configs"] for job in parsed["scrape_configs"]}
    assert jobs == {
        "danci-backend": [
            {"targets": ["127.0.0.1:1001"], "labels": {"instance": "app-1"}},
            {"targets": ["127.0.0.1:1002"], "labels": {"instance": "app-2"}},
        ],
        "node": [{"targets": ["127.0.0.1:9"], "labels": {"instance": "host"}}],
    }
    assert (parsed["global"]["scrape_interval"], parsed["global"]["evaluation_interval"]) == ("1s", "1s")
    assert "alerting" not in parsed
    assert "rule_files" not in parsed


def test_amtool_accepts_the_systems_routing_with_the_receivers_address(tmp_path: Path) -> None:
    text = lab_config.alertmanager(amas_texts(10).alertmanager, 4000)
    assert "RECEIVER_URL" not in text
    assert "http://127.0.0.1:4000/webhook/" in text
    config = tmp_path / "alertmanager.yml"
    config.write_text(text)
    assert "SUCCESS" in programs.run("amtool", "check-config", config)


def test_objectives_keep_their_pace_whatever_the_labs_scale() -> None:
    scaled, as_written = amas_texts(10).rules, amas_texts(1).rules
    assert scaled["objectives.yml"] == as_written["objectives.yml"]
    symptoms = next(name for name in scaled if name != "objectives.yml")
    assert scaled[symptoms] != as_written[symptoms]


@pytest.mark.parametrize("database_port", [None, 5000])
def test_haproxy_accepts_its_configuration(tmp_path: Path, database_port: int | None) -> None:
    program = shutil.which("haproxy", path=f"/usr/sbin:{os.environ['PATH']}")
    assert program is not None, "haproxy is missing: apt-get install haproxy"
    config = tmp_path / "haproxy.cfg"
    config.write_text(haproxy(database_port=database_port))
    checked = subprocess.run([program, "-c", "-f", config], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr


def test_a_repeated_request_is_never_a_post() -> None:
    text = haproxy()
    assert "retry-on conn-failure empty-response response-timeout" in text
    assert "http-request disable-l7-retry if METH_POST" in text


def test_the_database_check_speaks_postgresqls_protocol() -> None:
    """Bytes as PostgreSQL's documentation of message formats gives them."""
    start = lab_config.startup_message("probe", "app")
    assert int.from_bytes(start[:4], "big") == len(start)
    assert start[4:8] == b"\x00\x03\x00\x00"
    assert start[8:].startswith(b"user\0probe\0database\0app\0")
    assert start.endswith(b"\0\0")
    assert lab_config.query_message("select 1") == b"Q\x00\x00\x00\x0dselect 1\x00"
    assert lab_config.data_row("off") == b"D\x00\x00\x00\x0d\x00\x01\x00\x00\x00\x03off"


def test_redis_keeps_nothing_on_disk_and_a_bounded_memory() -> None:
    lines = lab_config.redis(6000, "/labs/a b").splitlines()
    assert {"port 6000", "bind 127.0.0.1", 'save ""', "appendonly no", "maxmemory 64mb"} <= set(lines)
    assert 'dir "/labs/a b"' in lines


ODD = "/tmp/st é 🐘 \"x\" 'y' [1] $HOME \\ #"
"""A folder can be called this."""


def test_redis_reads_a_folder_of_any_name(tmp_path: Path) -> None:
    folder = tmp_path / ODD[5:]
    folder.mkdir()
    program = shutil.which("redis-server")
    assert program is not None, "redis-server is missing: apt-get install redis-server"
    config = tmp_path / "redis.conf"
    # Without a port it ends as soon as it has read its configuration and gone to its folder.
    config.write_text(lab_config.redis(0, str(folder)))
    ended = subprocess.run([program, config], capture_output=True, text=True, check=False)
    assert "FATAL CONFIG" not in ended.stdout + ended.stderr
    assert "Configuration loaded" in ended.stdout


def test_promtool_finds_rules_in_a_folder_of_any_name(tmp_path: Path) -> None:
    folder = tmp_path / ODD[5:]
    folder.mkdir()
    (folder / "rules é.yml").write_text("groups: []\n")
    config = folder / "prometheus.yml"
    config.write_text(lab_config.prometheus(TARGETS, 9093, [str(folder / "rules é.yml")]))
    assert "1 rule files found" in programs.run("promtool", "check", "config", config)


def test_haproxy_and_postgresql_take_a_socket_in_a_folder_of_any_name() -> None:
    stats = next(line for line in haproxy(socket=ODD).splitlines() if "stats socket" in line)
    assert shlex.split(stats)[:3] == ["stats", "socket", ODD]
    settings = lab_config.postgres("""/a 'b' "c" \\d é""")
    assert """unix_socket_directories = '"/a ''b'' ""c"" \\\\d é"'""" in settings.splitlines()


def test_the_exporters_queries_are_yaml_with_a_type_for_every_column() -> None:
    parsed = yaml.safe_load(lab_config.exporter_queries())
    names = {f"{name}_{next(iter(metric))}" for name, query in parsed.items() for metric in query["metrics"]}
    assert {
        "pg_node_is_primary",
        "pg_node_replication_lag_seconds",
        "pg_node_waiting_locks",
        "pg_node_streaming_standbys",
    } <= names
    assert json.loads(lab_config.exporter_queries()) == parsed


def test_the_applications_role_owns_its_schema_and_nothing_else() -> None:
    script = lab_config.database_roles(create_database=False)
    assert "CREATE ROLE amas LOGIN'" in script
    assert "CREATE SCHEMA IF NOT EXISTS amas AUTHORIZATION amas;" in script
    assert "SUPERUSER" not in script
    assert "CREATE DATABASE" not in script
    assert "CREATE DATABASE app" in lab_config.database_roles(create_database=True)
