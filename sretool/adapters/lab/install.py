"""Installs the Debian packages of the lab's programs: `python3 -m sretool.adapters.lab.install`.

Only what is missing, by the strongest means at hand: as root, through sudo, or, for a user who may do
neither, unpacked into our own prefix. The daemons that come with the packages are not used as services: they
are neither started nor left enabled, and services that were there before stay as they are.

Standard library only: this runs under the system's Python before any environment exists.
"""

from __future__ import annotations

import argparse
import functools
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from sretool.adapters.lab import programs
from sretool.errors import LabError


class Way(Enum):
    """How packages get onto the machine."""

    NOTHING = "everything is there"
    ROOT = "apt-get"
    SUDO = "sudo apt-get"
    PREFIX = "unpack into our prefix"
    LIST = "only say what is missing"


@dataclass(frozen=True, slots=True)
class Machine:
    """What decides how to install."""

    apt: bool
    """Whether apt-get and dpkg-deb are there."""
    root: bool
    sudo: bool
    """Whether sudo works without asking, or can ask because there is a terminal."""


def choose(machine: Machine, packages: tuple[str, ...]) -> Way:
    if not packages:
        return Way.NOTHING
    if not machine.apt:
        return Way.LIST
    if machine.root:
        return Way.ROOT
    return Way.SUDO if machine.sudo else Way.PREFIX


@functools.cache
def this_machine() -> Machine:
    root = os.geteuid() == 0
    apt = all(shutil.which(name) for name in ("apt-get", "apt-cache", "dpkg-deb", "dpkg-query"))
    return Machine(apt=apt, root=root, sudo=not root and apt and _sudo())


def _sudo() -> bool:
    if shutil.which("sudo") is None:
        return False
    silent = subprocess.run(["sudo", "-n", "true"], capture_output=True, check=False).returncode == 0
    return silent or (sys.stdin.isatty() and sys.stderr.isatty())


# --- Names ---------------------------------------------------------------------------------------


def newest_postgres(found: str) -> str | None:
    """The major version of PostgreSQL to install, from what `apt-cache search` prints; None: none offered."""
    versions = re.findall(r"^postgresql-(\d+)-auto-failover\b", found, re.MULTILINE)
    return max(versions, key=int, default=None)


def named(packages: tuple[str, ...], postgres: str | None) -> tuple[str, ...]:
    """The packages under the names of this release; without failover where `postgres` is None."""
    if postgres is not None:
        return tuple(package.format(pg=postgres) for package in packages)
    failover = {programs.FAILOVER_PACKAGE, programs.program("pg_autoctl").package}
    return tuple(package.replace("-{pg}", "") for package in packages if package not in failover)


def offered(policy: str) -> frozenset[str]:
    """Packages that have a candidate, from what `apt-cache policy` prints about them."""
    blocks = re.findall(r"^(\S+):\n.*\n\s+Candidate: (.*)$", policy, re.MULTILINE)
    return frozenset(name for name, candidate in blocks if candidate != "(none)")


def venv_packages() -> tuple[str, ...]:
    """What Debian keeps apart from its Python although a virtual environment needs it."""
    if importlib.util.find_spec("ensurepip") is not None or not sys.executable.startswith("/usr/bin/"):
        return ()
    if any((programs.prefix() / "usr/share/python-wheels").glob("pip-*.whl")):
        return ()
    return (f"python3.{sys.version_info.minor}-venv",)


def install_command(packages: tuple[str, ...]) -> str:
    """The command that installs `packages` (as in `Program.package`) here, for people to read and run."""
    match choose(this_machine(), packages):
        case Way.LIST:
            return f"install with your package manager: {', '.join(upstream(packages))}"
        case Way.PREFIX:
            return f"{sys.executable} -m sretool.adapters.lab.install   (into {programs.prefix()})"
        case way:
            names = " ".join(named(packages, _release_postgres()))
            rights = "sudo " if way is Way.SUDO else ""
            return f"{rights}apt-get install --no-install-recommends {names}"


def upstream(packages: tuple[str, ...]) -> tuple[str, ...]:
    """What Debian's packages are called elsewhere."""
    names = {
        "prometheus": "Prometheus (prometheus, promtool)",
        "prometheus-alertmanager": "Alertmanager (alertmanager, amtool)",
        "prometheus-node-exporter": "node_exporter",
        "prometheus-postgres-exporter": "postgres_exporter",
        "prometheus-redis-exporter": "redis_exporter",
        "postgresql-{pg}": "PostgreSQL server",
        "postgresql-client-{pg}": "PostgreSQL client programs",
        "postgresql-{pg}-auto-failover": "pg_auto_failover for that PostgreSQL",
        "pg-auto-failover-cli": "pg_autoctl",
        "haproxy": "HAProxy",
        "redis-server": "Redis",
    }
    return tuple(names.get(package, package) for package in packages)


@functools.cache
def _release_postgres(options: tuple[str, ...] = ()) -> str | None:
    pattern = "^postgresql-[0-9]+-auto-failover$"
    return newest_postgres(_output(["apt-cache", *options, "search", "--names-only", pattern]))


def _available(packages: tuple[str, ...], options: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The packages under the names of this release, as far as its sources offer them."""
    names = named(packages, _release_postgres(options))
    known = offered(_output(["apt-cache", *options, "policy", *names]))
    unknown = [name for name in names if name not in known]
    if unknown:
        _say(f"not offered by this system's package sources: {' '.join(unknown)}")
    if len(unknown) == len(names):
        raise LabError(
            "the package sources offer none of the packages the lab needs",
            remedy="check /etc/apt/sources.list* and the network, then try again",
        )
    return tuple(name for name in names if name in known)


# --- With the rights to install ------------------------------------------------------------------

INSTALL_SCRIPT = r"""
set -eu
policy=/usr/sbin/policy-rc.d
mark='# sretool: nothing starts while the packages of its lab are installed'
work=$(mktemp -d)
ours=
finish() {
    [ -z "$ours" ] || rm -f "$policy"
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
# One that an install of ours left behind when it was killed.
if grep -qs "$mark" "$policy"; then rm -f "$policy"; fi
if [ ! -e "$policy" ]; then
    ours=yes
    printf '#!/bin/sh\n%s\nexit 101\n' "$mark" > "$policy"
    chmod 755 "$policy"
fi
installed() { dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' | sed -n 's/^ii  *//p' | sort -u; }
installed > "$work/before"
status=0
DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 \
    apt-get install -y -q --no-install-recommends "$@" < /dev/null || status=$?
installed > "$work/after"
for package in $(comm -13 "$work/before" "$work/after"); do
    files=$(dpkg-query -L "$package")
    for unit in $(printf '%s\n' "$files" \
        | sed -nE 's,^(/usr)?/lib/systemd/system/([^/@]+\.(service|socket|timer))$,\2,p'); do
        if [ -d /run/systemd/system ]; then
            systemctl -q disable --now "$unit" || true
        elif command -v deb-systemd-helper > /dev/null; then
            deb-systemd-helper disable "$unit" > /dev/null 2>&1 || true
        fi
    done
    for script in $(printf '%s\n' "$files" | sed -n 's,^/etc/init\.d/,,p'); do
        update-rc.d "$script" disable > /dev/null 2>&1 || true
    done
done
exit "$status"
"""
"""Run as root with the packages as arguments; the policy file keeps their scripts from starting services."""


def _install(packages: tuple[str, ...], way: Way) -> None:
    rights = ["sudo"] if way is Way.SUDO else []
    with Log() as log:
        _say("fetching the package lists")
        # Lists that are a little old are better than none: a third party's broken source must not stop us.
        log.run([*rights, "apt-get", "update", "-q"], check=False)
        names = _available(packages)
        _say(f"installing {' '.join(names)}")
        log.run([*rights, "sh", "-c", INSTALL_SCRIPT, "sretool", *names])


# --- Without: our own prefix ---------------------------------------------------------------------


def closure(simulated: str) -> tuple[str, ...]:
    """What apt would install or upgrade, as `name=version`, from what its simulation prints."""
    lines = re.findall(r"^Inst (\S+) (?:\[\S+\] )?\((\S+)", simulated, re.MULTILINE)
    return tuple(f"{name}={version}" for name, version in lines)


def whole_postgres(names: tuple[str, ...], found: tuple[str, ...]) -> tuple[str, ...]:
    """PostgreSQL itself, where its failover library goes into the prefix and apt would not fetch it.

    PostgreSQL loads libraries from its own folder only: an installed one does not see ours.
    """
    version = newest_postgres("\n".join(names))
    if version is None:
        return ()
    fetched = {package.partition("=")[0].partition(":")[0] for package in found}
    wanted = (f"postgresql-{version}", f"postgresql-client-{version}")
    return tuple(name for name in wanted if name not in fetched)


def _unpack(packages: tuple[str, ...]) -> None:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sretool" / "apt"
    (cache / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    (cache / "archives" / "partial").mkdir(parents=True, exist_ok=True)
    # Lists and archives of our own: those of the machine can be absent, and only root may renew them.
    own = (
        "-o",
        f"Dir::State::lists={cache}/lists/",
        "-o",
        f"Dir::Cache={cache}/",
        "-o",
        "Debug::NoLocking=1",
    )
    with Log() as log:
        _say("fetching the package lists")
        log.run(["apt-get", *own, "update", "-q"], check=False)
        names = _available(packages, own)
        simulated = log.run(["apt-get", *own, "install", "--simulate", "--no-install-recommends", *names])
        found = closure(simulated)
        fetch = (*found, *whole_postgres(names, found))
        _say(f"unpacking {len(fetch)} packages into {programs.prefix()}")
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            log.run(["apt-get", *own, "download", "-q", *fetch], folder=folder)
            _replace_prefix(sorted(Path(folder).glob("*.deb")), log)


def _replace_prefix(archives: list[Path], log: Log) -> None:
    """Unpack beside the prefix and put the result in its place: no program is ever there by half."""
    prefix = programs.prefix()
    fresh, old = (prefix.with_name(f"prefix.{os.getpid()}.{which}") for which in ("new", "old"))
    try:
        fresh.parent.mkdir(parents=True, exist_ok=True)
        if prefix.exists():
            shutil.copytree(prefix, fresh, symlinks=True, copy_function=os.link)
        for archive in archives:
            log.run(["dpkg-deb", "--extract", str(archive), str(fresh)])
        _relocate_alertmanager(fresh)
        if prefix.exists():
            prefix.rename(old)
        fresh.rename(prefix)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


_TEMPLATES = b"/usr/share/prometheus/alertmanager"
"""Where Debian's Alertmanager looks for its templates; it does not start without them."""
_ALERTMANAGER = """\
#!/bin/sh
# Runs in the folder that the program's relative path of templates starts from.
cd "${0%/usr/bin/*}" && exec ./usr/lib/sretool/prometheus-alertmanager "$@"
"""


def relocated(program: bytes) -> bytes:
    """Alertmanager with that path made relative; as long as before, because it stands inside the program."""
    return program.replace(_TEMPLATES, _TEMPLATES.removeprefix(b"/").replace(b"s/a", b"s//a"))


def _relocate_alertmanager(prefix: Path) -> None:
    program = prefix / "usr/bin/prometheus-alertmanager"
    if not program.exists() or _TEMPLATES not in (text := program.read_bytes()):
        return
    inner = prefix / "usr/lib/sretool/prometheus-alertmanager"
    inner.parent.mkdir(parents=True, exist_ok=True)
    for file, content in ((inner, relocated(text)), (program, _ALERTMANAGER.encode())):
        # Not written in place: the file may be a link shared with the prefix in use.
        file.unlink(missing_ok=True)
        file.write_bytes(content)
        file.chmod(0o755)


# --- Commands ------------------------------------------------------------------------------------


class Log:
    """Runs commands and keeps what they say; the end of it is shown where one fails."""

    def __init__(self) -> None:
        self._said: list[str] = []

    def __enter__(self) -> Log:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, LabError):
            for line in "".join(self._said).splitlines()[-20:]:
                print(f"  | {line}", file=sys.stderr)

    def run(self, argv: list[str], *, folder: str | None = None, check: bool = True) -> str:
        """What the command printed on stdout; LabError where it fails and `check` is set."""
        # Messages are parsed: they must not be translated.
        environment = {**os.environ, "LC_ALL": "C.UTF-8"}
        done = subprocess.run(
            argv, cwd=folder, env=environment, capture_output=True, text=True, errors="replace", check=False
        )
        self._said += [done.stdout, done.stderr]
        if check and done.returncode != 0:
            what = " ".join(argv[: 2 if argv[0] != "sudo" else 3])
            raise LabError(
                f"{what} failed (exit code {done.returncode})",
                remedy="what it said is above; put it right and try again",
            )
        return done.stdout


def _output(argv: list[str]) -> str:
    return Log().run(argv, check=False)


def _say(text: str) -> None:
    print(f"packages: {text}", file=sys.stderr, flush=True)


def install(packages: tuple[str, ...]) -> None:
    """Bring `packages` (as in `Program.package`) onto this machine; LabError where that fails."""
    way = choose(this_machine(), packages)
    if way is Way.SUDO:
        _say("sudo is needed to install packages")
        if subprocess.run(["sudo", "-v"], check=False).returncode != 0:
            _say("no rights to install: the packages are unpacked into your home instead")
            way = Way.PREFIX
    match way:
        case Way.NOTHING:
            pass
        case Way.ROOT | Way.SUDO:
            _install(packages, way)
        case Way.PREFIX:
            _unpack(packages)
        case Way.LIST:
            _say("this system has no apt-get; with its package manager install:")
            for name in upstream(packages):
                print(f"  {name}", file=sys.stderr)
            _say("going on with the programs that are on PATH")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python3 -m sretool.adapters.lab.install", description="Install the programs of the lab."
    )
    parser.add_argument(
        "--all", action="store_true", help="also what the tests run; fail where any program is still missing"
    )
    arguments = parser.parse_args()
    try:
        install(programs.missing_packages(for_tests=arguments.all) + venv_packages())
    except LabError as error:
        _say(error.message)
        print(f"  → {error.remedy}", file=sys.stderr)
    except KeyboardInterrupt:
        return 130
    missing = programs.missing(for_tests=arguments.all)
    for program in missing:
        _say(f"{program.name} is missing: {program.without}")
    return 1 if missing and arguments.all else 0


if __name__ == "__main__":
    sys.exit(main())
