"""What is decided about installing packages; commands appear as text only."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from sretool.adapters.lab import install, programs
from sretool.adapters.lab.install import Machine, Way

if TYPE_CHECKING:
    from pathlib import Path

ROOT = Machine(apt=True, root=True, sudo=False)
SUDOER = Machine(apt=True, root=False, sudo=True)
USER = Machine(apt=True, root=False, sudo=False)
OTHER = Machine(apt=False, root=True, sudo=False)


@pytest.mark.parametrize(
    ("machine", "missing", "way"),
    [
        pytest.param(ROOT, ("haproxy",), Way.ROOT, id="root"),
        pytest.param(SUDOER, ("haproxy",), Way.SUDO, id="sudo"),
        pytest.param(USER, ("haproxy",), Way.PREFIX, id="neither"),
        pytest.param(OTHER, ("haproxy",), Way.LIST, id="not Debian-like"),
        pytest.param(ROOT, (), Way.NOTHING, id="everything is there"),
    ],
)
def test_chooses_the_strongest_means_at_hand(machine: Machine, missing: tuple[str, ...], way: Way) -> None:
    assert install.choose(machine, missing) is way


@pytest.mark.parametrize(
    ("found", "version"),
    [
        ("postgresql-15-auto-failover - Postgres high availability support\n", "15"),
        ("postgresql-9-auto-failover - x\npostgresql-17-auto-failover - y\n", "17"),
        ("pg-auto-failover-cli - Command line interface\n", None),
        ("", None),
    ],
)
def test_takes_the_version_of_postgres_from_the_release(found: str, version: str | None) -> None:
    assert install.newest_postgres(found) == version


def test_names_packages_after_the_releases_postgres() -> None:
    packages = ("postgresql-{pg}", "postgresql-{pg}-auto-failover", "haproxy")
    assert install.named(packages, "17") == ("postgresql-17", "postgresql-17-auto-failover", "haproxy")


def test_a_release_without_failover_still_gets_a_database() -> None:
    packages = (
        "postgresql-{pg}",
        "postgresql-client-{pg}",
        "pg-auto-failover-cli",
        programs.FAILOVER_PACKAGE,
    )
    assert install.named(packages, None) == ("postgresql", "postgresql-client")


def test_only_packages_with_a_candidate_are_offered() -> None:
    policy = (
        "haproxy:\n  Installed: (none)\n  Candidate: 2.6.12-1\n  Version table:\n     2.6.12-1 500\n"
        "redis-server:\n  Installed: (none)\n  Candidate: (none)\n  Version table:\n"
    )
    assert install.offered(policy) == {"haproxy"}


SIMULATED = """\
NOTE: This is only a simulation!
Reading package lists...
The following NEW packages will be installed:
  libpq5 postgresql-15-auto-failover
Inst libpq5 (15.13-0+deb12u1 Debian:12.11/stable, Debian-Security:12/stable-security [amd64])
Inst libssl3 [3.0.15-1] (3.0.16-1~deb12u1 Debian:12.11/stable [amd64])
Inst postgresql-15-auto-failover (2.0-2+b1 Debian:12.11/stable [amd64])
Conf libpq5 (15.13-0+deb12u1 Debian:12.11/stable [amd64])
"""


def test_unpacks_what_apt_would_install_or_upgrade() -> None:
    assert install.closure(SIMULATED) == (
        "libpq5=15.13-0+deb12u1",
        "libssl3=3.0.16-1~deb12u1",
        "postgresql-15-auto-failover=2.0-2+b1",
    )


def test_an_installed_postgres_comes_into_the_prefix_with_its_failover_library() -> None:
    names = ("haproxy", "postgresql-15-auto-failover")
    assert install.whole_postgres(names, install.closure(SIMULATED)) == (
        "postgresql-15",
        "postgresql-client-15",
    )


@pytest.mark.parametrize(
    ("names", "found"),
    [
        pytest.param(("haproxy",), (), id="no failover wanted"),
        pytest.param(
            ("postgresql-15-auto-failover",),
            ("postgresql-15=15.13-0", "postgresql-client-15:amd64=15.13-0"),
            id="apt fetches it anyway",
        ),
    ],
)
def test_postgres_is_not_fetched_twice_or_in_vain(names: tuple[str, ...], found: tuple[str, ...]) -> None:
    assert install.whole_postgres(names, found) == ()


def test_an_unpacked_alertmanager_finds_its_templates_from_where_it_is_run() -> None:
    program = b"...bytes/usr/share/prometheus/alertmanager3552.../usr/share/prometheus/alertmanager/ui/..."
    changed = install.relocated(program)
    assert len(changed) == len(program)
    assert (
        changed
        == b"...bytesusr/share/prometheus//alertmanager3552...usr/share/prometheus//alertmanager/ui/..."
    )


def test_every_package_has_a_name_for_other_systems() -> None:
    packages = {program.package for program in programs.PROGRAMS} | {programs.FAILOVER_PACKAGE}
    unnamed = [package for package in packages if install.upstream((package,)) == (package,)]
    assert unnamed == []


class Sandbox:
    """The privileged script among stand-ins for Debian's programs, which write down how they are called."""

    def __init__(self, folder: Path) -> None:
        self.policy = folder / "policy-rc.d"
        self.calls = folder / "calls"
        self._bin = folder / "bin"
        self._bin.mkdir()
        self._script = install.INSTALL_SCRIPT.replace("/usr/sbin/policy-rc.d", str(self.policy)).replace(
            "/run/systemd/system", str(folder)
        )
        self.stand_in("apt-get", f"[ -x {self.policy} ] && echo guarded >> {self.calls}\ntouch {folder}/done")
        self.stand_in(
            "dpkg-query",
            'if [ "$1" = -L ]; then\n'
            "  echo /lib/systemd/system/$2.service; echo /usr/lib/systemd/system/$2@.service\n"
            "  echo /etc/init.d/$2; exit\nfi\n"
            f"echo 'ii  sshd'; [ ! -e {folder}/done ] || echo 'ii  haproxy'",
        )
        for name in ("systemctl", "update-rc.d"):
            self.stand_in(name, f'echo {name} "$@" >> {self.calls}')

    def stand_in(self, name: str, script: str) -> None:
        file = self._bin / name
        file.write_text(f"#!/bin/sh\n{script}\n")
        file.chmod(0o755)

    def run(self) -> int:
        argv = ["sh", "-c", self._script, "sretool", "haproxy"]
        return subprocess.run(argv, env={"PATH": f"{self._bin}:/usr/bin:/bin"}, check=False).returncode


@pytest.fixture
def sandbox(tmp_path: Path) -> Sandbox:
    return Sandbox(tmp_path)


def test_nothing_starts_during_the_install_and_only_what_is_new_is_disabled(sandbox: Sandbox) -> None:
    assert sandbox.run() == 0
    assert sandbox.calls.read_text().splitlines() == [
        "guarded",
        "systemctl -q disable --now haproxy.service",
        "update-rc.d haproxy disable",
    ]
    assert not sandbox.policy.exists()


def test_a_policy_that_was_there_before_stays(sandbox: Sandbox) -> None:
    sandbox.policy.write_text("#!/bin/sh\nexit 0\n")
    assert sandbox.run() == 0
    assert sandbox.policy.read_text() == "#!/bin/sh\nexit 0\n"


def test_our_policy_goes_also_when_the_install_fails(sandbox: Sandbox) -> None:
    sandbox.stand_in("apt-get", "exit 100")
    assert sandbox.run() == 100
    assert not sandbox.policy.exists()


def test_our_policy_of_a_killed_install_is_cleaned_up(sandbox: Sandbox) -> None:
    sandbox.stand_in("apt-get", "kill -9 $PPID")
    assert sandbox.run() != 0
    assert sandbox.policy.exists()
    sandbox.stand_in("apt-get", "exit 0")
    assert sandbox.run() == 0
    assert not sandbox.policy.exists()
