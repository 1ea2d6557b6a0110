"""User classes for locustfiles; import it inside Locust only.

from sretool.load import HttpUser, task
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from locust import task

    from sretool.load.client import Response
    from sretool.load.generators import GeneratorUser
    from sretool.load.open import OpenUser
    from sretool.load.recorder import Recorder
    from sretool.load.users import HttpUser

_FROM: Final = {
    "GeneratorUser": "sretool.load.generators",
    "HttpUser": "sretool.load.users",
    "OpenUser": "sretool.load.open",
    "Recorder": "sretool.load.recorder",
    "Response": "sretool.load.client",
    "task": "locust",
}

__all__ = ["GeneratorUser", "HttpUser", "OpenUser", "Recorder", "Response", "task"]


def __getattr__(name: str) -> Any:
    # Imported when asked for: the child has a word with Locust before.
    if name not in _FROM:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = globals()[name] = getattr(import_module(_FROM[name]), name)
    return found
