"""The command palette: everything that has a name, found by some of its letters. Imported when opened."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, cast

from textual.command import CommandPalette, DiscoveryHit, Hit, Provider

from sretool.tui import commands, keys
from sretool.tui.views import VIEWS
from sretool.tui.words import tr

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from textual.command import Hits

    from sretool.tui.shell import Shell


class Everything(Provider):
    """Views, SLOs, alerts, services, runbooks, contexts, and the keys that work on the screen below."""

    async def discover(self) -> Hits:
        for name, help_, run in self._views_and_actions():
            yield DiscoveryHit(name, run, help=help_)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for name, help_, run in (*self._things(), *self._views_and_actions()):
            score = matcher.match(name)
            if score > 0:
                yield Hit(score, matcher.highlight(name), run, text=name, help=help_)

    @property
    def _dash(self) -> Shell:
        return cast("Shell", self.app)

    def _things(self) -> Iterator[tuple[str, str, Callable[[], None]]]:
        app = self._dash
        for status in app.board.snapshot.statuses:
            yield status.slo.id, f"SLO  {status.slo.title}", partial(app.open_slo, status.slo.id)
        for alert in app.board.snapshot.alerts:
            subject = alert.slo or alert.labels.get("instance") or alert.labels.get("service") or ""
            yield f"{alert.name} {subject}".strip(), tr("alert"), partial(app.open_alert, alert.fingerprint)
        for service in commands.services(app):
            yield service, tr("service"), partial(app.open_service, service)
        for name in commands.dashboards(app):
            yield name, tr("dashboard"), partial(app.open_dashboard, name)
        for name in commands.runbooks(app):
            yield name, tr("runbook"), partial(commands.run, app, f"runbook {name}")
        for name in app.contexts.names if app.contexts is not None else ():
            yield name, tr("context"), partial(app.go_to_context, name)

    def _views_and_actions(self) -> Iterator[tuple[str, str, Callable[[], None]]]:
        app = self._dash
        for view in VIEWS:
            yield tr(view.title), f"{tr('view')}  {view.key}", partial(app.open_view, view.name)
        for id, action in app.actions_here():
            if not id.startswith("view_"):
                key = keys.KEYS[id]
                yield tr(key.meaning), f"{tr('key')}  {keys.shown(id, app.own_keys)}", action
        for command in commands.COMMANDS:
            if not command.needed and command.names[0] not in {view.name for view in VIEWS}:
                name = command.names[0]
                yield f":{name}", tr(command.meaning), partial(commands.run, app, name)


def palette() -> CommandPalette:
    return CommandPalette(providers=[Everything], placeholder=tr("SLOs, alerts, runbooks, views, actions"))
