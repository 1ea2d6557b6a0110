"""The programs the lab runs: where they are, which Debian package brings them, what falls away without.

Standard library only: the installer runs this under the system's Python before any environment exists.

Programs come from PATH, from folders Debian keeps off an ordinary user's PATH, or from our own prefix, where
`install` unpacks packages for a user who may not install them. What comes from the prefix needs the
variables of `environment_of`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sretool.errors import BinaryMissing

if TYPE_CHECKING:
    from collections.abc import Iterable

_ROOT = Path("/")
_FOLDERS = ("usr/sbin", "sbin", "usr/local/sbin", "usr/local/bin", "usr/bin", "bin")


@dataclass(frozen=True, slots=True)
class Program:
    """One program and what it is for."""

    name: str
    """Name of the file; Debian's, where it differs from upstream's."""
    package: str
    """Debian package; `{pg}` stands for the major version of PostgreSQL that the release has."""
    without: str
    """What falls away where the program is missing, as the end of "without it …"."""
    needed: bool = False
    """Whether the lab cannot start at all without it."""
    aliases: tuple[str, ...] = ()
    """Names it has elsewhere."""
    of_postgres: bool = False
    """Whether it belongs to one installed version of PostgreSQL and is found in that version's folder."""
    version_option: str = "--version"


PROGRAMS = (
    Program("prometheus", "prometheus", "there is nothing to measure with", needed=True),
    Program("promtool", "prometheus", "there is no history and no check of rules", needed=True),
    Program(
        "prometheus-alertmanager",
        "prometheus-alertmanager",
        "no alert is grouped or delivered",
        needed=True,
        aliases=("alertmanager",),
    ),
    Program("amtool", "prometheus-alertmanager", "the routing of alerts is not checked"),
    Program(
        "prometheus-node-exporter",
        "prometheus-node-exporter",
        "there are no metrics of the machine",
        aliases=("node_exporter",),
    ),
    Program(
        "prometheus-postgres-exporter",
        "prometheus-postgres-exporter",
        "there are no metrics of PostgreSQL",
        aliases=("postgres_exporter",),
    ),
    Program(
        "prometheus-redis-exporter",
        "prometheus-redis-exporter",
        "there are no metrics of Redis",
        aliases=("redis_exporter",),
    ),
    Program(
        "postgres",
        "postgresql-{pg}",
        "the service keeps its data in memory and no database can fail over",
        of_postgres=True,
    ),
    Program("initdb", "postgresql-{pg}", "there is no database", of_postgres=True),
    Program("psql", "postgresql-client-{pg}", "there is no database", of_postgres=True),
    Program("pg_basebackup", "postgresql-client-{pg}", "there is no standby", of_postgres=True),
    Program("pg_autoctl", "pg-auto-failover-cli", "PostgreSQL runs alone, without a standby that takes over"),
    Program("haproxy", "haproxy", "nothing balances between the replicas", version_option="-v"),
    Program("redis-server", "redis-server", "the service has no cache and no shared rate limits"),
)

TESTED_WITH = (
    Program("victoria-metrics", "victoria-metrics", "the rules are not tried on VictoriaMetrics"),
    Program("vmalert", "victoria-metrics", "the rules are not tried on VictoriaMetrics"),
    Program("openssl", "openssl", "load is not tried over TLS", version_option="version"),
    Program("iptables", "iptables", "packets are not delayed by the kernel"),
)
"""What the lab does not run and the tests do."""

FAILOVER_LIBRARY = "pgautofailover.so"
FAILOVER_PACKAGE = "postgresql-{pg}-auto-failover"
"""Brings the library that pg_autoctl's PostgreSQL loads."""


@dataclass(frozen=True, slots=True)
class Postgres:
    """One installed version of PostgreSQL."""

    bin: Path
    """Folder of postgres, initdb, psql, …; belongs on the PATH of pg_autoctl."""
    version: int
    """Major version; 0 where the folder does not tell."""
    failover: bool
    """Whether it has the library of pg_auto_failover."""


def prefix() -> Path:
    """Where packages are unpacked for a user who may not install them."""
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "sretool" / "prefix"


def program(name: str) -> Program:
    return next(program for program in (*PROGRAMS, *TESTED_WITH) if program.name == name)


def find(name: str) -> Path | None:
    """The program called `name`, of the lab or of the tests; None where the machine does not have it."""
    wanted = program(name)
    if wanted.of_postgres:
        home = postgres()
        return _executable(home.bin / name) if home is not None else None
    for file in (name, *wanted.aliases):
        found = _on_path(file) or _first(_ROOT / folder / file for folder in _FOLDERS)
        found = found or _first(prefix() / folder / file for folder in _FOLDERS)
        if found is not None:
            return found
    return None


def need(name: str) -> Path:
    """As `find`; BinaryMissing where there is none."""
    found = find(name)
    if found is None:
        raise BinaryMissing(
            f"the program {name} is not installed",
            remedy="`sretool doctor` shows the command that installs it",
        )
    return found


def postgres() -> Postgres | None:
    """The PostgreSQL to use: one with pg_auto_failover before one without, then the newest."""
    found = [
        _postgres_in(folder)
        for root in (_ROOT, prefix())
        for folder in (root / "usr/lib/postgresql").glob("*/bin")
    ]
    on_path = shutil.which("postgres")
    if on_path is not None:
        found.append(_postgres_in(Path(on_path).resolve().parent))
    usable = [home for home in found if _executable(home.bin / "postgres")]
    # Of equals the first: the system's before our prefix's.
    return max(usable, key=lambda home: (home.failover, home.version), default=None)


def environment_of(path: Path) -> dict[str, str]:
    """Variables to add for a program found at `path`: none, unless it is in our prefix.

    PATH and LD_LIBRARY_PATH keep what the environment of this process has behind the prefix's folders.
    """
    root = prefix()
    if not path.is_relative_to(root):
        return {}
    # Debian's folders of shared libraries are named after the machine: x86_64-linux-gnu.
    libraries = sorted(str(folder) for lib in ("usr/lib", "lib") for folder in (root / lib).glob("*-linux-*"))
    return {
        "PATH": _joined([str(path.parent), *(str(root / folder) for folder in _FOLDERS)], "PATH"),
        "LD_LIBRARY_PATH": _joined(libraries, "LD_LIBRARY_PATH"),
    }


def version(name: str, path: Path) -> str | None:
    """What the program says its version is, like "2.42.0"; None where it does not say."""
    try:
        done = subprocess.run(
            [path, program(name).version_option],
            env={**os.environ, **environment_of(path)},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    # Prometheus's programs print their version on stderr up to 2.x.
    number = re.search(r"\d+(?:\.\d+)+", done.stdout or done.stderr)
    return number.group() if number else None


def missing(*, for_tests: bool = False) -> tuple[Program, ...]:
    wanted = (*PROGRAMS, *TESTED_WITH) if for_tests else PROGRAMS
    return tuple(program for program in wanted if find(program.name) is None)


def missing_packages(*, for_tests: bool = False) -> tuple[str, ...]:
    """Debian packages, in the form of `Program.package`, that bring what is missing; each once."""
    packages = [program.package for program in missing(for_tests=for_tests)]
    home = postgres()
    if home is None or not home.failover:
        packages.append(FAILOVER_PACKAGE)
    return tuple(dict.fromkeys(packages))


def _on_path(file: str) -> Path | None:
    path = shutil.which(file)
    return Path(path) if path is not None else None


def _first(paths: Iterable[Path]) -> Path | None:
    return next((path for path in paths if _executable(path)), None)


def _executable(path: Path) -> Path | None:
    return path if path.is_file() and os.access(path, os.X_OK) else None


def _postgres_in(folder: Path) -> Postgres:
    """Debian: <root>/usr/lib/postgresql/15/{bin,lib}; elsewhere the libraries are in ../lib*/ or below it."""
    major = folder.parent.name
    places = (*folder.parent.glob("lib*"), *folder.parent.glob("lib*/p*"))
    failover = any((place / FAILOVER_LIBRARY).exists() for place in places)
    return Postgres(folder, int(major) if major.isdecimal() else 0, failover)


def _joined(folders: list[str], variable: str) -> str:
    present = os.environ.get(variable)
    return os.pathsep.join([*folders, present] if present else folders)
