"""Which processes the lab of a system is made of, in which order, with which files.

A pure function of the machine's facts (`Site`): ports, paths, installed programs. What is not
installed falls away and is named in `missing`; the rest of the lab is arranged around it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sretool.core.plans import lab_config
from sretool.core.plans.database import NODES, Database
from sretool.core.plans.lab_config import DATABASE, DATABASE_PROBE, LOCALHOST, Target
from sretool.core.plans.processes import (
    Command,
    Limits,
    Probe,
    Probing,
    ProcessSpec,
    Site,
    TaskSpec,
    Topology,
)

if TYPE_CHECKING:
    from sretool.core.plans.lab_config import Texts

REPLICAS = ("app-1", "app-2")
RESTARTED_BY = "MemoryUsageHigh"
"""The alert that a replica is restarted for, before the kernel kills it."""
REPLICA_LIMITS = Limits(cpu_cores=0.5, memory_bytes=256 * 1024 * 1024)
_HOST_COLLECTORS = (
    "cpu",
    "diskstats",
    "filesystem",
    "loadavg",
    "meminfo",
    "netdev",
    "pressure",
    "stat",
    "time",
    "uname",
    "vmstat",
)
"""Of the node exporter's forty collectors those that tell something about a machine under load."""

PORTS = (
    "prometheus",
    "alertmanager",
    "receiver",
    "app",
    *REPLICAS,
    "worker",
    "traffic",
    "haproxy-stats",
    "postgres",
    *NODES,
    "pg-monitor",
    "redis",
    "node-exporter",
    "pg-exporter-1",
    "pg-exporter-2",
    "redis-exporter",
    "toxiproxy",
    "toxiproxy-database",
    "toxiproxy-database-2",
    "toxiproxy-redis",
)
REQUIRED = ("prometheus", "prometheus-alertmanager")
"""Without these there is nothing to look at."""
PROGRAMS = (
    *REQUIRED,
    "prometheus-node-exporter",
    "prometheus-postgres-exporter",
    "prometheus-redis-exporter",
    "haproxy",
    "redis-server",
    "postgres",
    "initdb",
    "psql",
    "pg_autoctl",
)


def amas(site: Site, texts: Texts) -> Topology:
    """The lab of the reference system."""
    return _Amas(site, texts).topology()


class _Amas:
    """Collects the pieces of one topology; what is installed decides which."""

    def __init__(self, site: Site, texts: Texts) -> None:
        self._site = site
        self._texts = texts
        self._ports = site.ports
        self._database = Database(site)
        self._balanced = "haproxy" in site.programs
        self._cached = "redis-server" in site.programs
        self._processes = list(self._database.processes)
        self._tasks = list(self._database.tasks)
        self._files: dict[str, str] = {}
        self._targets: list[Target] = []

    def topology(self) -> Topology:
        self._add_redis()
        self._add_haproxy()
        self._add_toxiproxy()
        self._add_apps()
        self._add_alerting()
        self._add_exporters()
        self._add_prometheus()
        return Topology(
            processes=tuple(self._processes),
            tasks=tuple(self._tasks),
            files=self._files,
            endpoints=self._endpoints(),
            missing=self._missing(),
        )

    # ---- names and addresses

    @property
    def _redis_url(self) -> str:
        return f"redis://{LOCALHOST}:{self._ports['redis']}/0" if self._cached else ""

    @property
    def _app_urls(self) -> tuple[str, ...]:
        """Where requests go: through HAProxy, or to the replicas in turn."""
        names = ("app",) if self._balanced else REPLICAS
        return tuple(f"http://{LOCALHOST}:{self._ports[name]}" for name in names)

    @property
    def _stats_socket(self) -> str:
        return f"{self._site.socket_dir}/haproxy.sock"

    def _endpoints(self) -> dict[str, str]:
        def http(name: str) -> str:
            return f"http://{LOCALHOST}:{self._ports[name]}"

        found = {
            "prometheus": http("prometheus"),
            "alertmanager": http("alertmanager"),
            "app": self._app_urls[0],
            "app_1": http("app-1"),
            "app_2": http("app-2"),
            "worker": http("worker"),
            "traffic": http("traffic"),
            "receiver": http("receiver"),
            "toxiproxy": http("toxiproxy"),
        }
        if self._database.installed:
            found["postgres"] = self._database.url
        for node in self._database.nodes:
            found[node.replace("-", "_")] = f"postgresql://{LOCALHOST}:{self._ports[node]}/{DATABASE}"
        if self._database.failover:
            found["pg_monitor"] = self._database.monitor_url
        if self._cached:
            found["redis"] = self._redis_url
        if self._balanced:
            found["haproxy_stats"] = http("haproxy-stats")
            found["haproxy_socket"] = self._stats_socket
        return found

    def _missing(self) -> tuple[str, ...]:
        gone = []
        if not self._database.installed:
            gone.append("PostgreSQL is not installed: the service keeps its data in memory")
        elif not self._database.failover:
            gone.append("pg_auto_failover is not installed: one PostgreSQL without standby or failover")
        if not self._balanced:
            gone.append("HAProxy is not installed: traffic goes to the replicas directly")
        if not self._cached:
            gone.append("Redis is not installed: the service runs without its cache")
        wanted = {
            "prometheus-node-exporter": ("the node exporter", True),
            "prometheus-postgres-exporter": ("the PostgreSQL exporter", self._database.installed),
            "prometheus-redis-exporter": ("the Redis exporter", self._cached),
        }
        gone += [
            f"{title} is not installed: its metrics are absent"
            for program, (title, useful) in wanted.items()
            if useful and program not in self._site.programs
        ]
        if not self._site.cgroups:
            gone.append("no control groups can be made here: CPU and memory limits are not enforced")
        return tuple(gone)

    # ---- the application and what is in front of and beside it

    def _add_redis(self) -> None:
        if not self._cached:
            return
        config = f"{self._site.directory}/config/redis.conf"
        self._files[config] = lab_config.redis(self._ports["redis"], f"{self._site.directory}/data")
        self._daemon("redis", "redis-server", config, probe=Probing.TCP)

    def _add_haproxy(self) -> None:
        if not self._balanced:
            return
        config = f"{self._site.directory}/config/haproxy.cfg"
        self._files[config] = lab_config.haproxy(
            replicas={name: self._ports[name] for name in REPLICAS},
            http_port=self._ports["app"],
            stats_port=self._ports["haproxy-stats"],
            stats_socket=self._stats_socket,
            database_nodes={name: self._ports[name] for name in self._database.nodes},
            database_port=self._ports["postgres"],
        )
        self._processes.append(
            ProcessSpec(
                name="haproxy",
                argv=(self._site.programs["haproxy"], "-db", "-f", config),
                env=dict(self._site.environments.get("haproxy", {})),
                ready=Probe(Probing.HTTP, port=self._ports["haproxy-stats"], path="/metrics"),
                port=self._ports["app"],
                # SIGUSR1 would wait for every session to end by itself.
                stop_signal="TERM",
            )
        )
        self._targets.append(Target("haproxy", "lb", self._ports["haproxy-stats"]))

    def _add_toxiproxy(self) -> None:
        """Between the replicas and what they depend on, so that a drill changes nobody's configuration."""
        config = f"{self._site.directory}/config/toxiproxy.json"
        self._files[config] = lab_config.toxiproxy({**self._to_database, **self._to_redis})
        port = self._ports["toxiproxy"]
        program = ("-m", "sretool.chaos.proxy", "--api", f"{LOCALHOST}:{port}", "--config", config)
        self._processes.append(
            ProcessSpec(
                name="toxiproxy",
                argv=(self._site.python, *program),
                ready=Probe(Probing.HTTP, port=port, path="/version"),
                port=port,
                grace=3.0,
            )
        )

    @property
    def _to_database(self) -> dict[str, tuple[int, int]]:
        """Proxy → its port and the one it leads to: HAProxy's, or each node's where there is no HAProxy."""
        servers = self._database.nodes
        if self._balanced:
            servers = ("postgres",) if self._database.installed else ()
        names = ("database", "database-2")
        return {
            name: (self._ports[f"toxiproxy-{name}"], self._ports[server])
            for name, server in zip(names, servers, strict=False)
        }

    @property
    def _to_redis(self) -> dict[str, tuple[int, int]]:
        return {"redis": (self._ports["toxiproxy-redis"], self._ports["redis"])} if self._cached else {}

    def _app(self, module: str, *arguments: str) -> tuple[str, ...]:
        return (self._site.python, "-m", f"sretool.lab_apps.{module}", *arguments)

    def _app_environment(self) -> dict[str, str]:
        return {"AMAS_DATABASE_URL": self._database.url, "AMAS_REDIS_URL": self._redis_url}

    def _replica_environment(self) -> dict[str, str]:
        """The same through the proxies."""
        database = [port for port, _ in self._to_database.values()]
        redis = [f"redis://{LOCALHOST}:{port}/0" for port, _ in self._to_redis.values()]
        return {
            "AMAS_DATABASE_URL": self._database.url_through(database),
            "AMAS_REDIS_URL": "".join(redis),
        }

    def _add_apps(self) -> None:
        stores = ("redis",) if self._cached else ()
        if self._database.installed:
            self._tasks.append(
                TaskSpec(
                    "migrate",
                    (Command(self._app("amas.migrate")),),
                    env=self._app_environment(),
                    after=("pg-roles",),
                )
            )
            stores = (*stores, "migrate")
        for name in REPLICAS:
            self._add_replica(name, ("toxiproxy", *stores))
        port = str(self._ports["worker"])
        self._python("worker", "amas.worker", "--port", port, env=self._app_environment(), after=stores)
        self._targets.append(Target("amas-worker", "worker", self._ports["worker"]))
        ahead = (*REPLICAS, "haproxy") if self._balanced else REPLICAS
        target = ("--target", ",".join(self._app_urls), "--port", str(self._ports["traffic"]))
        self._python("traffic", "amas.traffic", *target, after=ahead)
        self._targets.append(Target("traffic", "traffic", self._ports["traffic"]))

    def _add_replica(self, name: str, after: tuple[str, ...]) -> None:
        own = self._site.cgroups.get(name)
        groups = {
            "AMAS_CGROUP_CPU": own.cpu if own else "",
            "AMAS_CGROUP_MEMORY": own.memory if own else "",
        }
        self._processes.append(
            ProcessSpec(
                name=name,
                argv=self._app("amas.service", "--name", name, "--port", str(self._ports[name])),
                env=self._replica_environment() | groups | {"AMAS_DEFECTS": self._defects(name)},
                ready=Probe(Probing.HTTP, port=self._ports[name], path="/ready"),
                port=self._ports[name],
                after=after,
                grace=3.0,
                limits=REPLICA_LIMITS if own else None,
            )
        )
        self._targets.append(Target("danci-backend", name, self._ports[name]))

    def _defects(self, name: str) -> str:
        """The file that makes a replica a worse version, as long as somebody puts it there."""
        return f"{self._site.directory}/config/{name}.defects.json"

    def _python(
        self,
        name: str,
        module: str,
        *arguments: str,
        env: dict[str, str] | None = None,
        after: tuple[str, ...] = (),
    ) -> None:
        self._processes.append(
            ProcessSpec(
                name=name,
                argv=self._app(module, *arguments),
                env=env or {},
                ready=Probe(Probing.HTTP, port=self._ports[name], path="/health"),
                port=self._ports[name],
                after=after,
                grace=3.0,
            )
        )

    def _daemon(
        self,
        name: str,
        program: str,
        *arguments: str,
        probe: Probing = Probing.HTTP,
        path: str = "",
        env: dict[str, str] | None = None,
        after: tuple[str, ...] = (),
        grace: float = 5.0,
    ) -> None:
        port = self._ports[name]
        argv = (self._site.programs[program], *arguments)
        environment = {**self._site.environments.get(program, {}), **(env or {})}
        ready = Probe(probe, port=port, path=path)
        self._processes.append(ProcessSpec(name, argv, ready, port, environment, after, grace=grace))

    # ---- what watches

    def _add_alerting(self) -> None:
        directory = self._site.directory
        store = f"{directory}/data/received.jsonl"
        port = self._ports["receiver"]
        remedy = ["--restart", RESTARTED_BY]
        for name in REPLICAS:
            remedy += ["--instance", f"{name}=http://{LOCALHOST}:{self._ports[name]}"]
        self._python("receiver", "receiver", "--port", str(port), "--store", store, *remedy)
        config = f"{directory}/config/alertmanager.yml"
        self._files[config] = lab_config.alertmanager(self._texts.alertmanager, port)
        self._daemon(
            "alertmanager",
            "prometheus-alertmanager",
            f"--config.file={config}",
            f"--storage.path={directory}/data/alertmanager",
            f"--web.listen-address={LOCALHOST}:{self._ports['alertmanager']}",
            # Not empty would mean port 9094 on every interface.
            "--cluster.listen-address=",
            "--log.level=warn",
            path="/-/ready",
            after=("receiver",),
        )
        self._targets.append(Target("alertmanager", "alertmanager", self._ports["alertmanager"]))

    def _add_exporters(self) -> None:
        programs = self._site.programs

        def listen(name: str) -> str:
            return f"--web.listen-address={LOCALHOST}:{self._ports[name]}"

        if "prometheus-node-exporter" in programs:
            name = "node-exporter"
            collectors = (f"--collector.{collector}" for collector in _HOST_COLLECTORS)
            self._daemon(
                name,
                "prometheus-node-exporter",
                listen(name),
                "--log.level=warn",
                "--collector.disable-defaults",
                *collectors,
                path="/metrics",
            )
            self._targets.append(Target("node", "lab-host", self._ports[name]))
        if "prometheus-postgres-exporter" in programs:
            queries = f"{self._site.directory}/config/pg-queries.yml"
            for node in self._database.nodes:
                self._files[queries] = lab_config.exporter_queries()
                name = node.replace("pg-", "pg-exporter-")
                url = f"postgresql://{DATABASE_PROBE}@{LOCALHOST}:{self._ports[node]}/{DATABASE}"
                self._daemon(
                    name,
                    "prometheus-postgres-exporter",
                    listen(name),
                    f"--extend.query-path={queries}",
                    # Part of them fails on a standby, and a scrape a second needs fewer.
                    "--disable-default-metrics",
                    "--disable-settings-metrics",
                    "--log.level=warn",
                    path="/",
                    env={"DATA_SOURCE_NAME": f"{url}?sslmode=disable&connect_timeout=2"},
                    after=("pg-roles",),
                )
                self._targets.append(Target("postgres", node, self._ports[name]))
        if "prometheus-redis-exporter" in programs and self._cached:
            name = "redis-exporter"
            self._daemon(
                name,
                "prometheus-redis-exporter",
                f"-redis.addr={self._redis_url}",
                f"-web.listen-address={LOCALHOST}:{self._ports[name]}",
                path="/health",
                after=("redis",),
            )
            self._targets.append(Target("redis", "redis", self._ports[name]))

    def _add_prometheus(self) -> None:
        """Last, on top of the history: its first sample follows the history's last one."""
        directory = self._site.directory
        data = f"{directory}/data/prometheus"
        others = tuple(process.name for process in self._processes)
        after = others
        if self._site.history_cache is not None:
            self._add_history(data, others)
            after = ("history-finish",)
        rule_files = []
        for name, text in self._texts.rules.items():
            path = f"{directory}/config/rules/{name}"
            self._files[path] = text
            rule_files.append(path)
        own = Target("prometheus", "prometheus", self._ports["prometheus"])
        config = f"{directory}/config/prometheus.yml"
        self._files[config] = lab_config.prometheus(
            (own, *self._targets), self._ports["alertmanager"], rule_files
        )
        self._daemon(
            "prometheus",
            "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={data}",
            # Longer than the longest window of an objective.
            "--storage.tsdb.retention.time=45d",
            f"--web.listen-address={LOCALHOST}:{self._ports['prometheus']}",
            "--web.enable-lifecycle",
            "--web.enable-admin-api",
            "--log.level=warn",
            path="/-/ready",
            after=after,
            grace=15.0,
        )

    def _add_history(self, data: str, others: tuple[str, ...]) -> None:
        def history(step: str) -> tuple[Command, ...]:
            python = (self._site.python, "-m", "sretool.adapters.lab.history", step)
            places = ("--tsdb", data, "--cache", self._site.history_cache or "")
            prometheus = ("--prometheus", self._site.programs["prometheus"])
            return (Command((*python, "--system", self._site.system, *places, *prometheus)),)

        after = ("history-prepare", *others)
        self._tasks += [
            TaskSpec("history-prepare", history("prepare"), within=120.0),
            TaskSpec("history-finish", history("finish"), after=after),
        ]
