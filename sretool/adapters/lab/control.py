"""Starting, stopping and looking after labs, from the command's side.

`up` decides everything and writes it down; a supervisor of its own session does the work, so that
the end of the command, also by SIGKILL, changes nothing.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import fcntl
import hashlib
import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from sretool import errors
from sretool.adapters.lab import cgroups, leftovers, pidfiles, ports, programs, record
from sretool.adapters.lab.record import LabRecord, LabState
from sretool.adapters.lab.supervisor import NEARLY_FULL, Event, Plan
from sretool.core.plans import topology
from sretool.core.plans.database import NODES, complete_mark
from sretool.core.plans.processes import Account, Site
from sretool.errors import DiskFull, LabError, LabLocked, ProcessFailed, UsageError, WrongOwner
from sretool.units import format_time

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sretool.core.plans.lab_config import Texts

NEEDED_BYTES = 2 * 1024**3
"""Free space a lab wants before it starts: history, two database clusters, a few days of samples."""
_STAYS = (LabState.STARTING, LabState.RUNNING)
"""States of a supervised lab that `up` finds rather than makes."""
_RECORD = "state.json"
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,23}")
_LOCK_PATIENCE = 15.0
_STOP_PATIENCE = 40.0
_START_PATIENCE = 20.0
"""Seconds for the supervisor to say it is there; all else has limits of its own."""
_ROOTS_DATA = Path("/var/lib/sretool")
"""PostgreSQL's data when root runs the lab: its account may not look into root's home."""
_LONGEST_SOCKET_DIR = 70
"""A socket's address has 107 characters, and PostgreSQL appends /.s.PGSQL.25431.lock."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What `lab up` was asked for."""

    name: str
    system: str
    catalog: Path
    texts: Texts
    scale: int
    history: bool


def up(wish: Wish, listen: Callable[[Event], None]) -> tuple[LabRecord, bool]:
    """Bring the lab up, or find it up; its record, and whether it was up before.

    Returns when every process is ready. UsageError where it runs with other options, LabError where it
    cannot be brought up; nothing of it is left running then.
    """
    began = time.time()
    directory = _directory(wish.name)
    with _exclusive(directory):
        lab = record.load_from(directory)
        if lab is not None and lab.state in _STAYS and record.supervised(lab):
            _check_same(lab, wish)
            was_up = lab.state is LabState.RUNNING
        else:
            lab = _prepare(directory, wish, _known(directory), began)
            try:
                _start_supervisor(directory, lab)
            except BaseException:
                _stop(directory)
                raise
            was_up = False
    if was_up:
        return lab, True
    try:
        return _follow(directory, listen), False
    except KeyboardInterrupt:
        down(wish.name)
        raise


def down(name: str) -> bool:
    """Stop the lab and all that is left of it; whether there was anything to stop."""
    if not _is_known(_directory(name, create=False)):
        return False
    directory = _directory(name)
    with _exclusive(directory):
        return _stop(directory)


def reset(name: str) -> bool:
    """Stop the lab and remove its data; whether there was any. The cache of generated history stays."""
    if not _is_known(_directory(name, create=False)):
        return False
    directory = _directory(name)
    with _exclusive(directory):
        _stop(directory)
        lab = record.load_from(directory)
        places = [_database_dir(directory, name), _socket_dir(directory, name)]
        if lab is not None and lab.database is not None:
            places.append(Path(lab.database))
        for place in places:
            _remove_tree(place)
        _remove_tree(directory)
    return True


def status(name: str) -> LabRecord | None:
    """How things stand; a lab whose supervisor is gone is said to have failed. None: never started."""
    directory = record.labs_dir() / _checked(name)
    lab = record.load_from(directory)
    if lab is None:
        known = _known(directory)
        return known if (directory / _RECORD).exists() or leftovers.find(known) else None
    if lab.state not in record.ALIVE or record.supervised(lab):
        return lab
    processes = tuple(
        process
        if process.pid is not None and record.start_time(process.pid) == process.start_time
        else msgspec.structs.replace(process, state=record.ProcessState.STOPPED, ready=False, pid=None)
        for process in lab.processes
    )
    gone = record.Failure(
        kind="ProcessFailed",
        message="the supervisor of this lab is gone",
        remedy="`sretool lab up` starts it again, `sretool lab down` clears up",
    )
    return msgspec.structs.replace(lab, state=LabState.FAILED, processes=processes, failure=gone)


def _is_known(directory: Path) -> bool:
    """Whether there is anything of the lab: its folder, or processes in spite of its absence."""
    return directory.is_dir() or bool(leftovers.find(_known(directory)))


def _known(directory: Path) -> LabRecord:
    """The lab's record; where it cannot be read, what follows from the name and from the last plan."""
    lab = record.load_from(directory)
    if lab is not None:
        return lab
    name = directory.name
    unreadable = record.Failure(
        kind="LabError",
        message=f"the record of lab {name!r}, {directory / _RECORD}, cannot be read",
        remedy=f"`sretool lab down --name {name}` stops what is left of it, `sretool lab up` starts it again",
    )
    return LabRecord(
        name=name,
        system="unknown",
        state=LabState.FAILED,
        marker=record.marker(name),
        scale=1,
        history=False,
        started_at="",
        catalog="",
        ports=_planned_ports(directory),
        database=str(_database_dir(directory, name)),
        failure=unreadable,
    )


def _planned_ports(directory: Path) -> dict[str, int]:
    """By the last plan: the database nodes know each other by these."""
    try:
        plan = msgspec.json.decode((directory / "plan.json").read_bytes(), type=Plan)
    except (OSError, msgspec.MsgspecError):
        return {}
    return {
        spec.name: spec.port
        for spec in plan.topology.processes
        if spec.port is not None and spec.name in topology.PORTS
    }


def log_path(name: str, process: str) -> Path:
    """The log of a process or a start-up step; UsageError with the known ones where there is none."""
    folder = record.labs_dir() / _checked(name) / "logs"
    path = folder / f"{process}.log"
    if path.parent != folder or not path.is_file():
        known = ", ".join(sorted(file.stem for file in folder.glob("*.log"))) or "none"
        raise UsageError(f"lab {name!r} has no log of {process!r}", remedy=f"there are: {known}")
    return path


# ---- the folder and its locks


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r} is not a name for a lab", remedy="use up to 24 small letters, digits and hyphens"
        )
    return name


def _directory(name: str, *, create: bool = True) -> Path:
    """The lab's folder, ours and private; UsageError for a name that makes no folder."""
    directory = record.labs_dir() / _checked(name)
    try:
        if create:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        owner = directory.stat().st_uid
    except FileNotFoundError:
        return directory
    except OSError as error:
        raise _of_the_system(error, directory) from error
    if owner != os.geteuid():
        raise WrongOwner(
            f"{directory} belongs to {_user_name(owner)}, and you are {_user_name(os.geteuid())}",
            remedy=f"run the command as {_user_name(owner)}, or choose another lab with --name",
        )
    return directory


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _of_the_system(error: OSError, where: Path) -> LabError:
    """An error of the file system as ours, with what to do about it."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _disk_full(where, f"no space is left on the disk of {where}")
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return WrongOwner(
            f"{error.filename or where} cannot be written: {error.strerror}",
            remedy="give it to your user, or set XDG_STATE_HOME to a folder of yours",
        )
    return LabError(f"{error.filename or where}: {error.strerror}")


def _disk_full(where: Path, message: str) -> DiskFull:
    return DiskFull(
        message, remedy=f"free some space on the disk of {where}, or set XDG_STATE_HOME to another disk"
    )


def _exclusive(directory: Path) -> contextlib.AbstractContextManager[None]:
    """One command at a time changes a lab."""
    return _locked(directory.with_name(f".{directory.name}.lock"), f"changing the lab {directory.name!r}")


@contextlib.contextmanager
def _locked(path: Path, doing: str) -> Iterator[None]:
    """The kernel drops the lock with its holder, however it ends: none goes stale."""
    until = time.monotonic() + _LOCK_PATIENCE
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _of_the_system(error, path) from error
    try:
        while not _taken(handle):
            if time.monotonic() > until:
                raise LabLocked(
                    f"another command{_holder(handle)} is {doing}",
                    remedy="wait until it is done, or end it; nothing needs to be removed",
                )
            time.sleep(0.1)
        yield
    finally:
        os.close(handle)


def _taken(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    # For the message to whoever waits in vain; a full disk is no reason to fail.
    with contextlib.suppress(OSError):
        os.truncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
    return True


def _holder(handle: int) -> str:
    pid = os.pread(handle, 20, 0).decode(errors="replace").strip()
    return f" (pid {pid})" if pid else ""


# ---- up


def _check_same(lab: LabRecord, wish: Wish) -> None:
    differences = []
    if lab.system != wish.system:
        differences.append(f"system {lab.system}")
    if lab.scale != wish.scale:
        differences.append("with --real-time" if lab.scale == 1 else "without --real-time")
    if lab.history != wish.history:
        differences.append("with history" if lab.history else "with --no-history")
    if differences:
        raise UsageError(
            f"the lab {lab.name!r} is running with other options: {', '.join(differences)}",
            remedy=f"`sretool lab down --name {lab.name}` first, or start a second one with --name",
        )


def _prepare(directory: Path, wish: Wish, previous: LabRecord, began: float) -> LabRecord:
    """Clear up after an earlier life, decide everything and write it down."""
    _end_supervisor(previous)
    leftovers.end(previous)
    try:
        pidfiles.remove_stale(_database_dir(directory, wish.name), _socket_dir(directory, wish.name))
        _check_space(directory)
        return _write_plan(directory, wish, previous, began)
    except BaseException as error:
        cgroups.remove(cgroups.named(cgroups.prefix(record.marker(wish.name))))
        if isinstance(error, OSError):
            raise _of_the_system(error, directory) from error
        raise


def _check_space(directory: Path) -> None:
    for place in {directory, _existing(_database_dir(directory, directory.name))}:
        free = shutil.disk_usage(place).free
        if free < NEEDED_BYTES:
            raise _disk_full(
                place, f"only {free / 1024**3:.1f} GB are free on the disk of {place}; a lab needs 2 GB"
            )


def _existing(path: Path) -> Path:
    return next(parent for parent in (path, *path.parents) if parent.exists())


def _write_plan(directory: Path, wish: Wish, previous: LabRecord, began: float) -> LabRecord:
    """Everything the supervisor will do, in plan.json; and the record, as it starts."""
    found = {name: str(path) for name in topology.PROGRAMS if (path := _find(name))}
    account = _database_account() if "postgres" in found else pwd.getpwuid(os.geteuid())
    database = _database_dir(directory, wish.name)
    if not (database / complete_mark(found)).exists():
        _remove_tree(database)
    _make_folders(directory, database, _socket_dir(directory, wish.name), account)
    # Two labs that start at once must not choose the same ports.
    with _locked(record.labs_dir() / ".ports.lock", "choosing ports"):
        site = _site(directory, wish, previous, found, account)
        lab_topology = topology.amas(site, wish.texts)
        lab = LabRecord(
            name=wish.name,
            system=wish.system,
            state=LabState.STARTING,
            marker=record.marker(wish.name),
            scale=wish.scale,
            history=wish.history,
            started_at=format_time(datetime.fromtimestamp(began, UTC)),
            catalog=str(wish.catalog),
            ports=dict(site.ports),
            endpoints=lab_topology.endpoints,
            missing=lab_topology.missing,
            database=str(database) if "postgres" in found else None,
            cgroups=cgroups.directories(site.cgroups),
        )
        # Before anything else: from now on whoever clears up knows of the control groups.
        record.save(directory, lab)
    for file, text in lab_topology.files.items():
        Path(file).write_text(text, encoding="utf-8", errors="surrogateescape")
    accounts = {}
    if account.pw_uid != os.geteuid():
        accounts[Account.DATABASE] = (account.pw_name, account.pw_uid, account.pw_gid)
    plan = Plan(dataclasses.replace(lab_topology, files={}), accounts, dict(site.cgroups), began)
    (directory / "plan.json").write_bytes(msgspec.json.encode(plan))
    return lab


def _site(
    directory: Path,
    wish: Wish,
    previous: LabRecord,
    found: dict[str, str],
    account: pwd.struct_passwd,
) -> Site:
    marker = record.marker(wish.name)
    database = _database_dir(directory, wish.name)
    limits = dict.fromkeys(topology.REPLICAS, topology.REPLICA_LIMITS)
    return Site(
        system=wish.system,
        directory=str(directory),
        database_dir=str(database),
        socket_dir=str(_socket_dir(directory, wish.name)),
        database_user=account.pw_name,
        ports=_ports(wish.name, marker, previous),
        programs=found,
        environments={name: programs.environment_of(Path(path)) for name, path in found.items()},
        python=sys.executable,
        warm=(database / complete_mark(found)).exists(),
        primary=_primary(database),
        history_cache=str(_history_cache()) if wish.history else None,
        cgroups=cgroups.create(cgroups.prefix(marker), limits),
    )


def _primary(database: Path) -> str:
    """The node that isn't marked as a standby."""
    nodes = [node for node in NODES if not (database / node / "standby.signal").exists()]
    return nodes[0] if nodes else NODES[0]


def _find(name: str) -> Path | None:
    if name in topology.REQUIRED:
        return programs.need(name)
    if name == "pg_autoctl":
        home = programs.postgres()
        if home is None or not home.failover:
            return None
    return programs.find(name)


def _history_cache() -> Path:
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "sretool" / "history"


def _ports(name: str, marker: str, previous: LabRecord) -> dict[str, int]:
    reserved = {port for lab in record.every() if lab.name != name for port in lab.ports.values()}
    return ports.choose(topology.PORTS, recorded=previous.ports, reserved=reserved, seed=marker)


def _database_account() -> pwd.struct_passwd:
    """Who PostgreSQL runs as: ourselves, but never root."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise LabError(
        "PostgreSQL refuses to run as root, and there is no user postgres or nobody",
        remedy="run `sretool lab up` as an ordinary user",
    )


def _database_dir(directory: Path, name: str) -> Path:
    return _ROOTS_DATA / record.marker(name) if os.geteuid() == 0 else directory / "database"


def _socket_dir(directory: Path, name: str) -> Path:
    """Beside the database, unless a socket's address would become too long there."""
    beside = _database_dir(directory, name) / "sockets"
    if len(str(beside)) <= _LONGEST_SOCKET_DIR:
        return beside
    digest = hashlib.sha256(str(directory).encode()).hexdigest()[:12]
    return Path(f"/tmp/sretool-{os.geteuid()}-{digest}")


def _make_folders(directory: Path, database: Path, sockets: Path, account: pwd.struct_passwd) -> None:
    for part in ("config/rules", "logs", "data/prometheus", "data/alertmanager"):
        (directory / part).mkdir(parents=True, exist_ok=True)
    for stale in (directory / "config" / "rules").iterdir():
        stale.unlink()
    if os.geteuid() == 0:
        _ROOTS_DATA.mkdir(mode=0o755, parents=True, exist_ok=True)
    for folder in (database, sockets, *(database / name for name in ("config", "share", "run"))):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if folder.stat().st_uid not in (os.geteuid(), account.pw_uid):
            raise WrongOwner(
                f"{folder} belongs to {_user_name(folder.stat().st_uid)}", remedy="remove it or give it away"
            )
        if account.pw_uid != os.geteuid():
            os.chown(folder, account.pw_uid, account.pw_gid)


def _start_supervisor(directory: Path, lab: LabRecord) -> None:
    """Returns when it has entered itself in the record."""
    environment = {
        name: value
        for name, value in os.environ.items()
        # libpq's settings would send connections elsewhere; nothing in a lab goes through a proxy.
        if not name.startswith("PG") and not name.lower().endswith("_proxy")
    }
    environment[leftovers.MARK] = lab.marker
    for name in ("events.jsonl", "supervisor.log"):
        (directory / name).write_bytes(b"")
    with (directory / "supervisor.log").open("ab") as output:
        child = subprocess.Popen(
            [sys.executable, "-m", "sretool.adapters.lab.supervisor", str(directory)],
            env=environment,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    until = time.monotonic() + _START_PATIENCE
    while time.monotonic() < until:
        current = record.load_from(directory)
        if current is not None and (current.supervisor is not None or current.state not in record.ALIVE):
            return
        if child.poll() is not None:
            raise ProcessFailed(f"the supervisor did not start: {_tail(directory / 'supervisor.log')}")
        time.sleep(0.02)
    child.kill()
    raise ProcessFailed(f"the supervisor did not start within {_START_PATIENCE:.0f} s")


def _tail(path: Path) -> str:
    with contextlib.suppress(OSError):
        lines = path.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"
    return "it left no log"


def _follow(directory: Path, listen: Callable[[Event], None]) -> LabRecord:
    """Pass on what the supervisor tells until the lab is up; LabError where it doesn't come up."""
    decoder = msgspec.json.Decoder(Event)
    rest = b""
    offset = 0
    while True:
        with (directory / "events.jsonl").open("rb") as stream:
            stream.seek(offset)
            chunk = stream.read()
        offset += len(chunk)
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            listen(decoder.decode(line))
        lab = record.load_from(directory)
        if lab is not None and not chunk:
            if lab.state is LabState.RUNNING:
                return lab
            check_alive(lab, directory)
        time.sleep(0.05)


def check_alive(lab: LabRecord, directory: Path) -> None:
    if lab.state is LabState.FAILED and lab.failure is not None:
        kind = getattr(errors, lab.failure.kind, LabError)
        raise kind(lab.failure.message, remedy=lab.failure.remedy)
    if lab.state is LabState.STOPPED:
        raise LabError(f"the lab {lab.name!r} was stopped while it was coming up")
    if not record.supervised(lab):
        if shutil.disk_usage(directory).free < NEARLY_FULL:
            raise _disk_full(directory, f"no space is left on the disk of {directory}")
        raise ProcessFailed(
            f"the supervisor of lab {lab.name!r} is gone: {_tail(directory / 'supervisor.log')}",
            remedy="`sretool lab up` again; what it left is cleared up first",
        )


# ---- down


def _stop(directory: Path) -> bool:
    """Ask the supervisor, then end what is left."""
    lab = _known(directory)
    was_up = _end_supervisor(lab)
    count = leftovers.end(lab)
    ended = record.load_from(directory)
    if ended is None or ended.state is not LabState.FAILED:
        lab = ended or lab
        stopped = tuple(
            msgspec.structs.replace(
                process, state=record.ProcessState.STOPPED, ready=False, pid=None, start_time=None
            )
            for process in lab.processes
        )
        lab = msgspec.structs.replace(
            lab, state=LabState.STOPPED, supervisor=None, cgroups=(), processes=stopped, failure=None
        )
        with contextlib.suppress(OSError):
            record.save(directory, lab)
    return was_up or count > 0


def _end_supervisor(lab: LabRecord) -> bool:
    """Wait until it has stopped everything; whether there was one."""
    boss = leftovers.supervisor(lab)
    if boss is None:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(boss.pid, signal.SIGTERM)
    until = time.monotonic() + _STOP_PATIENCE
    while record.start_time(boss.pid) == boss.start_time and time.monotonic() < until:
        time.sleep(0.02)
    return True


def _remove_tree(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
