"""Which processes the lab of a system is made of, in which order, with which files.

A pure function of the machine's facts (`Site`): ports, paths, installed programs. What is not
installed falls away and is named in `missing`; the rest of the lab is arranged around it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from sretool.core.plans import lab_config
from sretool.core.plans.lab_config import DATABASE, DATABASE_OWNER, DATABASE_PROBE, LOCALHOST, Target

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sretool.core.plans.lab_config import Texts


class Account(StrEnum):
    """Whose rights a process has."""

    INVOKER = "invoker"
    """Whoever ran `sretool lab up`."""
    DATABASE = "database"
    """Never root: PostgreSQL refuses it. The invoker where that isn't root."""


class Probing(StrEnum):
    TCP = "tcp"
    """Something accepts connections on the port."""
    HTTP = "http"
    """A GET of the address is answered with 200."""
    COMMAND = "command"
    """Every one of the commands ends with 0."""


@dataclass(frozen=True, slots=True)
class Probe:
    """When a process counts as ready."""

    how: Probing
    port: int = 0
    path: str = ""
    commands: tuple[tuple[str, ...], ...] = ()
    within: float = 90.0
    """Seconds in which it must become ready while the lab comes up. Later it has all the time it needs:
    what it depends on may be the one that is broken."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one process may use."""

    cpu_cores: float
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """A program that runs as long as the lab does."""

    name: str
    argv: tuple[str, ...]
    ready: Probe
    port: int | None = None
    """The one it listens on first of all."""
    env: dict[str, str] = field(default_factory=dict)
    """Besides the supervisor's own environment."""
    after: tuple[str, ...] = ()
    """Processes that must be ready and tasks that must be done before it starts; stopped after it."""
    stops_before: tuple[str, ...] = ()
    """Processes that are stopped only when this one is gone, although they started after it."""
    stop_signal: str = "TERM"
    grace: float = 5.0
    """Seconds between the stop signal and SIGKILL."""
    account: Account = Account.INVOKER
    limits: Limits | None = None


@dataclass(frozen=True, slots=True)
class Command:
    argv: tuple[str, ...]
    stdin: str = ""


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """Commands that run once, one after the other, while the lab comes up."""

    name: str
    commands: tuple[Command, ...]
    env: dict[str, str] = field(default_factory=dict)
    after: tuple[str, ...] = ()
    account: Account = Account.INVOKER
    within: float = 90.0
    """Seconds for all commands together."""
    retry: bool = False
    """Whether to run them again after a failure, until the time is up; the commands are repeatable then."""


@dataclass(frozen=True, slots=True)
class CgroupPaths:
    """Directories of one process's own control group; the same one twice in cgroup v2."""

    cpu: str
    memory: str


@dataclass(frozen=True, slots=True)
class Site:
    """What the lab finds on this machine."""

    system: str
    directory: str
    """The lab's folder: configuration, logs, Prometheus's data."""
    database_dir: str
    """PostgreSQL's data; its account can reach it."""
    socket_dir: str
    """PostgreSQL's and HAProxy's sockets; short, because a socket's address has 108 bytes."""
    database_user: str
    """Operating system name of Account.DATABASE, and so PostgreSQL's superuser."""
    ports: Mapping[str, int]
    """A free port for every name in `PORTS`."""
    programs: Mapping[str, str]
    """Where the installed ones of `PROGRAMS` are."""
    environments: Mapping[str, Mapping[str, str]]
    """Variables a program needs because of where it is installed; most need none."""
    python: str
    warm: bool
    """Whether the database clusters exist, complete."""
    primary: str
    """Node that accepted writes last; any where `warm` is false."""
    history_cache: str | None
    """Folder for the generated history; None: none is wanted or can be made."""
    cgroups: Mapping[str, CgroupPaths]
    """By process; missing where limits cannot be enforced."""


@dataclass(frozen=True, slots=True)
class Topology:
    """Everything a supervisor needs."""

    processes: tuple[ProcessSpec, ...]
    tasks: tuple[TaskSpec, ...]
    files: dict[str, str]
    """Path → text, written before anything starts."""
    endpoints: dict[str, str]
    missing: tuple[str, ...]


REPLICAS = ("app-1", "app-2")
NODES = ("pg-1", "pg-2")
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
        self._database = all(name in site.programs for name in ("postgres", "initdb", "psql"))
        self._failover = self._database and "pg_autoctl" in site.programs
        self._balanced = "haproxy" in site.programs
        self._cached = "redis-server" in site.programs
        self._processes: list[ProcessSpec] = []
        self._tasks: list[TaskSpec] = []
        self._files: dict[str, str] = {}
        self._targets: list[Target] = []

    def topology(self) -> Topology:
        self._add_database()
        self._add_redis()
        self._add_haproxy()
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
    def _nodes(self) -> tuple[str, ...]:
        if self._failover:
            return NODES
        return NODES[:1] if self._database else ()

    @property
    def _database_url(self) -> str:
        """Where the application reads and writes; empty without PostgreSQL."""
        if not self._database:
            return ""
        return self._url(DATABASE_OWNER)

    def _url(self, user: str, *, direct: bool = False) -> str:
        """libpq URL of the node that accepts writes; `direct` goes past HAProxy."""
        if self._balanced and not direct:
            return f"postgresql://{user}@{LOCALHOST}:{self._ports['postgres']}/{DATABASE}"
        hosts = ",".join(f"{LOCALHOST}:{self._ports[node]}" for node in self._nodes)
        return f"postgresql://{user}@{hosts}/{DATABASE}?target_session_attrs=read-write"

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
        }
        if self._database:
            found["postgres"] = self._database_url
        for node in self._nodes:
            found[node.replace("-", "_")] = f"postgresql://{LOCALHOST}:{self._ports[node]}/{DATABASE}"
        if self._failover:
            found["pg_monitor"] = (
                f"postgresql://autoctl_node@{LOCALHOST}:{self._ports['pg-monitor']}/pg_auto_failover"
            )
        if self._cached:
            found["redis"] = self._redis_url
        if self._balanced:
            found["haproxy_stats"] = http("haproxy-stats")
            found["haproxy_socket"] = self._stats_socket
        return found

    def _missing(self) -> tuple[str, ...]:
        gone = []
        if not self._database:
            gone.append("PostgreSQL is not installed: the service keeps its data in memory")
        elif not self._failover:
            gone.append("pg_auto_failover is not installed: one PostgreSQL without standby or failover")
        if not self._balanced:
            gone.append("HAProxy is not installed: traffic goes to the replicas directly")
        if not self._cached:
            gone.append("Redis is not installed: the service runs without its cache")
        wanted = {
            "prometheus-node-exporter": ("the node exporter", True),
            "prometheus-postgres-exporter": ("the PostgreSQL exporter", self._database),
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

    # ---- PostgreSQL

    def _add_database(self) -> None:
        if self._failover:
            self._add_failover_pair()
        elif self._database:
            self._add_single_node()

    def _pg_environment(self) -> dict[str, str]:
        """pg_autoctl keeps its own files by these; every call of it needs the same ones."""
        root = self._site.database_dir
        programs = self._site.programs["postgres"].rpartition("/")[0]
        installed = self._site.environments.get("postgres", {})
        return {
            **installed,
            "HOME": root,
            "XDG_CONFIG_HOME": f"{root}/config",
            "XDG_DATA_HOME": f"{root}/share",
            "XDG_RUNTIME_DIR": f"{root}/run",
            "PGHOST": self._site.socket_dir,
            "LC_ALL": "C.UTF-8",
            "PATH": f"{programs}:{installed.get('PATH', '/usr/local/bin:/usr/bin:/bin')}",
        }

    def _data(self, node: str) -> str:
        return f"{self._site.database_dir}/{node}"

    def _create_cluster(self, node: str) -> tuple[Command, ...]:
        initdb = (self._site.programs["initdb"], "-D", self._data(node), "--auth", "trust", "--no-sync")
        return (
            Command((*initdb, "-E", "UTF8", "--no-locale", "--data-checksums")),
            self._append(node, lab_config.postgres(self._site.socket_dir)),
        )

    def _append(self, node: str, settings: str) -> Command:
        return Command(("sh", "-c", 'cat >> "$0"', f"{self._data(node)}/postgresql.conf"), stdin=settings)

    def _sql(self, url: str, sql: str) -> tuple[str, ...]:
        return (self._site.programs["psql"], "-XqAtw", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql)

    def _answers(self, node: str) -> Probe:
        url = f"postgresql://{LOCALHOST}:{self._ports[node]}/postgres"
        return Probe(Probing.COMMAND, commands=(self._sql(url, "select 1"),))

    def _add_failover_pair(self) -> None:
        site = self._site
        monitor_url = f"postgres://autoctl_node@{LOCALHOST}:{self._ports['pg-monitor']}/pg_auto_failover"
        environment = self._pg_environment()
        if not site.warm:
            self._add_failover_setup(monitor_url, environment)
        self._processes.append(
            ProcessSpec(
                name="pg-monitor",
                argv=(site.programs["pg_autoctl"], "run", "--pgdata", self._data("pg-monitor")),
                env=environment,
                ready=Probe(
                    Probing.COMMAND,
                    commands=(self._sql(monitor_url, "select count(*) from pgautofailover.node"),),
                ),
                port=self._ports["pg-monitor"],
                after=() if site.warm else ("pg-monitor-create",),
                # Nodes that end while the monitor lives look like failures to it: it would promote.
                stops_before=NODES,
                account=Account.DATABASE,
            )
        )
        # A monitor that hears of a primary without PostgreSQL promotes a standby that is there: the
        # primary goes first.
        first = site.primary if site.warm else NODES[0]
        for node in NODES:
            start = ("pg-monitor",) if node == first else (first,)
            self._processes.append(
                ProcessSpec(
                    name=node,
                    argv=(site.programs["pg_autoctl"], "run", "--pgdata", self._data(node)),
                    env=environment,
                    ready=self._placed(node, monitor_url) if node == first else self._pair_ready(),
                    port=self._ports[node],
                    after=start if site.warm else (f"{node}-create",),
                    account=Account.DATABASE,
                    grace=8.0,
                )
            )
        self._add_roles(NODES, create_database=False)

    def _placed(self, node: str, monitor_url: str) -> Probe:
        """It answers, and has told the monitor in this life that it has the part it was given."""
        sql = (
            f"select 1 / count(*) from pgautofailover.node where nodename = '{node}'"
            " and reportedstate = goalstate"
            " and reportedstate in ('single', 'primary', 'wait_primary', 'secondary')"
            " and reportedpgisrunning and reporttime > pg_postmaster_start_time()"
        )
        return Probe(Probing.COMMAND, commands=(*self._answers(node).commands, self._sql(monitor_url, sql)))

    def _pair_ready(self) -> Probe:
        """Some node accepts writes and a standby confirms them."""
        url = self._url(self._site.database_user, direct=True)
        sql = (
            "select 1 / count(*) from pg_stat_replication"
            " where state = 'streaming' and sync_state in ('sync', 'quorum')"
        )
        return Probe(Probing.COMMAND, commands=(self._sql(url, sql),))

    def _add_failover_setup(self, monitor_url: str, environment: dict[str, str]) -> None:
        autoctl = self._site.programs["pg_autoctl"]
        common = ("--hostname", LOCALHOST, "--auth", "trust", "--no-ssl")

        def at(node: str) -> tuple[str, ...]:
            return ("--pgdata", self._data(node), "--pgport", str(self._ports[node]))

        def join(node: str) -> Command:
            names = ("--name", node, "--listen", LOCALHOST, "--dbname", DATABASE, "--username", DATABASE)
            return Command(
                (autoctl, "create", "postgres", *at(node), *names, *common, "--monitor", monitor_url)
            )

        def task(name: str, commands: Sequence[Command], *after: str) -> TaskSpec:
            return TaskSpec(name, tuple(commands), env=environment, after=after, account=Account.DATABASE)

        monitor = self._data("pg-monitor")
        listen = ("config", "set", "--pgdata", monitor, "postgresql.listen_addresses", LOCALHOST)
        self._tasks += [
            task(
                "pg-monitor-create",
                (
                    *self._create_cluster("pg-monitor"),
                    Command((autoctl, "create", "monitor", *at("pg-monitor"), *common)),
                    Command((autoctl, *listen)),
                    self._append("pg-monitor", lab_config.failover_monitor()),
                ),
            ),
            task("pg-1-initdb", self._create_cluster("pg-1")),
            task("pg-1-create", (join("pg-1"),), "pg-1-initdb", "pg-monitor"),
            task("pg-2-create", (join("pg-2"),), "pg-1"),
        ]

    def _add_single_node(self) -> None:
        node = NODES[0]
        site = self._site
        if not site.warm:
            self._tasks.append(
                TaskSpec(
                    "pg-1-initdb",
                    self._create_cluster(node),
                    env=self._pg_environment(),
                    account=Account.DATABASE,
                )
            )
        port = str(self._ports[node])
        self._processes.append(
            ProcessSpec(
                name=node,
                argv=(site.programs["postgres"], "-D", self._data(node), "-p", port, "-h", LOCALHOST),
                env=self._pg_environment(),
                ready=self._answers(node),
                port=self._ports[node],
                after=() if site.warm else ("pg-1-initdb",),
                # The fast shutdown: sessions are ended, not waited for.
                stop_signal="INT",
                account=Account.DATABASE,
            )
        )
        self._add_roles((node,), create_database=True)

    def _add_roles(self, nodes: tuple[str, ...], *, create_database: bool) -> None:
        """Roles and schema; then proof that the application can write through the address it is given."""
        psql = (self._site.programs["psql"], "-XqAtw", "-v", "ON_ERROR_STOP=1", "-d")
        url = self._url(self._site.database_user, direct=True)
        if create_database:
            url = url.replace(f"/{DATABASE}", "/postgres")
        self._tasks.append(
            TaskSpec(
                "pg-roles",
                (
                    Command((*psql, url), stdin=lab_config.database_roles(create_database=create_database)),
                    Command((*psql, self._database_url), stdin="create temporary table writable ();"),
                    Command(("touch", f"{self._site.database_dir}/{COMPLETE}")),
                ),
                env=self._pg_environment(),
                after=(*nodes[: None if self._site.warm else 1], *(["haproxy"] if self._balanced else [])),
                account=Account.DATABASE,
                retry=True,
            )
        )

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
            database_nodes={name: self._ports[name] for name in self._nodes},
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

    def _app(self, module: str, *arguments: str) -> tuple[str, ...]:
        return (self._site.python, "-m", f"sretool.lab_apps.{module}", *arguments)

    def _app_environment(self) -> dict[str, str]:
        return {"AMAS_DATABASE_URL": self._database_url, "AMAS_REDIS_URL": self._redis_url}

    def _add_apps(self) -> None:
        stores = ("redis",) if self._cached else ()
        if self._database:
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
            self._add_replica(name, stores)
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
                env=self._app_environment() | groups,
                ready=Probe(Probing.HTTP, port=self._ports[name], path="/ready"),
                port=self._ports[name],
                after=after,
                grace=3.0,
                limits=REPLICA_LIMITS if own else None,
            )
        )
        self._targets.append(Target("danci-backend", name, self._ports[name]))

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
        self._python("receiver", "receiver", "--port", str(port), "--store", store)
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
            for node in self._nodes:
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


def stop_after(topology: Topology) -> dict[str, frozenset[str]]:
    """For each process those that must be gone before it is stopped: what started after it, in reverse."""
    processes = {process.name: process for process in topology.processes}
    direct = {name: process.after for name, process in processes.items()}
    direct |= {task.name: task.after for task in topology.tasks}

    def reached(name: str, seen: set[str]) -> set[str]:
        for other in direct[name]:
            if other not in seen:
                seen.add(other)
                reached(other, seen)
        return seen

    waits: dict[str, set[str]] = {name: set() for name in processes}
    for name in processes:
        for earlier in reached(name, set()) & processes.keys():
            first, then = name, earlier
            if name in processes[earlier].stops_before:
                first, then = earlier, name
            waits[then].add(first)
    return {name: frozenset(others) for name, others in waits.items()}


COMPLETE = "complete"
"""File in the database folder that says its clusters were set up to the end."""
