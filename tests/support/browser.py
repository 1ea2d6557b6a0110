"""The browser that pages are looked at with."""

from __future__ import annotations

import shutil
from typing import Final

CHROMIUM: Final = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
NO_CHROMIUM: Final = "no Chromium is installed: put chromium, chromium-browser or google-chrome on the PATH"
