from __future__ import annotations

from datetime import timedelta

import pytest

from sretool.core.catalog.read import read
from sretool.core.observe.model import Change
from tests.support import watched
from tests.support.dashboard import NOW
from tests.tui.screens import WIDE, check_screen
from tests.tui.test_infra import infra, row


@pytest.mark.parametrize(("width", "height"), [(80, 24), WIDE])
async def test_everything_around_a_service(width: int, height: int) -> None:
    async with infra(width, height) as dash:
        await dash.press("d")
        check_screen("service", dash)


@pytest.mark.slow
async def test_hops_stand_beside_their_budgets_and_unmeasured_ones_say_how() -> None:
    async with infra(160, 48) as dash:
        await dash.press("d")
        assert "133ms of 100ms" in row(dash, " Order ")
        assert "of 60ms    not measured: set `measured`" in row(dash, "Own logic")
        assert "137ms of 110ms" in row(dash, "whole path")


async def test_needs_have_their_state_and_sla_and_what_breaks_goes_the_other_way() -> None:
    async with infra(160, 48) as dash:
        await dash.press("d")
        assert "DOWN" in row(dash, "queue ")
        assert "not watched SLA 99.9% PayCo" in row(dash, " pay ")
        text = dash.text()
        needed, _, broken = text.partition("BREAKS WITH IT")
        assert "ingress" in broken
        assert "ingress" not in needed


async def test_d_opens_it_from_the_overview_and_from_an_slo() -> None:
    async with infra(view="overview") as dash:
        await dash.press("d")
        assert " service > amas" in dash.lines()[0]
        await dash.press("escape", "enter", "d")
        assert " service > amas" in dash.lines()[0]


async def test_a_service_the_catalog_does_not_know_says_what_to_do() -> None:
    bare = read({"a.yaml": "slos:" + watched.CATALOG.partition("slos:")[2].partition("\nresources:")[0]})
    async with infra(view="overview", system=bare) as dash:
        await dash.press("d")
        assert "not configured: the catalog has no `services` with the id amas" in dash.text()


async def test_copy_takes_the_page() -> None:
    async with infra() as dash:
        await dash.press("d", "y")
        assert "LATENCY BUDGET" in dash.app.clipboard


async def test_changes_are_those_of_the_service_and_of_everything() -> None:
    at = NOW - timedelta(minutes=10)
    async with infra(160, 48) as dash:
        dash.watch.changes = (
            Change(at, "deploy", "amas deployed v7", {"service": "amas"}),
            Change(at, "flag", "ledger flipped it", {"service": "ledger"}),
            Change(at, "source", "prometheus answers again"),
        )
        await dash.poll()
        await dash.press("d")
        told = dash.text().rpartition("CHANGES")[2]
        assert "amas deployed v7" in told
        assert "Prometheus answers again" in told
        assert "ledger" not in told
