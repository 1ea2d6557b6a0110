"""Where programs are found, on machines made of folders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sretool.adapters.lab import programs
from sretool.errors import BinaryMissing

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty machine: its root; PATH is `<root>/home/bin`, our prefix `<root>/data/sretool/prefix`."""
    monkeypatch.setattr(programs, "_ROOT", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "home/bin"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
    return tmp_path


def install(file: Path, text: str = "#!/bin/sh\n") -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(0o755)
    return file


def install_postgres(root: Path, version: int, *, failover: bool) -> Path:
    folder = root / f"usr/lib/postgresql/{version}"
    for name in ("postgres", "initdb", "psql", "pg_basebackup"):
        install(folder / "bin" / name)
    (folder / "lib").mkdir()
    if failover:
        (folder / "lib" / programs.FAILOVER_LIBRARY).touch()
    return folder / "bin"


@pytest.mark.parametrize(
    "places",
    [
        pytest.param(["home/bin", "usr/sbin", "data/sretool/prefix/usr/sbin"], id="PATH first"),
        pytest.param(["usr/sbin", "data/sretool/prefix/usr/sbin"], id="system before our prefix"),
        pytest.param(["data/sretool/prefix/usr/sbin"], id="our prefix last"),
    ],
)
def test_finds_a_program_in_the_first_place_that_has_it(machine: Path, places: list[str]) -> None:
    installed = [install(machine / place / "haproxy") for place in places]
    assert programs.find("haproxy") == installed[0]


def test_finds_a_program_under_its_upstream_name(machine: Path) -> None:
    installed = install(machine / "home/bin/alertmanager")
    assert programs.find("prometheus-alertmanager") == installed


def test_a_file_that_cannot_be_executed_is_no_program(machine: Path) -> None:
    install(machine / "usr/sbin/haproxy").chmod(0o644)
    assert programs.find("haproxy") is None


def test_a_program_that_is_needed_and_missing_is_an_error_with_a_remedy(machine: Path) -> None:
    with pytest.raises(BinaryMissing, match="haproxy is not installed") as caught:
        programs.need("haproxy")
    assert caught.value.remedy is not None


def test_prefers_the_newest_postgres_that_has_failover(machine: Path) -> None:
    install_postgres(machine, 16, failover=False)
    chosen = install_postgres(machine, 15, failover=True)
    install_postgres(machine, 14, failover=True)
    assert programs.postgres() == programs.Postgres(chosen, 15, failover=True)
    assert programs.find("initdb") == chosen / "initdb"


def test_prefers_failover_in_our_prefix_to_the_systems_postgres_without(machine: Path) -> None:
    install_postgres(machine, 15, failover=False)
    chosen = install_postgres(programs.prefix(), 15, failover=True)
    assert programs.find("postgres") == chosen / "postgres"


def test_finds_postgres_on_the_path_of_another_distribution(machine: Path) -> None:
    install(machine / "home/bin/postgres")
    assert programs.postgres() == programs.Postgres(machine / "home/bin", 0, failover=False)


def test_only_programs_of_the_prefix_need_variables(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (programs.prefix() / "usr/lib/x86_64-linux-gnu").mkdir(parents=True)
    of_prefix = install(programs.prefix() / "usr/sbin/haproxy")
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/lib")

    assert programs.environment_of(install(machine / "usr/sbin/haproxy")) == {}
    variables = programs.environment_of(of_prefix)
    assert variables["LD_LIBRARY_PATH"] == f"{programs.prefix()}/usr/lib/x86_64-linux-gnu:/opt/lib"
    assert variables["PATH"].startswith(f"{programs.prefix()}/usr/sbin:")
    assert variables["PATH"].endswith(f":{machine}/home/bin")


def test_names_each_missing_package_once(machine: Path) -> None:
    install(machine / "home/bin/prometheus")
    install(machine / "home/bin/promtool")
    assert programs.missing_packages() == (
        "prometheus-alertmanager",
        "prometheus-node-exporter",
        "prometheus-postgres-exporter",
        "prometheus-redis-exporter",
        "postgresql-{pg}",
        "postgresql-client-{pg}",
        "pg-auto-failover-cli",
        "haproxy",
        "redis-server",
        "postgresql-{pg}-auto-failover",
    )


def test_a_postgres_without_the_failover_library_lacks_only_that_package(machine: Path) -> None:
    for program in programs.PROGRAMS:
        if not program.of_postgres:
            install(machine / "home/bin" / program.name)
    install_postgres(machine, 15, failover=False)
    assert programs.missing() == ()
    assert programs.missing_packages() == (programs.FAILOVER_PACKAGE,)


@pytest.mark.parametrize(
    ("says", "version"),
    [
        ("echo 'haproxy version 2.6.12-1+deb12u4 2025/10/01'", "2.6.12"),
        ("echo 'HAProxy version 3.0' >&2", "3.0"),
        ("echo none; exit 3", None),
    ],
)
def test_reads_the_version_a_program_says(
    machine: Path, monkeypatch: pytest.MonkeyPatch, says: str, version: str | None
) -> None:
    path = install(machine / "usr/sbin/haproxy", f"#!/bin/sh\n{says}\n")
    assert programs.version("haproxy", path) == version
