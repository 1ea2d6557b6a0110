"""The lab's PostgreSQL: a pair with automatic failover, or one node where that is not installed.

Two nodes and a monitor of pg_auto_failover, replicated synchronously. How the processes follow each
other is what keeps a restart of the lab from looking like a failure to the monitor.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sretool.core.plans import lab_config
from sretool.core.plans.lab_config import DATABASE, DATABASE_OWNER, LOCALHOST
from sretool.core.plans.processes import Account, Command, Probe, Probing, ProcessSpec, Site, TaskSpec

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

NODES = ("pg-1", "pg-2")
_PROGRAMS = ("postgres", "initdb", "psql")


def has_database(programs: Mapping[str, str]) -> bool:
    return all(name in programs for name in _PROGRAMS)


def has_failover(programs: Mapping[str, str]) -> bool:
    return has_database(programs) and "pg_autoctl" in programs


def complete_mark(programs: Mapping[str, str]) -> str:
    """File in the database folder that says its clusters were set up to the end, for these programs."""
    return "complete-pair" if has_failover(programs) else "complete-single"


class Database:
    """Processes and tasks of PostgreSQL on one machine; none where it is not installed."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._ports = site.ports
        self._balanced = "haproxy" in site.programs
        self.installed = has_database(site.programs)
        self.failover = has_failover(site.programs)
        self.nodes = NODES if self.failover else NODES[:1] if self.installed else ()
        self.processes: list[ProcessSpec] = []
        self.tasks: list[TaskSpec] = []
        if self.failover:
            self._add_failover_pair()
        elif self.installed:
            self._add_single_node()

    @property
    def monitor_url(self) -> str:
        """Where pg_auto_failover's monitor keeps what it knows."""
        return f"postgresql://autoctl_node@{LOCALHOST}:{self._ports['pg-monitor']}/pg_auto_failover"

    @property
    def url(self) -> str:
        """Where the application reads and writes; empty without PostgreSQL."""
        if not self.installed:
            return ""
        return self._url_of(DATABASE_OWNER)

    def url_through(self, ports: Sequence[int]) -> str:
        """The same through proxies: one in front of HAProxy, or one in front of each node."""
        if not self.installed:
            return ""
        hosts = ",".join(f"{LOCALHOST}:{port}" for port in ports)
        return f"postgresql://{DATABASE_OWNER}@{hosts}/{DATABASE}{self._attributes(direct=False)}"

    def _url_of(self, user: str, *, direct: bool = False) -> str:
        """libpq URL of the node that accepts writes; `direct` goes past HAProxy."""
        servers = ("postgres",) if self._balanced and not direct else self.nodes
        hosts = ",".join(f"{LOCALHOST}:{self._ports[server]}" for server in servers)
        return f"postgresql://{user}@{hosts}/{DATABASE}{self._attributes(direct=direct)}"

    def _attributes(self, *, direct: bool) -> str:
        """HAProxy finds the node that accepts writes; without it the client does."""
        return "" if self._balanced and not direct else "?target_session_attrs=read-write"

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
        environment = self._pg_environment()
        if not site.warm:
            self._add_failover_setup(environment)
        self.processes.append(
            ProcessSpec(
                name="pg-monitor",
                argv=(site.programs["pg_autoctl"], "run", "--pgdata", self._data("pg-monitor")),
                env=environment,
                ready=Probe(
                    Probing.COMMAND,
                    commands=(self._sql(self.monitor_url, "select count(*) from pgautofailover.node"),),
                ),
                port=self._ports["pg-monitor"],
                after=() if site.warm else ("pg-monitor-create",),
                workplace=self._data("pg-monitor"),
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
            self.processes.append(
                ProcessSpec(
                    name=node,
                    argv=(site.programs["pg_autoctl"], "run", "--pgdata", self._data(node)),
                    env=environment,
                    ready=self._placed(node) if node == first else self._pair_ready(),
                    port=self._ports[node],
                    after=start if site.warm else (f"{node}-create",),
                    account=Account.DATABASE,
                    workplace=self._data(node),
                    grace=8.0,
                )
            )
        self._add_roles(NODES, create_database=False)

    def _placed(self, node: str) -> Probe:
        """It answers, and has told the monitor in this life that it has the part it was given."""
        sql = (
            f"select 1 / count(*) from pgautofailover.node where nodename = '{node}'"
            " and reportedstate = goalstate"
            " and reportedstate in ('single', 'primary', 'wait_primary', 'secondary')"
            " and reportedpgisrunning and reporttime > pg_postmaster_start_time()"
        )
        return Probe(
            Probing.COMMAND, commands=(*self._answers(node).commands, self._sql(self.monitor_url, sql))
        )

    def _pair_ready(self) -> Probe:
        """Some node accepts writes and a standby confirms them."""
        url = self._url_of(self._site.database_user, direct=True)
        sql = (
            "select 1 / count(*) from pg_stat_replication"
            " where state = 'streaming' and sync_state in ('sync', 'quorum')"
        )
        return Probe(Probing.COMMAND, commands=(self._sql(url, sql),))

    def _add_failover_setup(self, environment: dict[str, str]) -> None:
        autoctl = self._site.programs["pg_autoctl"]
        common = ("--hostname", LOCALHOST, "--auth", "trust", "--no-ssl")

        def at(node: str) -> tuple[str, ...]:
            return ("--pgdata", self._data(node), "--pgport", str(self._ports[node]))

        def join(node: str) -> Command:
            names = ("--name", node, "--listen", LOCALHOST, "--dbname", DATABASE, "--username", DATABASE)
            return Command(
                (autoctl, "create", "postgres", *at(node), *names, *common, "--monitor", self.monitor_url)
            )

        def task(name: str, commands: Sequence[Command], *after: str) -> TaskSpec:
            return TaskSpec(name, tuple(commands), env=environment, after=after, account=Account.DATABASE)

        monitor = self._data("pg-monitor")
        listen = ("config", "set", "--pgdata", monitor, "postgresql.listen_addresses", LOCALHOST)
        self.tasks += [
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
            self.tasks.append(
                TaskSpec(
                    "pg-1-initdb",
                    self._create_cluster(node),
                    env=self._pg_environment(),
                    account=Account.DATABASE,
                )
            )
        port = str(self._ports[node])
        self.processes.append(
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
                workplace=self._data(node),
            )
        )
        self._add_roles((node,), create_database=True)

    def _add_roles(self, nodes: tuple[str, ...], *, create_database: bool) -> None:
        """Roles and schema; then proof that the application can write through the address it is given."""
        psql = (self._site.programs["psql"], "-XqAtw", "-v", "ON_ERROR_STOP=1", "-d")
        url = self._url_of(self._site.database_user, direct=True)
        if create_database:
            url = url.replace(f"/{DATABASE}", "/postgres")
        self.tasks.append(
            TaskSpec(
                "pg-roles",
                (
                    Command((*psql, url), stdin=lab_config.database_roles(create_database=create_database)),
                    Command((*psql, self.url), stdin="create temporary table writable ();"),
                    Command(("touch", f"{self._site.database_dir}/{complete_mark(self._site.programs)}")),
                ),
                env=self._pg_environment(),
                after=(*nodes[: None if self._site.warm else 1], *(["haproxy"] if self._balanced else [])),
                account=Account.DATABASE,
                retry=True,
            )
        )
