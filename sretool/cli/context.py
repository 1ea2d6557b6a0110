"""What the global options and the environment say, and the servers and files that follow from it."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit, urlunsplit

from sretool.cli import diagnostics
from sretool.errors import UsageError
from sretool.ports import Endpoint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sretool.adapters.files.config import Auth, Config, Context
    from sretool.adapters.lab.record import LabRecord


@dataclass(frozen=True, slots=True)
class Sources:
    """Where a command reads from."""

    prometheus: Endpoint
    alertmanager: Endpoint | None
    """None: alerts are not known."""
    catalog: tuple[Path, ...]
    """Files and folders with objectives; none where a command can do without."""
    lab: LabRecord | None
    """The lab these belong to; None where the endpoints were given."""
    scale: int
    """Time scale of the lab's symptom rules: 10 where their windows are a tenth, otherwise 1."""
    state: Path | None = None
    """Where marks, runs and ticks of the project are; None: nobody asked."""
    context: Context | None = None
    """The context of the configuration these belong to."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The global options, each None or empty where not given."""

    project: Path
    """Folder that relative paths start from (`-C`)."""
    catalog: tuple[Path, ...] = ()
    prometheus: str | None = None
    alertmanager: str | None = None
    lab: str | None = None
    context: str | None = None
    environment: Mapping[str, str] | None = None
    """Where identification and the configuration come from; None: nowhere."""

    def configuration(self) -> Config:
        """What the user's and the project's configuration files say; UsageError with every problem."""
        from sretool.adapters.files import config

        if self.environment is None:
            return config.Config()
        return config.read(config.files(self.project, self.environment))

    def resolve_sources(self, *, catalog_needed: bool = True) -> Sources:
        """Options and environment first, then the named lab or context, then the one running lab.

        A lab that nobody named is used only where no endpoint is given, and stderr says so: the alerts
        of one system must not appear beside the objectives of another. UsageError where a server or a
        catalog that is needed remains unknown, or where several labs run.
        """
        context = self.chosen_context()
        if context is not None:
            return self._of_context(context, catalog_needed=catalog_needed)
        lab = self.chosen_lab()
        prometheus, alertmanager = self.endpoints(lab)
        if prometheus is None:
            raise UsageError(
                "no Prometheus is known",
                remedy="start the lab with `sretool lab up`, or give --prometheus URL",
            )
        catalog = self.catalog or ((Path(lab.catalog),) if lab is not None else ())
        if not catalog and catalog_needed:
            raise UsageError(
                "no catalog of objectives is known", remedy="give --catalog PATH or set SRETOOL_CATALOG"
            )
        scale = lab.scale if lab is not None else 1
        return Sources(prometheus, alertmanager, catalog, lab, scale, self.state())

    def chosen_context(self) -> Context | None:
        """The context named, or the one the configuration prefers where no server and no lab is named."""
        if self.context is not None and self.lab is not None:
            raise UsageError("a context and a lab are both named", remedy="give --context or --lab")
        servers_given = self.prometheus is not None or self.alertmanager is not None
        if self.context is None and (self.lab is not None or servers_given):
            return None
        config = self.configuration()
        name = self.context or config.context
        if name is None:
            return None
        if name not in config.contexts:
            known = ", ".join(config.contexts) or "none"
            raise UsageError(
                f"there is no context {name!r} (known: {known})",
                remedy="write it as [contexts.NAME] into ~/.config/sretool/config.toml",
            )
        return config.contexts[name]

    def _of_context(self, context: Context, *, catalog_needed: bool) -> Sources:
        """The servers of a context; those given as options take their places."""
        prometheus = self._servers("prometheus", self.prometheus, context.prometheus, context.prometheus_auth)
        alertmanager = self._servers(
            "alertmanager", self.alertmanager, context.alertmanager, context.alertmanager_auth
        )
        if prometheus is None:
            raise UsageError(
                f"the context {context.name} names no Prometheus", remedy=f"add one to {context.file}"
            )
        catalog = self.catalog or context.catalog
        for path in catalog:
            if not path.exists():
                raise UsageError(
                    f"context {context.name}: there is no catalog {path}", remedy=f"correct {context.file}"
                )
        if not catalog and catalog_needed:
            raise UsageError(
                f"the context {context.name} names no catalog",
                remedy=f"add catalog = [...] to {context.file}, or give --catalog PATH",
            )
        return Sources(
            prometheus,
            alertmanager,
            catalog,
            lab=None,
            scale=1,
            state=self.state(),
            context=context,
        )

    def _servers(
        self, name: str, given: str | None, of_context: tuple[str, ...], auth: Auth
    ) -> Endpoint | None:
        environment = self.environment or {}
        if given is not None:
            return endpoint(name, given, environment)
        secrets = _secrets(f"{name}_auth", auth, environment)
        found = [endpoint(name, url, secrets, prefix=f"{name}_auth.") for url in of_context]
        return replace(found[0], fallbacks=tuple(found[1:])) if found else None

    def state(self) -> Path:
        """Folder of marks, runs and ticks: the project's, else the user's."""
        from sretool.adapters.project import state_folder

        return state_folder(self.project, self.environment or {})

    def endpoints(self, lab: LabRecord | None) -> tuple[Endpoint | None, Endpoint | None]:
        """Prometheus and Alertmanager: the ones given, otherwise those of `lab`."""
        found = lab.endpoints if lab is not None else {}
        return (
            self._endpoint("prometheus", self.prometheus, found.get("prometheus")),
            self._endpoint("alertmanager", self.alertmanager, found.get("alertmanager")),
        )

    def _endpoint(self, name: str, given: str | None, of_lab: str | None) -> Endpoint | None:
        if given is not None:
            return endpoint(name, given, self.environment or {})
        # Credentials of the environment belong to the servers named there, not to a lab's.
        return Endpoint(of_lab) if of_lab is not None else None

    def chosen_lab(self) -> LabRecord | None:
        """The lab named, or the only one running where no endpoint is given (said on stderr)."""
        from sretool.adapters.lab import record

        if self.lab is None and (self.prometheus is not None or self.alertmanager is not None):
            return None
        running = {lab.name: lab for lab in record.running()}
        if self.lab is not None:
            if self.lab not in running:
                names = ", ".join(running) or "none"
                raise UsageError(
                    f"no lab named {self.lab!r} is running (running: {names})",
                    remedy=f"start it with `sretool lab up --name {self.lab}`",
                )
            return running[self.lab]
        if len(running) > 1:
            raise UsageError(
                f"several labs are running: {', '.join(running)}", remedy="choose one with --lab NAME"
            )
        for lab in running.values():
            diagnostics.talk(f"using the running lab {lab.name!r}")
            return lab
        return None


def _secrets(table: str, auth: Auth, environment: Mapping[str, str]) -> dict[str, str]:
    """What a context says about identification, as `endpoint` reads it; what it refers to is looked up."""

    def looked_up(variable: str) -> str:
        value = environment.get(variable)
        if not value:
            raise UsageError(f"{table}: {variable} is not set", remedy=f"export {variable}=...")
        return value

    found = {
        "TOKEN": looked_up(auth.token_env) if auth.token_env else None,
        "TOKEN_FILE": auth.token_file,
        "USERNAME": auth.username,
        "PASSWORD": looked_up(auth.password_env) if auth.password_env else None,
        "CA_FILE": auth.ca_file,
        "CLIENT_CERT": auth.client_cert,
        "CLIENT_KEY": auth.client_key,
        "HEADERS": ",".join(f"{key}={value}" for key, value in auth.headers.items()) or None,
    }
    if auth.password_file:
        found["PASSWORD"] = _token_of_file(f"{table}.password_file", auth.password_file)
    return {f"{table}.{key}": value for key, value in found.items() if value is not None}


def endpoint(name: str, url: str, environment: Mapping[str, str], *, prefix: str | None = None) -> Endpoint:
    """The server `name` at `url`, identified as `SRETOOL_<NAME>_*` in the environment says.

    Several addresses, with commas between them, are servers that hold the same: the first is asked, the
    others where it does not answer, all with the same identification.

    A user name in the address counts as basic authentication and is taken out of it, so that no message
    ever shows the password. UsageError where the settings cannot be used.
    """
    prefix = prefix or f"SRETOOL_{name.upper()}_"

    def setting(key: str) -> str | None:
        return environment.get(prefix + key) or None

    first, *others = re.split(r",(?=\s*https?://)", url)
    address, in_url = _address(name, first.strip())
    token = setting("TOKEN") or _token_of_file(f"{prefix}TOKEN_FILE", setting("TOKEN_FILE"))
    username, password = setting("USERNAME"), setting("PASSWORD")
    if password is not None and username is None:
        raise UsageError(f"{prefix}PASSWORD is set without {prefix}USERNAME", remedy="set both or neither")
    basic = (username, password or "") if username is not None else in_url
    if token is not None and basic is not None:
        raise UsageError(
            f"{name} has both a bearer token and a user name", remedy=f"unset {prefix}TOKEN or the user name"
        )
    certificate, key = setting("CLIENT_CERT"), setting("CLIENT_KEY")
    if key is not None and certificate is None:
        raise UsageError(f"{prefix}CLIENT_KEY is set without {prefix}CLIENT_CERT", remedy="set both")
    for variable in ("CA_FILE", "CLIENT_CERT", "CLIENT_KEY"):
        path = setting(variable)
        if path is not None and not Path(path).is_file():
            raise UsageError(
                f"{prefix}{variable}: there is no file {path}",
                remedy=f"correct the path, or unset {prefix}{variable}",
            )
    return Endpoint(
        url=address,
        token=token,
        basic=basic,
        ca_file=setting("CA_FILE"),
        client_cert=(certificate, key) if certificate is not None else None,
        headers=_headers(prefix, setting("HEADERS") or ""),
        fallbacks=tuple(endpoint(name, other.strip(), environment) for other in others),
    )


def _address(name: str, url: str) -> tuple[str, tuple[str, str] | None]:
    """The address without user information and trailing slash, and that user information."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(
            f"the address of {name} cannot be read: {error}",
            remedy="write it like http://127.0.0.1:9090; a port is a number up to 65535",
        ) from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"{url!r} is not an address of {name}", remedy="write it like http://127.0.0.1:9090")
    if parts.query or parts.fragment:
        raise UsageError(
            f"the address of {name} must end before the ? or #",
            remedy="give the server's base address; headers go into the environment (see sretool --help)",
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    netloc = host if port is None else f"{host}:{port}"
    basic = None
    if parts.username is not None:
        basic = (unquote(parts.username), unquote(parts.password or ""))
    return urlunsplit((parts.scheme, netloc, parts.path.rstrip("/"), "", "")), basic


def _token_of_file(named: str, path: str | None) -> str | None:
    if path is None:
        return None
    try:
        token = Path(path).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise UsageError(
            f"{named}: {path} cannot be read: {reason}", remedy="name a file that holds the token"
        ) from None
    if not token:
        raise UsageError(f"{named}: {path} is empty", remedy="put the token into it")
    return token


def _headers(prefix: str, text: str) -> dict[str, str]:
    headers = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = part.partition("=")
        if not equals or not name.strip():
            raise UsageError(
                f"{prefix}HEADERS: {part!r} is not a header", remedy="write it like X-Scope-OrgID=team-1"
            )
        headers[name.strip()] = value.strip()
    return headers
