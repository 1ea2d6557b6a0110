"""Every key of the dashboard, once: a key means one thing in the whole program, on whatever screen it works.

Screens take their bindings from here by id, the key bar and the help are drawn from here, and a reader's own
keys are checked against it. Needs no Textual: a configuration file is read before anything is drawn.
"""

from __future__ import annotations

import re
import unicodedata
from difflib import get_close_matches
from typing import TYPE_CHECKING, NamedTuple

from sretool.tui.views import VIEWS
from sretool.tui.words import later

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from textual.binding import Binding


class Key(NamedTuple):
    """One meaning and the keys that have it."""

    id: str
    keys: str
    """As Textual names them, comma between."""
    word: str
    """For the key bar."""
    meaning: str
    """For the help."""
    writes: bool = False
    """Whether it changes something outside the screen; such a key does nothing with --readonly."""


_MOVE = (
    Key("down", "j,down", later("next"), later("down; the next one")),
    Key("up", "k,up", later("previous"), later("up; the one before")),
    Key("left", "h,left", later("left"), later("left; earlier")),
    Key("right", "l,right", later("right"), later("right; later")),
    Key("first", "g,home", later("first"), later("first, and stay on the worst")),
    Key("last", "G,end", later("last"), later("last")),
    Key("page_down", "ctrl+d,pagedown", later("page down"), later("half a page down")),
    Key("page_up", "ctrl+u,pageup", later("page up"), later("half a page up")),
    Key("open", "enter", later("open"), later("open what is under the cursor")),
    Key("back", "escape", later("back"), later("back; clears the filter")),
    Key("leave", "q", later("back"), later("back; quits on the overview")),
    Key("next_pane", "tab", later("next pane"), later("to the next pane")),
    Key("previous_pane", "shift+tab", later("previous pane"), later("to the pane before")),
    Key("jump", "ctrl+o", later("jump"), later("letters on the panes; one of them goes there")),
)
_GO = (
    *(Key(f"view_{view.name}", view.key, view.title, view.title) for view in VIEWS),
    Key("last_view", "`", later("last view"), later("the view before this one")),
    Key("command", ":", later("go"), later("a command: a view, an SLO, a context; tab completes")),
    Key("palette", "ctrl+p", later("find"), later("find an SLO, an alert, a runbook, a view or an action")),
)
_SHOW = (
    Key("filter", "/", later("filter"), later("filter: a regex, !x without x, key=value; esc clears")),
    Key("abnormal", "!", later("abnormal"), later("only what is not ok")),
    Key("mine", "m", later("mine"), later("only what belongs to me and my teams; a mark on a game day")),
    Key("wide", "w", later("wide"), later("more columns")),
    Key("depends", "d", later("depends"), later("what it depends on, and what depends on it")),
    Key("group", "B", later("by"), later("group by another property")),
    Key("dashboards", "D", later("dashboards"), later("the system's own dashboards")),
    Key("silences", "S", later("silences"), later("the list of silences")),
    Key("runbook", "r", later("runbook"), later("the runbook")),
    Key("pager", "|", later("pager"), later("read it in $PAGER")),
    Key("explain", "i", later("why"), later("how the verdict was reached")),
    Key("copy", "y", later("copy"), later("copy the value with its query and time")),
    Key("export", "e", later("export"), later("write this screen into a file")),
)
_TIME = (
    Key("range", "t", later("range"), later("how much time the charts show")),
    Key("pan_back", "[", later("earlier"), later("earlier on the charts")),
    Key("pan_forward", "]", later("later"), later("later on the charts")),
    Key("zoom_in", "+", later("zoom in"), later("less time, finer")),
    Key("zoom_out", "-", later("zoom out"), later("more time, coarser")),
    Key("now", "0", later("now"), later("back to now")),
    Key("inspect", "v", later("inspect"), later("a cursor on the chart: exact value and time")),
    Key("compare", "c", later("compare"), later("compare with an hour, a day, a week ago")),
    Key("time", "T", later("UTC/local"), later("UTC or local time")),
    Key(
        "pause",
        "p",
        later("pause"),
        later("hold the screen still; data is still collected; on a game day: no next step"),
    ),
    Key("refresh", "R", later("refresh"), later("ask every source now")),
)
_ACT = (
    Key("mark", "space", later("mark"), later("mark for an action on several at once; tick a step")),
    Key("ack", "a", later("ack"), later("acknowledge: somebody is on it"), writes=True),
    Key("silence", "s", later("silence"), later("silence"), writes=True),
    Key(
        "end",
        "x",
        later("stop"),
        later("stop the load, abort the run, expire the silence"),
        writes=True,
    ),
    Key("note", "n", later("note"), later("a note into the timeline"), writes=True),
    Key("handover", "H", later("hand over"), later("the hand-over note")),
    Key("calendar", "C", later("calendar"), later("the rota as a calendar")),
    Key("editor", "ctrl+e", later("edit"), later("edit it in $EDITOR"), writes=True),
    Key("more", ">", later("more"), later("more time: extend the silence"), writes=True),
)
_REPLAY = (
    Key("next_change", ".", later("next change"), later("to the next change of a state or an alert")),
    Key("previous_change", "comma", later("change before"), later("to the change before")),
    Key("next_page", ")", later("next page"), later("to the next page")),
    Key("previous_page", "(", later("page before"), later("to the page before")),
    Key("faster", "}", later("faster"), later("faster: x1, x10, x60")),
    Key("slower", "{", later("slower"), later("slower")),
    Key("jump_to", "@", later("jump"), later("to a time: 03:10, -5m")),
)
_PROGRAM = (
    Key("bell", "b", later("bell"), later("bell on or off")),
    Key("help", "?", later("help"), later("the keys of this screen")),
    Key("quit", "ctrl+q", later("quit"), later("quit from anywhere")),
)

GROUPS: tuple[tuple[str, tuple[Key, ...]], ...] = (
    (later("MOVE"), _MOVE),
    (later("GO TO"), _GO),
    (later("SHOW"), _SHOW),
    (later("TIME"), _TIME),
    (later("ACT"), _ACT),
    (later("REPLAY"), _REPLAY),
    (later("PROGRAM"), _PROGRAM),
)
KEYS: dict[str, Key] = {key.id: key for _, group in GROUPS for key in group}

WRITES = frozenset(key.id for key in KEYS.values() if key.writes)
"""Actions, named like their ids, that --readonly takes away."""

NEVER = "ctrl+c"
"""A key nobody may bind: people press it to get out of something, not out of the dashboard."""


def bind(id: str, action: str | None = None, *, priority: bool = False) -> Binding:
    """The binding of a key of the table; the action is called like the id unless said otherwise.

    `priority` is for keys that must work before the next key of the same burst is looked at.
    """
    from textual.binding import Binding

    key = KEYS[id]
    if key.writes and action is not None and action.partition("(")[0] != id:
        raise ValueError(f"a key that writes must call action_{id}: --readonly looks at its name")
    return Binding(key.keys, action or id, key.word, id=id, show=False, priority=priority)


def shown(id: str, own: Mapping[str, str]) -> str:
    """The keys of `id` as people write them: `j, down`."""
    return ", ".join(sign(key) for key in own.get(id, KEYS[id].keys).split(","))


def first(id: str, own: Mapping[str, str]) -> str:
    """The key of `id` for the key bar."""
    return sign(own.get(id, KEYS[id].keys).split(",")[0])


# --- a reader's own keys ----------------------------------------------------------------------------------

_SIGNS = {"slash": "/", "backslash": "\\", "minus": "-", "plus": "+", "underscore": "_", "at": "@"}
_SHORT = {"escape": "esc", "pageup": "pgup", "pagedown": "pgdn"}
_NAMED = frozenset(
    {
        "enter", "escape", "tab", "space", "backspace", "delete", "insert", "home", "end", "pageup",
        "pagedown", "up", "down", "left", "right", *(f"f{number}" for number in range(1, 25)),
    }
)  # fmt: skip
_MODIFIED = re.compile(r"(?:(?:ctrl|alt|shift)\+)+(.+)")


def one_name(key: str) -> str:
    """The same name for every way to write a key: `?` for `question_mark`."""
    key = key.strip()
    if len(key) <= 1 or key in _NAMED:
        return key
    if key in _SIGNS:
        return _SIGNS[key]
    try:
        return unicodedata.lookup(key.replace("_", " "))
    except KeyError:
        return key


def sign(key: str) -> str:
    """A key as the help shows it."""
    name = one_name(key)
    return _SHORT.get(name, name)


def problems(own: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    """What is wrong with a reader's keys: the id, and why, one after the other."""
    for id, keys in own.items():
        if id not in KEYS:
            near = get_close_matches(id, KEYS, 1)
            hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(KEYS)}"
            yield id, f"there is no key {id}{hint}"
            continue
        for key in keys.split(","):
            why = _unusable(key)
            if why is not None:
                yield id, why
    yield from _clashes(own)


def _unusable(key: str) -> str | None:
    name = one_name(key)
    if name == NEVER:
        return f"{NEVER} cannot be bound: it never does anything"
    modified = _MODIFIED.fullmatch(name)
    bare = one_name(modified.group(1)) if modified else name
    if bare in _NAMED or (len(bare) == 1 and bare.isprintable()):
        return None
    return f"{key.strip()!r} is no key; write a sign like ?, a name like enter or f5, or ctrl+x"


def _clashes(own: Mapping[str, str]) -> Iterable[tuple[str, str]]:
    taken: dict[str, str] = {}
    kept = {id: key.keys for id, key in KEYS.items() if id not in own}
    for id, keys in (kept | dict(own)).items():
        if id not in KEYS:
            continue
        for key in keys.split(","):
            name = one_name(key)
            other = taken.setdefault(name, id)
            if other != id:
                yield id, f"{sign(name)} already means {other} ({KEYS[other].meaning})"
