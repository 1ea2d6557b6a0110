"""Which servers and files a command reads from."""

from __future__ import annotations

import os
import re
from pathlib import Path

import click
import click.testing
import msgspec
import pytest

from sretool.adapters.lab import record
from sretool.adapters.lab.record import LabRecord, LabState, Supervisor
from sretool.cli.context import Settings, endpoint
from sretool.errors import UsageError
from sretool.ports import Endpoint


@pytest.fixture(autouse=True)
def labs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return record.labs_dir()


def start(labs: Path, name: str, *, scale: int = 10) -> LabRecord:
    """A lab on record whose supervisor is this very process."""
    pid = os.getpid()
    began = record.start_time(pid)
    assert began is not None
    lab = LabRecord(
        name=name,
        system="amas",
        state=LabState.RUNNING,
        marker=name,
        scale=scale,
        history=False,
        started_at="2026-01-01T00:00:00Z",
        supervisor=Supervisor(pid=pid, start_time=began),
        catalog=f"/catalogs/{name}",
        endpoints={"prometheus": f"http://{name}:1", "alertmanager": f"http://{name}:2"},
    )
    (labs / name).mkdir(parents=True)
    record.save(labs / name, lab)
    return lab


def settings(**given: object) -> Settings:
    return Settings(Path("/project"), **given)  # type: ignore[arg-type]


def test_the_one_running_lab_is_used_and_named(labs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lab = start(labs, "amas")
    sources = settings().resolve_sources()
    assert sources.prometheus == Endpoint("http://amas:1")
    assert sources.alertmanager == Endpoint("http://amas:2")
    assert sources.catalog == (Path("/catalogs/amas"),)
    assert (sources.lab, sources.scale) == (lab, 10)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "using the running lab 'amas'\n")


def test_a_named_lab_needs_no_announcement(labs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    start(labs, "amas")
    start(labs, "other", scale=1)
    sources = settings(lab="other").resolve_sources()
    assert (sources.prometheus.url, sources.scale) == ("http://other:1", 1)
    assert capsys.readouterr().err == ""


def test_an_endpoint_given_keeps_an_unnamed_lab_out(labs: Path) -> None:
    start(labs, "amas")
    sources = settings(prometheus="http://prod:9090", catalog=(Path("slo.yaml"),)).resolve_sources()
    assert sources.alertmanager is None
    assert sources.lab is None
    assert sources.catalog == (Path("slo.yaml"),)


def test_an_endpoint_given_overrides_the_named_labs(labs: Path) -> None:
    start(labs, "amas")
    sources = settings(prometheus="http://other:9090", lab="amas").resolve_sources()
    assert sources.prometheus.url == "http://other:9090"
    assert sources.alertmanager == Endpoint("http://amas:2")


def test_a_catalog_given_is_read_against_the_running_lab(labs: Path) -> None:
    start(labs, "amas")
    sources = settings(catalog=(Path("mine.yaml"),)).resolve_sources()
    assert (sources.catalog, sources.prometheus.url) == ((Path("mine.yaml"),), "http://amas:1")


def test_credentials_are_not_sent_to_a_lab(labs: Path) -> None:
    start(labs, "amas")
    sources = settings(environment={"SRETOOL_PROMETHEUS_TOKEN": "secret"}).resolve_sources()
    assert sources.prometheus.token is None


@pytest.mark.parametrize(
    ("running", "given", "message"),
    [
        pytest.param([], {}, "no Prometheus is known", id="nothing at all"),
        pytest.param(["a", "b"], {}, "several labs are running: a, b", id="two labs"),
        pytest.param(["a"], {"lab": "b"}, r"no lab named 'b' is running \(running: a\)", id="another lab"),
        pytest.param([], {"prometheus": "http://p"}, "no catalog of objectives", id="no catalog"),
        pytest.param([], {"alertmanager": "http://a"}, "no Prometheus is known", id="only Alertmanager"),
    ],
)
def test_says_what_is_unknown_and_what_to_do(
    labs: Path, running: list[str], given: dict[str, str], message: str
) -> None:
    for name in running:
        start(labs, name)
    with pytest.raises(UsageError, match=message) as caught:
        settings(**given).resolve_sources()
    assert caught.value.remedy


def test_a_lab_whose_supervisor_is_gone_is_not_used(labs: Path) -> None:
    lab = start(labs, "amas")
    gone = Supervisor(pid=os.getpid(), start_time=1)
    record.save(labs / "amas", msgspec.structs.replace(lab, supervisor=gone))
    with pytest.raises(UsageError, match="no Prometheus is known"):
        settings().resolve_sources()


# --- Identification ------------------------------------------------------------------------------


def of_environment(**environment: str) -> Endpoint:
    variables = {f"SRETOOL_PROMETHEUS_{name}": value for name, value in environment.items()}
    return endpoint("prometheus", "https://prom.example/base/", variables)


def test_identification_comes_from_the_servers_own_variables(tmp_path: Path) -> None:
    file = tmp_path / "pem"
    file.write_text("pem")
    found = endpoint(
        "alertmanager",
        "https://am.example",
        {
            "SRETOOL_PROMETHEUS_TOKEN": "not this one",
            "SRETOOL_ALERTMANAGER_USERNAME": "ana",
            "SRETOOL_ALERTMANAGER_PASSWORD": "secret",
            "SRETOOL_ALERTMANAGER_CA_FILE": str(file),
            "SRETOOL_ALERTMANAGER_CLIENT_CERT": str(file),
            "SRETOOL_ALERTMANAGER_HEADERS": "X-Scope-OrgID=team-1, X-Other = a=b",
        },
    )
    assert found == Endpoint(
        "https://am.example",
        basic=("ana", "secret"),
        ca_file=str(file),
        client_cert=(str(file), None),
        headers={"X-Scope-OrgID": "team-1", "X-Other": "a=b"},
    )
    assert "secret" not in repr(found)


def test_the_address_loses_its_last_slash_and_its_password() -> None:
    found = endpoint("prometheus", "http://ana:p%40ss@[::1]:9090/prefix/", {})
    assert (found.url, found.basic) == ("http://[::1]:9090/prefix", ("ana", "p@ss"))


def test_a_token_may_be_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret\n")
    assert of_environment(TOKEN_FILE=str(tmp_path / "token")).token == "secret"


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        pytest.param({"PASSWORD": "x"}, "PASSWORD is set without", id="password alone"),
        pytest.param({"TOKEN": "x", "USERNAME": "y"}, "both a bearer token and a user", id="two ways"),
        pytest.param({"CLIENT_KEY": "x"}, "CLIENT_KEY is set without", id="key alone"),
        pytest.param({"CA_FILE": "/nowhere"}, "there is no file /nowhere", id="no such file"),
        pytest.param({"TOKEN_FILE": "/nowhere"}, "/nowhere cannot be read: No such file", id="no token file"),
        pytest.param({"TOKEN_FILE": "/dev/null"}, "/dev/null is empty", id="empty token file"),
        pytest.param({"HEADERS": "a=b,c"}, "'c' is not a header", id="header without value"),
    ],
)
def test_settings_that_cannot_be_used_are_refused(environment: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        of_environment(**environment)


@pytest.mark.parametrize(
    "url", ["localhost:9090", "ftp://prom", "http://", "http://p:x", "http://p/?a=1", "http://p/#a", ""]
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="address"):
        endpoint("prometheus", url, {})


@pytest.mark.parametrize("port", ["99999", "-1", "x"])
def test_an_impossible_port_is_told_with_what_to_write(port: str) -> None:
    with pytest.raises(UsageError) as caught:
        endpoint("prometheus", f"http://ana:secret@localhost:{port}", {})
    assert "secret" not in caught.value.message
    assert caught.value.remedy is not None
    assert "http://127.0.0.1:9090" in caught.value.remedy


def test_several_addresses_are_one_server_and_its_fallbacks() -> None:
    environment = {"SRETOOL_PROMETHEUS_TOKEN": "t0ken"}
    found = endpoint("prometheus", "http://a:9090, http://b:9090/prom,https://c", environment)
    assert found.url == "http://a:9090"
    assert [each.url for each in found.fallbacks] == ["http://b:9090/prom", "https://c"]
    assert {each.token for each in (found, *found.fallbacks)} == {"t0ken"}


def test_a_comma_in_a_password_separates_nothing() -> None:
    found = endpoint("prometheus", "http://ana:a,b@prom:9090", {})
    assert (found.url, found.basic, found.fallbacks) == ("http://prom:9090", ("ana", "a,b"), ())


# --- contexts of the configuration ------------------------------------------------------------------------


@pytest.fixture
def configured(tmp_path: Path) -> dict[str, str]:
    """An environment with a configuration of two contexts."""
    folder = tmp_path / "sretool"
    folder.mkdir()
    (tmp_path / "slos").mkdir()
    (folder / "config.toml").write_text(
        f"""
[contexts.prod]
prometheus = ["https://one.example", "https://two.example"]
alertmanager = "https://alerts.example"
catalog = "{tmp_path / "slos"}"
prometheus_auth = {{ token_env = "PROM_TOKEN", headers = {{ X-Scope-OrgID = "pay" }} }}
[contexts.bare]
prometheus = "http://bare.example"
catalog = "{tmp_path / "gone"}"
"""
    )
    return {"XDG_CONFIG_HOME": str(tmp_path), "PROM_TOKEN": "s3cret", "SRETOOL_PROMETHEUS_TOKEN": "other"}


def test_a_context_names_servers_secrets_and_catalog(configured: dict[str, str], tmp_path: Path) -> None:
    sources = settings(context="prod", environment=configured).resolve_sources()
    assert sources.prometheus.url == "https://one.example"
    assert [each.url for each in sources.prometheus.fallbacks] == ["https://two.example"]
    # Credentials of the environment belong to the servers named there.
    assert {each.token for each in (sources.prometheus, *sources.prometheus.fallbacks)} == {"s3cret"}
    assert sources.prometheus.headers == {"X-Scope-OrgID": "pay"}
    assert sources.alertmanager is not None
    assert (sources.alertmanager.url, sources.alertmanager.token) == ("https://alerts.example", None)
    assert sources.catalog == (tmp_path / "slos",)
    assert sources.context is not None
    assert sources.context.name == "prod"


def test_an_option_takes_the_place_of_a_contexts_server(configured: dict[str, str]) -> None:
    chosen = settings(context="prod", alertmanager="http://mine.example", environment=configured)
    sources = chosen.resolve_sources()
    assert sources.alertmanager is not None
    assert sources.alertmanager.url == "http://mine.example"
    assert sources.prometheus.url == "https://one.example"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"context": "prd"}, "there is no context 'prd' (known: prod, bare)"),
        ({"context": "bare"}, "context bare: there is no catalog"),
        ({"context": "prod", "lab": "amas"}, "a context and a lab are both named"),
    ],
)
def test_a_context_that_cannot_be_used_is_told(
    given: dict[str, str], told: str, configured: dict[str, str]
) -> None:
    with pytest.raises(UsageError, match=re.escape(told)):
        settings(environment=configured, **given).resolve_sources()


def test_a_secret_that_is_not_there_is_told(configured: dict[str, str]) -> None:
    del configured["PROM_TOKEN"]
    with pytest.raises(UsageError, match="prometheus_auth: PROM_TOKEN is not set"):
        settings(context="prod", environment=configured).resolve_sources()


def test_servers_that_the_shell_names_do_not_mix_into_a_context(configured: dict[str, str]) -> None:
    seen = {}

    @click.pass_context
    def look(ctx: click.Context) -> None:
        seen["settings"] = ctx.obj

    from sretool.cli.main import group

    environment = configured | {"SRETOOL_PROMETHEUS_URL": "http://shell.example"}
    runner = click.testing.CliRunner(env=environment)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(group, "get_command", lambda ctx, name: click.Command("look", callback=look))
        assert runner.invoke(group, ["--context", "prod", "look"]).exit_code == 0
        assert seen["settings"].prometheus is None
        assert runner.invoke(group, ["look"]).exit_code == 0
        assert seen["settings"].prometheus == "http://shell.example"
