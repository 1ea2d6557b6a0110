"""Logins and tokens: from the environment, or from a file that it names; never from a profile.

    TOKEN = secret("SHOP_TOKEN")

is the value of the variable SHOP_TOKEN, else the text of the file whose path is in SHOP_TOKEN_FILE.
"""

from __future__ import annotations

import os
from pathlib import Path

from sretool.errors import UsageError


def secret(name: str) -> str:
    """Without the line ends around it. UsageError where there is none."""
    value = os.environ.get(name)
    if value is None and (file := os.environ.get(f"{name}_FILE")):
        try:
            value = Path(file).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise UsageError(f"{name}_FILE: cannot read {file}: {why}") from None
    if value is None:
        raise UsageError(
            f"the secret {name} is not set",
            remedy=f"put it into the environment as {name}, or its file's path as {name}_FILE",
        )
    value = value.strip("\r\n")
    if not value or "\n" in value or "\r" in value:
        what = "has several lines" if value else "is empty"
        raise UsageError(f"the secret {name} {what}", remedy="give one line of text")
    return value
