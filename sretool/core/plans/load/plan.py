"""What the program that makes the load is told, as one JSON document."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping  # noqa: TC003 - looked up when plans are read
from typing import TYPE_CHECKING, Final

import msgspec

from sretool.core.plans.load.profile import Model, Value  # noqa: TC001
from sretool.core.plans.load.requests import Request  # noqa: TC001
from sretool.errors import UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sretool.core.plans.load.profile import LoadProfile
    from sretool.core.plans.load.target import Target

PROTOCOL: Final = 1
"""Of plan, commands and what is told back."""


class LoadPlan(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A profile resolved for one target. Times in seconds."""

    profile: str
    """Its name."""
    locustfile: str
    """Absolute path."""
    target: str
    """`http(s)://host[:port]` with or without a path, no slash at the end."""
    model: Model
    scenarios: Mapping[str, float] = {}
    parameters: Mapping[str, Value] = {}
    data: Mapping[str, str] = {}
    """Feeder → absolute path; empty: it has no file this time."""
    requests: Mapping[str, Request] = {}
    """Name → request; its secrets are named in it, not told."""
    think_time: tuple[float, float] | None = None
    tags: tuple[str, ...] = ()
    seed: int | None = None
    workers: int = 1
    """Processes that make load."""
    bind: str = ""
    """`host:port` to wait at for workers of other machines; empty: all workers are of this one."""
    join: str = ""
    """`host:port` of a master that is to be worked for; empty: of none."""
    allowed_hosts: tuple[str, ...] = ()
    """The only hosts anything may be sent to; the target's, and what the user named besides."""
    ca_file: str = ""
    """PEM file of the authorities to trust instead of the system's; empty: those of the user classes."""
    insecure: bool = False
    """Whether no certificate is verified."""
    grace: float = 5.0
    """How long requests under way may take to end after the last has begun."""
    fingerprint: str = ""
    """Of profile and locustfile: programs on several machines must have the same."""
    protocol: int = PROTOCOL

    @property
    def digest(self) -> str:
        """The same on every machine that takes part in one test: nothing of where files lie, or who leads."""
        common = msgspec.structs.replace(
            self, locustfile="", data={}, workers=0, bind="", join="", ca_file="", requests={}
        )
        return hashlib.sha256(msgspec.json.encode(common)).hexdigest()[:16]

    @property
    def seconds(self) -> float | None:
        shape = getattr(self.model, "rate", None) or getattr(self.model, "users", None)
        return None if shape is None else shape.seconds


def encode(plan: LoadPlan) -> bytes:
    """One line without its line end."""
    return msgspec.json.encode(plan)


def decode(text: bytes) -> LoadPlan:
    """ValueError where it is none."""
    return msgspec.json.decode(text, type=LoadPlan)


def resolve(
    profile: LoadProfile,
    target: Target,
    *,
    folder: str,
    given: Mapping[str, str],
    seed: int | None = None,
    workers: int = 1,
    bind: str = "",
    join: str = "",
    hosts: Sequence[str] = (),
    fingerprint: str = "",
    ca_file: str = "",
    insecure: bool = False,
) -> LoadPlan:
    """The plan of a profile whose files are relative to `folder`, with parameters as they were `given`.

    UsageError where one of them is not of its type or not of the profile.
    """
    parameters: dict[str, Value] = {name: each.default for name, each in profile.parameters.items()}
    for name, raw in given.items():
        known = profile.parameters.get(name)
        if known is None:
            # A locustfile of its own declares nothing: it asks, or does not.
            if profile.parameters or profile.file.endswith((".yaml", ".yml")):
                near = did_you_mean(name, profile.parameters)
                raise UsageError(f"the profile {profile.name} has no parameter {name!r}{near}")
            parameters[name] = raw
            continue
        try:
            parameters[name] = known.read(raw)
        except UsageError as error:
            raise UsageError(
                f"parameter {name}: {error.message}", remedy=error.remedy or f"its type is {known.type}"
            ) from None
    return LoadPlan(
        profile=profile.name,
        locustfile=_below(folder, profile.locustfile),
        target=target.url,
        model=profile.model,
        scenarios=dict(profile.scenarios),
        parameters=parameters,
        data={name: _below(folder, path) if path else "" for name, path in profile.data.items()},
        requests=dict(profile.requests),
        think_time=profile.think_time,
        tags=profile.tags,
        seed=seed,
        workers=workers,
        bind=bind,
        join=join,
        allowed_hosts=(target.host, *hosts),
        fingerprint=fingerprint,
        ca_file=ca_file,
        insecure=insecure,
    )


def _below(folder: str, path: str) -> str:
    return path if path.startswith("/") else f"{folder}/{path}"
