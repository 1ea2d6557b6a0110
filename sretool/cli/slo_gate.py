"""`sretool slo gate`: may this change go out? For CI jobs and the people who read their logs."""

from __future__ import annotations

import os
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

import click

from sretool.cli import diagnostics
from sretool.cli.output import format_option, write_json
from sretool.core.slo.policy import Outcome, Standing, decide
from sretool.errors import SourceError, UsageError
from sretool.units import format_time

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from sretool.cli.context import Settings, Sources
    from sretool.core.catalog.model import System
    from sretool.core.slo.policy import Decision, Policy, ResponseLevel
    from sretool.ports import Endpoint

_EXIT_CODES: Final = {
    Outcome.GO: diagnostics.OK,
    Outcome.STOP: diagnostics.FAILED,
    Outcome.UNKNOWN: diagnostics.UNREACHABLE,
}

_REMEDY: Final = "make Prometheus answer, or pass with --on-unknown allow [--reason TEXT], which is recorded"


@click.command(name="gate")
@click.argument("ids", metavar="[ID]...", nargs=-1)
@click.option(
    "--change",
    metavar="KIND",
    default=None,
    help="What goes out: normal (default), non-critical, hotfix, emergency-fix, rollback,"
    " or what the catalog's policy has instead.",
)
@click.option(
    "--exception",
    "exception",
    metavar="KIND",
    help="Pass whatever the budgets are: security-fix, data-loss-risk, compliance. Needs --reason.",
)
@click.option(
    "--reason",
    metavar="TEXT",
    help="Why the exception is made or an unknown budget allowed; recorded.",
)
@click.option(
    "--on-unknown",
    type=click.Choice(["refuse", "allow"]),
    default="refuse",
    show_default=True,
    help="What an unknown budget means: Prometheus is down, or has no data. What is allowed is recorded.",
)
@format_option
@click.pass_context
def command(
    ctx: click.Context,
    ids: tuple[str, ...],
    change: str | None,
    exception: str | None,
    reason: str | None,
    on_unknown: str,
    output_format: str,
) -> None:
    """Whether a change may go out now, by the error budget policy.

    The objective with the least budget decides; with ID only those named count. Without a catalog those count
    that the rules of Sloth or Pyrra already record on the server.

    Ends with 0 for go, 1 for stop, 3 where Prometheus is down or a budget is unknown, whatever the change is:
    only --on-unknown allow or an exception lets it pass then. Both are recorded in the file gate.jsonl of the
    project's .sretool folder, or of $XDG_STATE_HOME/sretool where there is none.
    """
    from sretool.core.slo.policy import DEFAULT

    settings: Settings = ctx.obj
    sources = settings.resolve_sources(catalog_needed=False)
    system, no_answer = _system(sources)
    policy = system.policy if system is not None else DEFAULT
    kind = _change(policy, change)
    _check_exception(policy, exception, reason, allowing=on_unknown == "allow")
    at, standings, why_unknown = _standings(sources.prometheus, system, ids, no_answer)
    decision = decide(
        policy,
        standings,
        kind,
        exception=exception,
        allow_unknown=on_unknown == "allow",
        why_unknown=why_unknown,
    )
    document = _as_json(decision, kind, at, exception, reason)
    record = _record(settings.project, document) if decision.recorded else None
    if output_format == "json":
        write_json({**document, "recorded": record})
    else:
        why = f": {reason}" if reason and decision.recorded else ""
        click.echo(
            f"{decision.outcome.upper()}  {decision.reason}{why}"
            + (f"; recorded in {record}" if record else "")
        )
    if decision.outcome is Outcome.UNKNOWN:
        diagnostics.talk(f"  → {_REMEDY}")
    ctx.exit(_EXIT_CODES[decision.outcome])


def _change(policy: Policy, given: str | None) -> str:
    """The kind of change, one the policy knows; without one `normal`, or the policy's first."""
    if given is None:
        return "normal" if "normal" in policy.changes else policy.changes[0]
    if given not in policy.changes:
        raise UsageError(f"the policy knows no change {given!r}", remedy=_instead(given, policy.changes))
    return given


def _check_exception(policy: Policy, given: str | None, reason: str | None, *, allowing: bool) -> None:
    known = [each.id for each in policy.exceptions]
    if given is None:
        if reason is not None and not allowing:
            raise UsageError(
                "--reason is given without --exception or --on-unknown allow",
                remedy=f"exceptions are: {', '.join(known)}",
            )
        return
    if given not in known:
        raise UsageError(f"the policy knows no exception {given!r}", remedy=_instead(given, known))
    if reason is None or not reason.strip():
        raise UsageError(
            f"exception {given} needs a reason that can be recorded", remedy='give it with --reason "…"'
        )


def _instead(given: str, known: Sequence[str]) -> str:
    close = get_close_matches(given, known, n=1)
    return f"did you mean {close[0]}?" if close else f"it knows: {', '.join(known) or 'none'}"


def _system(sources: Sources) -> tuple[System | None, str | None]:
    """What counts; None where only the server would know it, and why it does not say."""
    from sretool.cli import objectives

    try:
        return objectives.load(sources), None
    except SourceError as error:
        return None, " ".join(error.message.split())


def _standings(
    prometheus: Endpoint, system: System | None, ids: Sequence[str], no_answer: str | None
) -> tuple[datetime, tuple[Standing, ...], str | None]:
    """When, what each objective has left, and why some of it is unknown."""
    from sretool.cli.slo import read_snapshot
    from sretool.core.observe.release import standings
    from sretool.core.slo.select import select
    from sretool.wiring import SystemClock

    if system is None:
        return SystemClock().now(), (), no_answer
    slos = select(system.slos, ids)
    try:
        snapshot = read_snapshot(prometheus, slos, None)
    except SourceError as error:
        nothing = tuple(Standing(slo.id, None) for slo in slos)
        return SystemClock().now(), nothing, " ".join(error.message.split())
    problems = [f"{status.slo.id}: {status.problem}" for status in snapshot.statuses if status.problem]
    why = problems[0] if problems else "Prometheus has no data of its window, or only old data"
    return snapshot.at, standings(snapshot.statuses, snapshot.at), why


def _as_json(
    decision: Decision, change: str, at: datetime, exception: str | None, why: str | None
) -> dict[str, Any]:
    found = decision.state
    return {
        "at": format_time(at),
        "outcome": decision.outcome,
        "change": change,
        "reason": decision.reason,
        "exception": exception,
        "exception_reason": why if exception is not None else None,
        "unknown_allowed": decision.recorded and exception is None,
        "unknown_reason": why if exception is None else None,
        "step": found.step.name if found else None,
        "response_level": found.level if found else None,
        "response": _response_as_json(found.response) if found and found.response else None,
        "slo": found.slo if found else None,
        "budget_left": found.left if found else None,
        "frozen": list(found.frozen) if found else None,
        "needs": decision.needs,
        "unknown": list(decision.unknown),
    }


def _response_as_json(response: ResponseLevel) -> dict[str, Any]:
    return {"title": response.title, "actions": list(response.actions)}


def _record(project: Path, document: dict[str, Any]) -> str | None:
    """Where the decision was recorded; None (and the whole record on stderr) where it cannot be kept.

    The change passes even then: the log of the job keeps what the file could not.
    """
    import getpass
    import json
    import socket

    from sretool.adapters.files import gate_log

    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    entry = {**document, "user": user, "host": socket.gethostname(), "folder": str(project)}
    file = gate_log.path(project, os.environ)
    try:
        gate_log.append(file, entry)
    except OSError as error:
        diagnostics.tell(
            f"the decision cannot be recorded in {file}: {error.strerror}",
            f"keep this line: {json.dumps(entry, ensure_ascii=False)}",
        )
        return None
    return str(file)
