"""Imports Locust without its web page, which a quarter of its start is for.

Whoever asks for the page, a locustfile that adds to it for example, gets the real one then.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any, Final

_NAME: Final = "locust.web"


class _Later(ModuleType):
    """Stands for `locust.web` until something of it is used."""

    class WebUI:
        """As `locust.env` imports it; making one makes the real one."""

        def __new__(cls, *arguments: Any, **options: Any) -> Any:
            return _real().WebUI(*arguments, **options)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(_real(), name)


def _real() -> Any:
    if isinstance(sys.modules.get(_NAME), _Later):
        del sys.modules[_NAME]
        import_module(_NAME)
    return sys.modules[_NAME]


if "locust" not in sys.modules:
    later: Final[Any] = _Later(_NAME)
    sys.modules[_NAME] = later
    locust: Final[Any] = import_module("locust")
    locust.web = later
