"""Data files of real runs: shared out between workers, and at their end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sretool.adapters.locust.driver import Locust
from sretool.core.plans.load.plan import LoadPlan
from sretool.core.plans.load.profile import Closed, Open
from sretool.core.plans.load.shape import flat
from tests.support.counting import counting_server

if TYPE_CHECKING:
    from pathlib import Path

    from sretool.core.plans.load.profile import Model

pytestmark = pytest.mark.lab

USERS = """
from sretool.load import HttpUser, task
from sretool.load.feeders import Feeder
from sretool.load.parameters import data

ROWS = Feeder(data("rows"), "once")

class Reader(HttpUser):
    @task
    def read(self):
        self.client.get("/row/" + ROWS.next()["row"])
"""


@pytest.mark.parametrize("model", [Closed(flat(2, 60)), Open(flat(50, 60))], ids=["closed", "open"])
@pytest.mark.parametrize("workers", [1, 2])
async def test_a_run_ends_where_its_rows_do(tmp_path: Path, model: Model, workers: int) -> None:
    (tmp_path / "users.py").write_text(USERS)
    (tmp_path / "rows.csv").write_text("row\n" + "\n".join(f"r{number}" for number in range(60)) + "\n")
    async with counting_server() as server:
        plan = LoadPlan(
            profile="p", locustfile=str(tmp_path / "users.py"), target=server.url, model=model, seed=1,
            data={"rows": str(tmp_path / "rows.csv")}, workers=workers, allowed_hosts=("127.0.0.1",),
        )  # fmt: skip
        session = await Locust().start(plan)
        ticks = [tick async for tick in session.ticks()]
        rows = {f"GET /row/r{number}": 1 for number in range(60)}
        assert {each.name: each.requests for tick in ticks for each in tick.requests} == rows
        assert session.ended is not None
        assert session.ended.why == (
            f"all users have ended: {tmp_path}/rows.csv: each of its 60 rows has been used once"
        )
        assert sum(tick.seconds for tick in ticks) < 30
