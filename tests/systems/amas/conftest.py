from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sretool.adapters.files.catalog import bundled, load

if TYPE_CHECKING:
    from sretool.core.catalog.model import System


@pytest.fixture(scope="session")
def amas() -> System:
    return load([bundled("amas")])
