"""Configuration files: where they are found, what they say, and how a mistake in one is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sretool.adapters.files import config
from sretool.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


def write(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "config.toml"
    file.write_text(text)
    return file


def problems(text: str, folder: Path) -> list[str]:
    file = write(folder, text)
    with pytest.raises(UsageError) as raised:
        config.read([file])
    return [line.removeprefix(f"{file}:") for line in raised.value.message.splitlines()]


def test_the_projects_file_has_the_last_word(tmp_path: Path) -> None:
    home, project = tmp_path / "home", tmp_path / "project"
    write(
        home / "sretool",
        'me = "mia"\ntheme = "light"\n[keys]\nack = "A"\n[contexts.a]\nprometheus = "http://a"\n',
    )
    write(
        project / ".sretool",
        'theme = "mono"\nbell = false\n[keys]\npause = "z"\n[contexts.b]\nprometheus = "http://b"\n',
    )
    inside = project / "deep" / "er"
    inside.mkdir(parents=True)
    found = config.read(config.files(inside, {"XDG_CONFIG_HOME": str(home)}))
    assert (found.me, found.theme, found.bell) == ("mia", "mono", False)
    assert found.keys == {"ack": "A", "pause": "z"}
    assert set(found.contexts) == {"a", "b"}


def test_without_files_nothing_is_said(tmp_path: Path) -> None:
    assert config.read(config.files(tmp_path, {"HOME": str(tmp_path)})) == config.Config()


def test_a_context_holds_servers_catalogs_and_references(tmp_path: Path) -> None:
    file = write(
        tmp_path / ".sretool",
        """
[contexts.prod-eu]
prometheus = ["https://one", "https://two"]
alertmanager = "https://alerts"
catalog = "slos"
kubernetes = "eu"
production = true
teams = ["payments"]
prometheus_auth = { token_file = "secret", headers = { X-Scope-OrgID = "payments" } }
""",
    )
    context = config.read([file]).contexts["prod-eu"]
    assert context.prometheus == ("https://one", "https://two")
    assert context.alertmanager == ("https://alerts",)
    assert context.catalog == (tmp_path / "slos",)
    assert context.prometheus_auth.token_file == str(tmp_path / "secret")
    assert context.prometheus_auth.headers == {"X-Scope-OrgID": "payments"}
    assert (context.production, context.kubernetes, context.teams) == (True, "eu", ("payments",))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('\nteamz = ["x"]', "2: unknown key 'teamz'; did you mean 'teams'?"),
        ('bell = "yes"', "1: bell: expected `bool | null`, got `str`"),
        ("me = 5", "1: me: expected `str | null`, got `int`"),
        ("[keys]\nack = 5", "1: keys: expected `str`, got `int`"),
        ('[contexts.a]\nprometheus = "http://a"\ncatlog = "x"', "3: unknown key 'catlog'"),
        ("[contexts.a]\nprometheus = 5", "2: prometheus: expected `str | array`, got `int`"),
        ("[contexts.a]\nproduction = true", "1: the context a names no prometheus"),
        ("[contexts]\na = 5", "2: write it as a table [contexts.a]"),
        (
            '[contexts.a]\nprometheus = "http://a"\nprometheus_auth = { tokn = "x" }',
            "3: unknown key 'tokn'; did you mean 'token_env'?",
        ),
        (
            '[contexts.a]\nprometheus = "http://a"\n[contexts.a.prometheus_auth]\ntokn = "x"',
            "4: unknown key 'tokn'",
        ),
        ('context = "b"\n[contexts.a]\nprometheus = "http://a"', "1: there is no context 'b'"),
        ("a = = 3", "1: not TOML"),
        ('me = "x"\n\nme = "y"', "3: not TOML"),
    ],
)
def test_a_mistake_is_told_with_its_line(text: str, told: str, tmp_path: Path) -> None:
    found = problems(text, tmp_path)
    assert any(each.startswith(told) for each in found), found
    assert len(found) == 1


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    found = problems(
        'teamz = 1\nbell = 3\n[contexts.a]\nx = 1\n[contexts.b]\ny = 2\nprometheus = "http://b"', tmp_path
    )
    assert sorted(each.split(":")[0] for each in found) == ["1", "2", "3", "4", "6"]


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_bytes(b"\xff\xfe me")
    with pytest.raises(UsageError, match="not UTF-8"):
        config.read([file])
    with pytest.raises(UsageError, match="cannot read"):
        config.read([tmp_path])
