"""What can be typed after `:`: a name, and for most an argument that tab completes."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from sretool.tui.export import FORMATS
from sretool.tui.themes import THEME_NAMES
from sretool.tui.views import VIEWS
from sretool.tui.words import LANGUAGES, later, tr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sretool.core.slo.model import SloId
    from sretool.tui.shell import Shell

_SHORT = {
    "overview": ("slos",),
    "alerts": ("al",),
    "users": ("ux",),
    "gameday": ("gd",),
    "oncall": ("oc",),
}
_MOST = 8
"""Choices named beside what is typed."""


@dataclass(frozen=True, slots=True)
class Command:
    """One thing that can be asked for by name."""

    names: tuple[str, ...]
    """The full one first."""
    argument: str
    """What may follow: `ID`; empty: nothing."""
    meaning: str
    run: Callable[[Shell, str], None]
    choices: Callable[[Shell], Iterable[str]] = lambda app: ()
    needed: bool = False
    """Whether it means nothing without its argument."""


def run(app: Shell, typed: str) -> None:
    """Do what was typed, or say why it cannot be done."""
    name, _, argument = typed.strip().partition(" ")
    argument = argument.strip()
    if not name:
        return
    command = _find(name)
    if command is None:
        near = get_close_matches(name, [known for each in COMMANDS for known in each.names], 1)
        hint = tr("did you mean :{name}?", name=near[0]) if near else tr("tab shows what there is")
        app.tell(tr("there is no command :{name}; {hint}", name=name, hint=hint), bad=True)
    elif command.needed and not argument:
        app.tell(tr(":{name} needs {argument}", name=command.names[0], argument=command.argument), bad=True)
    else:
        command.run(app, argument)


def complete(app: Shell, typed: str) -> list[str]:
    """Whole lines that may be meant, in the order tab goes through them."""
    name, space, argument = typed.lstrip().partition(" ")
    if not space:
        full = [each.names[0] for each in COMMANDS if each.names[0].startswith(name)]
        return full or [each.names[0] for each in COMMANDS if any(map(name.__eq__, each.names))]
    command = _find(name)
    if command is None:
        return []
    return [f"{name} {choice}" for choice in matching(argument, command.choices(app))]


def hint(app: Shell, typed: str) -> str:
    """What to say beside the text so far."""
    name, space, argument = typed.lstrip().partition(" ")
    command = _find(name)
    if command is None or not space:
        found = complete(app, typed)
        if len(found) == 1 and (only := _find(found[0])) is not None:
            return f"{found[0]} {only.argument}".rstrip() + f"  {tr(only.meaning)}"
        return "  ".join(found[:_MOST]) if found else tr("there is no such command")
    found = matching(argument, command.choices(app))
    more = " ..." if len(found) > _MOST else ""
    return "  ".join(found[:_MOST]) + more if found else f"{command.argument}  {tr(command.meaning)}"


def matching(part: str, choices: Iterable[str]) -> list[str]:
    """Those that begin with `part`, then those that have it somewhere."""
    folded = part.strip().casefold()
    known = list(choices)
    begin = [each for each in known if each.casefold().startswith(folded)]
    return begin + [each for each in known if folded in each.casefold() and each not in begin]


def _find(name: str) -> Command | None:
    for command in COMMANDS:
        if name in command.names:
            return command
    begun = [command for command in COMMANDS if command.names[0].startswith(name)]
    return begun[0] if len(begun) == 1 else None


# --- what they do -----------------------------------------------------------------------------------------


def _go(view: str) -> Callable[[Shell, str], None]:
    return lambda app, argument: app.go(view, argument)


def _slo(app: Shell, argument: str) -> None:
    known = {str(slo): slo for slo in _slos(app)}
    found = [argument] if argument in known else matching(argument, known)
    if len(found) == 1:
        app.open_slo(known[found[0]])
    elif found:
        app.tell(tr("several SLOs match: {names}", names=", ".join(found[:5])), bad=True)
    else:
        app.tell(tr("there is no SLO {name}", name=argument), bad=True)


def _slos(app: Shell) -> Sequence[SloId]:
    return [status.slo.id for status in app.board.snapshot.statuses]


def _alert_names(app: Shell) -> Sequence[str]:
    return list(dict.fromkeys(alert.name for alert in app.board.snapshot.alerts))


def _runbook(app: Shell, argument: str) -> None:
    app.open_runbook(argument, f"runbook:{argument}")


def runbooks(app: Shell) -> Sequence[str]:
    """Runbooks that objectives and open alerts name."""
    of_slos = (status.slo.runbook for status in app.board.snapshot.statuses)
    of_alerts = (alert.annotations.get("runbook") for alert in app.board.snapshot.alerts)
    return sorted({name for name in (*of_slos, *of_alerts) if name})


def services(app: Shell) -> Sequence[str]:
    """Services of the catalog and of the objectives."""
    of_slos = {status.slo.service for status in app.board.snapshot.statuses}
    known = {service.id for service in app.system.services} if app.system is not None else set()
    return sorted(of_slos | known)


def _service(app: Shell, argument: str) -> None:
    found = [each for each in services(app) if each == argument] or matching(argument, services(app))
    if found:
        app.open_service(found[0])
    else:
        known = ", ".join(services(app)) or "-"
        app.tell(tr("there is no service {name}; there are {known}", name=argument, known=known), bad=True)


def dashboards(app: Shell) -> Sequence[str]:
    """Of the catalog."""
    return [board.id for board in app.system.dashboards] if app.system is not None else ()


def _dashboard(app: Shell, argument: str) -> None:
    if not argument:
        app.action_dashboards()
        return
    found = [each for each in dashboards(app) if each == argument] or matching(argument, dashboards(app))
    app.open_dashboard(found[0] if found else argument)


def _contexts(app: Shell) -> Sequence[str]:
    return app.contexts.names if app.contexts is not None else ()


def _theme(app: Shell, argument: str) -> None:
    name = argument if argument.startswith("sre-") else f"sre-{argument}"
    if name not in THEME_NAMES:
        known = ", ".join(_themes(app))
        app.tell(tr("there is no theme {name}; there are {known}", name=argument, known=known), bad=True)
    else:
        app.use_theme(name)


def _themes(app: Shell) -> Sequence[str]:
    return [name.removeprefix("sre-") for name in THEME_NAMES]


def _graph(app: Shell, argument: str) -> None:
    if not app.use_graph(argument):
        app.tell(tr("charts are drawn with braille, block or ascii"), bad=True)


def _language(app: Shell, argument: str) -> None:
    if not app.use_language(argument):
        app.tell(tr("languages: {known}", known=", ".join(LANGUAGES)), bad=True)


COMMANDS: tuple[Command, ...] = (
    *(
        Command(
            (view.name, *_SHORT.get(view.name, ())),
            later("FILTER"),
            view.title,
            _go(view.name),
            _alert_names if view.name == "alerts" else lambda app: (),
        )
        for view in VIEWS
    ),
    Command(("slo",), "ID", later("one SLO"), _slo, _slos, needed=True),
    Command(
        ("service", "svc"), later("NAME"), later("the page of a service"), _service, services, needed=True
    ),
    Command(
        ("dash", "dashboards"), later("NAME"), later("a dashboard of the catalog"), _dashboard, dashboards
    ),
    Command(("runbook", "rb"), later("NAME"), later("a runbook"), _runbook, runbooks, needed=True),
    Command(
        ("ctx", "context"),
        later("NAME"),
        later("other servers"),
        lambda app, name: app.go_to_context(name),
        _contexts,
    ),
    Command(("theme",), later("NAME"), later("other colours"), _theme, _themes, needed=True),
    Command(
        ("graph",),
        later("NAME"),
        later("what charts are drawn with"),
        _graph,
        lambda app: ("braille", "block", "ascii"),
        needed=True,
    ),
    Command(("lang",), "en|zh", later("language"), _language, lambda app: LANGUAGES, needed=True),
    Command(
        ("export",),
        later("FORMAT"),
        later("write this screen into a file"),
        lambda app, name: app.export(name or "text"),
        lambda app: tuple(FORMATS),
    ),
    Command(
        ("t", "time"),
        "2h|03:00 +2h|live",
        later("how much time the charts show"),
        lambda app, text: app.show_time(text),
        lambda app: ("15m", "1h", "6h", "1d", "3d", "7d", "30d", "90d", "live"),
        needed=True,
    ),
    Command(
        ("record",), "", later("write down what is seen, or stop that"), lambda app, _: app.toggle_recording()
    ),
    Command(("log",), "", later("what went wrong"), lambda app, _: app.open_log()),
    Command(("why",), "", later("how the verdict was reached"), lambda app, _: app.action_explain()),
    Command(("help",), "", later("the keys of this screen"), lambda app, _: app.action_help()),
    Command(("quit", "q"), "", later("quit"), lambda app, _: app.leave_program()),
)
