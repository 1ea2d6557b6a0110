"""The configuration files of the lab's programs, as text.

Plain text made from ports and paths, nothing read and nothing written: what a lab runs with can be
shown, compared and checked by the programs' own checkers without starting anything.
"""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sretool.core.alerting.scale import scale_routing, scale_rules
from sretool.core.catalog.model import RECEIVER_URL
from sretool.core.slo import rules

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sretool.core.catalog.model import System

LOCALHOST = "127.0.0.1"
SCRAPE_INTERVAL = "1s"
SCRAPE_TIMEOUT = "900ms"
"""Below the interval, as Prometheus demands; a frozen target is seen within one second."""
DATABASE = "app"
DATABASE_OWNER = "amas"
"""Unprivileged role that owns the application's schema."""
DATABASE_PROBE = "probe"
"""Role of exporters and health checks: may read statistics, owns nothing."""


@dataclass(frozen=True, slots=True)
class Texts:
    """The system's own files that lab programs read."""

    rules: Mapping[str, str]
    """Prometheus rule files by name."""
    alertmanager: str
    """Routing, with the placeholder RECEIVER_URL."""


def texts(system: System, scale: int) -> Texts:
    """What the lab loads of a catalog: symptoms and routing `scale` times as fast, objectives as they are."""
    symptoms = {name: scale_rules(text, scale) for name, text in system.rule_files.items()}
    objectives = (
        {"objectives.yml": rules.render(system.slos, severities=system.severities)} if system.slos else {}
    )
    routing = scale_routing(system.alertmanager, scale) if system.alertmanager else _NO_ROUTING
    return Texts(rules={**objectives, **symptoms}, alertmanager=routing)


_NO_ROUTING = "route: {receiver: none}\nreceivers: [{name: none}]\n"


@dataclass(frozen=True, slots=True)
class Target:
    """One `/metrics` that Prometheus reads."""

    job: str
    instance: str
    port: int


_ADDRESS_LABELS = {"postgres": "server"}
"""Job → label in which its exporter repeats the target's address; a series outlives its port without it."""


def prometheus(targets: Sequence[Target], alertmanager_port: int | None, rule_files: Sequence[str]) -> str:
    """prometheus.yml: every target under its job, labelled with its name and not with its port."""
    lines = [
        "global:",
        f"  scrape_interval: {SCRAPE_INTERVAL}",
        f"  scrape_timeout: {SCRAPE_TIMEOUT}",
        f"  evaluation_interval: {SCRAPE_INTERVAL}",
    ]
    if alertmanager_port is not None:
        address = _quoted(f"{LOCALHOST}:{alertmanager_port}")
        lines += ["alerting:", "  alertmanagers:", "    - static_configs:", f"        - targets: [{address}]"]
    if rule_files:
        lines.append("rule_files:")
        lines += [f"  - {_quoted(_literally(path))}" for path in rule_files]
    lines.append("scrape_configs:")
    for job in dict.fromkeys(target.job for target in targets):
        lines.append(f"  - job_name: {job}")
        if job in _ADDRESS_LABELS:
            lines.append("    metric_relabel_configs:")
            lines.append(f"      - {{action: labeldrop, regex: {_ADDRESS_LABELS[job]}}}")
        lines.append("    static_configs:")
        for target in targets:
            if target.job == job:
                lines += [
                    f"      - targets: [{_quoted(f'{LOCALHOST}:{target.port}')}]",
                    f"        labels: {{instance: {_quoted(target.instance)}}}",
                ]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """In double quotes, for YAML and for Redis; neither knows all the escapes JSON has beyond ASCII."""
    return json.dumps(text, ensure_ascii=False)


def _literally(path: str) -> str:
    """A pattern of Prometheus's that only this path fits."""
    return re.sub(r"([*?\[\\])", r"\\\1", path)


def alertmanager(text: str, receiver_port: int) -> str:
    """The system's routing with the lab's webhook receiver put in."""
    return text.replace(RECEIVER_URL, f"http://{LOCALHOST}:{receiver_port}")


def toxiproxy(proxies: Mapping[str, tuple[int, int]]) -> str:
    """toxiproxy.json: for each proxy by name the port it listens on and the one it leads to."""
    listed = [
        {
            "name": name,
            "listen": f"{LOCALHOST}:{port}",
            "upstream": f"{LOCALHOST}:{server}",
            "enabled": True,
        }
        for name, (port, server) in proxies.items()
    ]
    return json.dumps(listed, indent=1) + "\n"


def redis(port: int, directory: str) -> str:
    """A cache: bounded, and nothing on disk."""
    return "\n".join(
        (
            f"bind {LOCALHOST}",
            f"port {port}",
            f"dir {_quoted(directory)}",
            "daemonize no",
            "protected-mode yes",
            'save ""',
            "appendonly no",
            "maxmemory 64mb",
            "maxmemory-policy allkeys-lru",
            "timeout 0",
            "tcp-keepalive 30",
            "loglevel notice",
            "",
        )
    )


def haproxy(
    *,
    replicas: Mapping[str, int],
    http_port: int,
    stats_port: int,
    stats_socket: str,
    database_nodes: Mapping[str, int],
    database_port: int | None,
) -> str:
    """haproxy.cfg: the replicas behind one address, the writable database node behind another.

    A request whose replica dies is repeated on the other one, unless it is a POST that may already
    have had its effect. Statistics and Prometheus metrics are on an address of their own.
    """
    lines = [
        "global",
        f"    stats socket {shlex.quote(stats_socket)} mode 600 level admin",
        "    nbthread 1",
        "    maxconn 2000",
        "",
        "defaults",
        "    timeout connect 500ms",
        "    timeout check 800ms",
        "    timeout queue 1s",
        "",
        "frontend http",
        f"    bind {LOCALHOST}:{http_port}",
        "    mode http",
        "    timeout client 30s",
        "    timeout http-keep-alive 30s",
        "    option forwardfor",
        "    http-request disable-l7-retry if METH_POST",
        # Of operators and for one replica only: not for users, and not for whichever is next.
        "    http-request deny if { path_beg /upkeep }",
        "    default_backend app",
        "",
        "backend app",
        "    mode http",
        "    balance roundrobin",
        "    timeout server 3s",
        "    option httpchk GET /health",
        "    http-check expect status 200",
        # A replica that is to be restarted gets nothing new and finishes what it has.
        "    http-check disable-on-404",
        "    retries 2",
        "    option redispatch 1",
        "    retry-on conn-failure empty-response response-timeout",
        "    default-server inter 500ms fastinter 100ms downinter 500ms fall 2 rise 1"
        " on-marked-down shutdown-sessions",
        *(f"    server {name} {LOCALHOST}:{port} check" for name, port in replicas.items()),
        "",
        "frontend stats",
        f"    bind {LOCALHOST}:{stats_port}",
        "    mode http",
        "    timeout client 30s",
        "    http-request use-service prometheus-exporter if { path /metrics }",
        "    stats enable",
        "    stats uri /",
    ]
    if database_port is not None and database_nodes:
        lines += ["", *_database_listener(database_nodes, database_port)]
    return "\n".join(lines) + "\n"


def _database_listener(nodes: Mapping[str, int], port: int) -> list[str]:
    """Connections to whichever node accepts writes.

    Asked in PostgreSQL's own protocol, and for `transaction_read_only` rather than for recovery:
    during a promotion recovery ends before the node accepts writes. A standby answers something
    else than expected until the check times out, so a node that just became one is DOWN after
    fall x (timeout + interval).
    """
    return [
        "listen pg_rw",
        f"    bind {LOCALHOST}:{port}",
        "    mode tcp",
        "    timeout client 1h",
        "    timeout server 1h",
        "    option tcp-check",
        "    tcp-check connect",
        f"    tcp-check send-binary {startup_message(DATABASE_PROBE, DATABASE).hex()}",
        f"    tcp-check expect binary {READY_FOR_QUERY.hex()}",
        f"    tcp-check send-binary {query_message('show transaction_read_only').hex()}",
        f"    tcp-check expect binary {data_row('off').hex()}",
        f"    tcp-check send-binary {TERMINATE.hex()}",
        "    default-server inter 300ms fastinter 100ms downinter 300ms rise 1 fall 2"
        " on-marked-down shutdown-sessions",
        *(f"    server {name} {LOCALHOST}:{node_port} check" for name, node_port in nodes.items()),
    ]


READY_FOR_QUERY = b"Z\x00\x00\x00\x05I"
"""PostgreSQL's message that a session is idle."""
TERMINATE = b"X\x00\x00\x00\x04"


def startup_message(user: str, database: str) -> bytes:
    """First message of a PostgreSQL session (protocol 3.0): length, version, name/value pairs, end."""
    pairs = b"".join(
        text.encode() + b"\0" for text in ("user", user, "database", database, "application_name", "haproxy")
    )
    body = (196608).to_bytes(4, "big") + pairs + b"\0"
    return (len(body) + 4).to_bytes(4, "big") + body


def query_message(sql: str) -> bytes:
    """A simple query: type, length with itself, text."""
    body = sql.encode() + b"\0"
    return b"Q" + (len(body) + 4).to_bytes(4, "big") + body


def data_row(value: str) -> bytes:
    """A row of one text column, as the server sends it."""
    text = value.encode()
    body = (1).to_bytes(2, "big") + len(text).to_bytes(4, "big") + text
    return b"D" + (len(body) + 4).to_bytes(4, "big") + body


def postgres(socket_dir: str) -> str:
    """Settings for every PostgreSQL of the lab, put behind whatever else postgresql.conf has.

    `fsync` is off: an acknowledged row survives the death of any process, because the standby has it
    and the kernel has it, but not a power cut; `lab reset` starts over then.
    """
    settings = {
        "shared_buffers": "32MB",
        "work_mem": "4MB",
        "maintenance_work_mem": "32MB",
        "max_connections": "100",
        "unix_socket_directories": _directory_setting(socket_dir),
        "wal_keep_size": "256MB",
        "max_wal_size": "512MB",
        "min_wal_size": "64MB",
        "logging_collector": "off",
        "log_checkpoints": "off",
        "jit": "off",
        "fsync": "off",
        "wal_retrieve_retry_interval": "200ms",
        "wal_receiver_timeout": "5s",
        "wal_receiver_status_interval": "1s",
    }
    return _settings(settings)


def _directory_setting(path: str) -> str:
    """A list of one directory: a list's member in double quotes, in a setting's single ones."""
    member = '"' + path.replace('"', '""') + '"'
    return "'" + member.replace("\\", "\\\\").replace("'", "''") + "'"


def failover_monitor() -> str:
    """How soon the monitor gives a node up: about four seconds instead of the packaged minute.

    A keeper reports once a second, so `node_considered_unhealthy_timeout` below two seconds would
    take a busy machine for a dead node.
    """
    settings = {
        "pgautofailover.health_check_period": "500",
        "pgautofailover.health_check_retry_delay": "500",
        "pgautofailover.health_check_timeout": "1000",
        "pgautofailover.health_check_max_retries": "2",
        "pgautofailover.node_considered_unhealthy_timeout": "3000",
        "pgautofailover.primary_demote_timeout": "1000",
        # Both nodes have this long to come back after a restart of the lab before one is promoted.
        "pgautofailover.startup_grace_period": "5000",
    }
    return _settings(settings)


def _settings(settings: Mapping[str, str]) -> str:
    return "\n" + "".join(f"{name} = {value}\n" for name, value in settings.items())


def database_roles(*, create_database: bool) -> str:
    """psql script: database, the application's role with its schema, the role of checks; repeatable."""
    database = (
        f"SELECT 'CREATE DATABASE {DATABASE}'"
        f" WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{DATABASE}')\\gexec\n"
        f"\\connect {DATABASE}\n"
    )
    return (
        (database if create_database else "")
        + f"""\
SET client_min_messages = warning;
SELECT 'CREATE ROLE {DATABASE_OWNER} LOGIN'
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{DATABASE_OWNER}')\\gexec
SELECT 'CREATE ROLE {DATABASE_PROBE} LOGIN IN ROLE pg_monitor'
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{DATABASE_PROBE}')\\gexec
CREATE SCHEMA IF NOT EXISTS {DATABASE_OWNER} AUTHORIZATION {DATABASE_OWNER};
ALTER ROLE {DATABASE_OWNER} SET search_path = {DATABASE_OWNER};
"""
    )


def exporter_queries() -> str:
    """What the PostgreSQL exporter asks each node besides its own collectors."""
    lag = (
        "CASE WHEN NOT pg_is_in_recovery() THEN 0 "
        # Streaming and everything replayed: not behind, however long nothing was written.
        "WHEN EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming' "
        "AND latest_end_lsn <= pg_last_wal_replay_lsn()) THEN 0 "
        "ELSE coalesce(extract(epoch FROM now() - pg_last_xact_replay_timestamp()), 0) END"
    )
    node = (
        "SELECT CASE WHEN pg_is_in_recovery() THEN 0 ELSE 1 END AS is_primary, "
        f"{lag} AS replication_lag_seconds, "
        "(SELECT count(*) FROM pg_locks WHERE NOT granted) AS waiting_locks, "
        "(SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming') AS streaming_standbys, "
        "(SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')"
        " AS client_connections, "
        f"pg_database_size('{DATABASE}') AS database_bytes"
    )
    database = (
        "SELECT datname, xact_commit, xact_rollback, deadlocks, blks_read, blks_hit "
        f"FROM pg_stat_database WHERE datname = '{DATABASE}'"
    )
    queries = {
        "pg_node": {
            "query": node,
            "metrics": [
                _metric("is_primary", "GAUGE", "1 where the node is not in recovery"),
                _metric(
                    "replication_lag_seconds", "GAUGE", "Seconds the standby is behind; 0 on the primary"
                ),
                _metric("waiting_locks", "GAUGE", "Locks waited for"),
                _metric("streaming_standbys", "GAUGE", "Standbys that stream from this node"),
                _metric("client_connections", "GAUGE", "Sessions of clients"),
                _metric("database_bytes", "GAUGE", "Size of the application's database"),
            ],
        },
        "pg_stat_database": {
            "query": database,
            "metrics": [
                _metric("datname", "LABEL", "Database"),
                _metric("xact_commit", "COUNTER", "Transactions committed"),
                _metric("xact_rollback", "COUNTER", "Transactions rolled back"),
                _metric("deadlocks", "COUNTER", "Deadlocks"),
                _metric("blks_read", "COUNTER", "Blocks read from disk"),
                _metric("blks_hit", "COUNTER", "Blocks found in the cache"),
            ],
        },
    }
    # JSON is YAML.
    return json.dumps(queries, indent=2, ensure_ascii=False) + "\n"


def _metric(column: str, usage: str, description: str) -> dict[str, dict[str, str]]:
    return {column: {"usage": usage, "description": description}}
