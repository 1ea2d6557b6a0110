"""Undoing, at the start of any command, what an experiment has left whose programs were all killed.

Nearly always there is nothing: then this costs one look into one folder, and nothing is imported for it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from sretool.undo.heal import Healed


def undo(environment: Mapping[str, str], argv: Sequence[str]) -> None:
    """Tell on stderr what was undone. `chaos heal` does it itself, and tells more."""
    if not _anything(environment) or _heals_itself(argv):
        return
    from sretool.cli import diagnostics

    # Somebody waits for another command: what cannot be undone at once is left to `chaos heal`.
    for healed in heal_all(environment, tries=1):
        for each in healed.results:
            if each.how == "undone":
                diagnostics.tell(f"undid what an experiment had left: {each.fault} ({each.text})")
            elif not each.ok:
                diagnostics.tell(
                    f"an experiment has left a fault that cannot be undone: {each.fault}: {each.text}",
                    "try again with `sretool chaos heal`",
                )
        if healed.problem:
            diagnostics.tell(f"what an experiment has left in {healed.folder} is not known: {healed.problem}")


def heal_all(environment: Mapping[str, str], *, tries: int = 3) -> list[Healed]:
    """Undo what every log of the machine holds that nobody looks after; `tries` for each fault."""
    from sretool.undo import heal, index

    places = index.place(environment)
    return [heal.finish(folder, places, tries=tries) for folder in heal.left_over(places)]


def looked_after(environment: Mapping[str, str]) -> list[Path]:
    """Folders of logs whose experiments still run."""
    from sretool.undo import index, lease

    return [folder for folder in index.folders(index.place(environment)) if lease.live(folder)]


def _anything(environment: Mapping[str, str]) -> bool:
    # As `undo.index.place` says, whose import alone would take longer than this.
    state = environment.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    try:
        return any(name.endswith(".json") for name in os.listdir(f"{state}/sretool/undo"))
    except OSError:
        return False


def _heals_itself(argv: Sequence[str]) -> bool:
    words = " ".join(each for each in argv if not each.startswith("-"))
    return "chaos heal" in words
