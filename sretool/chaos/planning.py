"""Asks actions what they would hurt, without hurting it: `python -m sretool.chaos.planning`.

Standard input is one JSON object: `folder` (that of the experiment, where its own modules are found, too) and
`calls`, a list of `{"id", "module", "func", "arguments"}`. Standard output is one JSON object, id → what
`plan_<func>(**arguments)` of that module gives: `{"targets": […]}`, `{"problem": "…"}` where it raises, or
`{}` where there is no such function. What modules print goes to standard error.

It is a program of its own because the modules belong to experiments, and may need what `sretool` does not
load.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def answer(call: Mapping[str, Any]) -> dict[str, Any]:
    """One answer."""
    # Whatever a module or a function of others raises is its answer, so that the rest is still heard.
    try:
        module = importlib.import_module(call["module"])
        function = getattr(module, f"plan_{call['func']}", None)
        if function is None:
            return {}
        targets = function(**call["arguments"])
        json.dumps(targets)
    except (Exception, SystemExit) as error:
        return {"problem": str(error) or type(error).__name__}
    return {"targets": targets}


def main() -> int:
    asked = json.load(sys.stdin)
    os.chdir(asked["folder"])
    sys.path.insert(0, asked["folder"])
    with contextlib.redirect_stdout(sys.stderr):
        answers = {call["id"]: answer(call) for call in asked["calls"]}
    json.dump(answers, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
