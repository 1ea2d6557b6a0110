from __future__ import annotations

import errno
import json
import os
from dataclasses import fields
from typing import TYPE_CHECKING

import numpy as np
import pytest

from sretool.adapters.lab import fold, history
from sretool.adapters.lab.blocks import write_block
from sretool.adapters.lab.history import FRESH, Outcome, Source, finish, prepare, source
from sretool.errors import BinaryMissing, DiskFull, LabError, ProcessFailed, UsageError, WrongOwner
from tests.support.history import ANCHOR, SLOS, SMALL

if TYPE_CHECKING:
    from pathlib import Path

HOUR = 3600


def shop(text: str = SMALL) -> Source:
    return source("shop", text, SLOS)


@pytest.fixture
def tsdb(tmp_path: Path) -> Path:
    return tmp_path / "tsdb"


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def spans(tsdb: Path) -> list[tuple[int, int]]:
    """First and last sample of every block, seconds."""
    metas = [json.loads(path.read_text()) for path in tsdb.glob("*/meta.json")]
    return sorted((meta["minTime"] // 1000, (meta["maxTime"] - 1) // 1000) for meta in metas)


def test_an_empty_folder_gets_the_whole_past_up_to_this_second(tsdb: Path, cache: Path) -> None:
    prepared = prepare(shop(), tsdb, cache, ANCHOR + 1234)
    assert prepared.did == "generated"
    assert prepared.since == ANCHOR - 2 * 24 * HOUR
    assert prepared.until == ANCHOR + 1200
    finished = finish(tsdb, ANCHOR + 1237, shop())
    assert finished.did == "extended"
    assert finished.until == ANCHOR + 1237
    assert spans(tsdb) == [(ANCHOR - 2 * 24 * HOUR, ANCHOR + 1200), (ANCHOR + 1237, ANCHOR + 1237)]


def test_the_next_lab_takes_the_cached_past_and_goes_on_from_it(tmp_path: Path, cache: Path) -> None:
    prepare(shop(), tmp_path / "one", cache, ANCHOR + 60)
    prepared = prepare(shop(), tmp_path / "two", cache, ANCHOR + HOUR)
    assert prepared.did == "cached, extended"
    first, second = spans(tmp_path / "two")
    assert first == (ANCHOR - 2 * 24 * HOUR, ANCHOR + 60)
    assert second == (ANCHOR + 120, ANCHOR + HOUR)


def test_blocks_of_the_cache_take_no_space_again(tmp_path: Path, cache: Path) -> None:
    prepare(shop(), tmp_path / "one", cache, ANCHOR)
    (index,) = (tmp_path / "one").glob("*/index")
    assert os.stat(index).st_nlink == 2


@pytest.mark.parametrize(
    ("text", "later"),
    [
        pytest.param(SMALL, FRESH, id="too old"),
        pytest.param(SMALL, -HOUR, id="from the future"),
        pytest.param(SMALL.replace("per_request: 1", "per_request: 2"), 60, id="of another plan"),
    ],
)
def test_a_cached_past_that_does_not_fit_is_made_anew(
    tmp_path: Path, cache: Path, text: str, later: int
) -> None:
    prepare(shop(), tmp_path / "one", cache, ANCHOR)
    prepared = prepare(shop(text), tmp_path / "two", cache, ANCHOR + later)
    assert prepared.did == "generated"
    assert len(list(cache.glob("*/meta.json"))) == 1


def test_what_another_system_has_in_the_cache_stays(tmp_path: Path, cache: Path) -> None:
    prepare(shop(), tmp_path / "one", cache, ANCHOR)
    prepare(source("inn", SMALL, SLOS), tmp_path / "two", cache, ANCHOR)
    assert prepare(shop(), tmp_path / "three", cache, ANCHOR).did == "cached"


def test_nothing_is_done_twice(tsdb: Path, cache: Path) -> None:
    prepare(shop(), tsdb, cache, ANCHOR)
    finish(tsdb, ANCHOR + 5, shop())
    before = spans(tsdb)
    assert finish(tsdb, ANCHOR + 5, shop()).did == "nothing"
    assert prepare(shop(), tsdb, cache, ANCHOR + 5).did == "nothing"
    assert spans(tsdb) == before


def test_a_lab_that_was_down_for_hours_gets_them(tsdb: Path, cache: Path) -> None:
    prepare(shop(), tsdb, cache, ANCHOR)
    finish(tsdb, ANCHOR + 5, shop())
    prepare(shop(), tsdb, cache, ANCHOR + 9 * HOUR)
    assert spans(tsdb)[-1] == (ANCHOR + 60, ANCHOR + 9 * HOUR)


@pytest.mark.parametrize(
    ("last", "first"),
    [
        pytest.param(59.3, 60, id="just before a minute"),
        pytest.param(60.0, 120, id="on a minute"),
        pytest.param(60.4, 120, id="just after a minute"),
    ],
)
def test_the_next_minute_after_live_samples_is_filled(
    tsdb: Path, cache: Path, last: float, first: int
) -> None:
    prepare(shop(), tsdb, cache, ANCHOR)
    live = np.array([ANCHOR * 1000 + 1000, ANCHOR * 1000 + round(last * 1000)], dtype=np.int64)
    write_block(tsdb, [((("__name__", "up"),), live, np.ones(2))])
    prepare(shop(), tsdb, cache, ANCHOR + 300)
    assert spans(tsdb)[-1] == (ANCHOR + first, ANCHOR + 300)


def test_a_past_that_is_all_too_old_is_replaced(tsdb: Path, cache: Path) -> None:
    prepare(shop(), tsdb, cache, ANCHOR)
    later = ANCHOR + 3 * 24 * HOUR
    assert prepare(shop(), tsdb, cache, later).did == "generated"
    assert spans(tsdb) == [(later - 2 * 24 * HOUR, later)]


def test_what_a_killed_run_was_building_is_cleared_away(tsdb: Path, cache: Path) -> None:
    for folder in (tsdb, cache):
        (folder / ".building" / "chunks").mkdir(parents=True)
    prepare(shop(), tsdb, cache, ANCHOR)
    assert [path.name for path in (*tsdb.iterdir(), *cache.iterdir()) if path.name.startswith(".")] == []


def test_a_block_that_prometheus_was_killed_over_does_not_count(tsdb: Path, cache: Path) -> None:
    prepare(shop(), tsdb, cache, ANCHOR)
    (tsdb / "01HHQRJ85RPY93GZ77EWNZF9DC.tmp-for-creation").mkdir()
    (tsdb / "01HHQRJ85RPY93GZ77EWNZF9DC.tmp-for-creation" / "meta.json").write_text("{")
    assert prepare(shop(), tsdb, cache, ANCHOR + 60).did == "extended"


def test_a_cache_of_another_version_is_made_anew(tmp_path: Path, cache: Path) -> None:
    prepare(shop(), tmp_path / "one", cache, ANCHOR)
    (mark,) = cache.glob("*/history.json")
    mark.unlink()
    mark.write_text('{"schema": 7}')
    assert prepare(shop(), tmp_path / "two", cache, ANCHOR).did == "generated"


def test_samples_from_the_future_are_a_clear_error(tsdb: Path, cache: Path) -> None:
    prepare(shop(), tsdb, cache, ANCHOR)
    with pytest.raises(LabError, match="3600 s in the future") as caught:
        prepare(shop(), tsdb, cache, ANCHOR - HOUR)
    assert "lab reset" in (caught.value.remedy or "")


def test_finish_before_prepare_is_a_clear_error(tsdb: Path) -> None:
    tsdb.mkdir()
    with pytest.raises(LabError, match="no generated history"):
        finish(tsdb, ANCHOR)


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        pytest.param(errno.ENOSPC, DiskFull, id="disk full"),
        pytest.param(errno.EACCES, WrongOwner, id="somebody else's"),
        pytest.param(errno.EIO, LabError, id="anything else"),
    ],
)
def test_trouble_with_files_is_a_clear_error(
    tsdb: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[LabError]
) -> None:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number), str(cache))

    monkeypatch.setattr(history, "write_block", fail)
    with pytest.raises(LabError, match=str(cache)) as caught:
        prepare(shop(), tsdb, cache, ANCHOR)
    assert type(caught.value) is kind
    assert caught.value.remedy or kind is LabError


def test_a_folder_in_use_is_a_clear_error(tsdb: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tsdb / "wal").mkdir(parents=True)
    monkeypatch.setattr(fold, "_FREE_WITHIN", 0)
    with pytest.raises(LabError, match="a Prometheus is running"):
        prepare(shop(), tsdb, cache, ANCHOR, prometheus="/bin/false")


def test_without_prometheus_live_samples_cannot_be_taken_up(
    tsdb: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tsdb / "wal").mkdir(parents=True)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(BinaryMissing, match="prometheus is not installed"):
        prepare(shop(), tsdb, cache, ANCHOR)


def test_a_prometheus_that_ends_is_a_clear_error(tsdb: Path, cache: Path) -> None:
    (tsdb / "wal").mkdir(parents=True)
    with pytest.raises(ProcessFailed, match="cannot open") as caught:
        prepare(shop(), tsdb, cache, ANCHOR, prometheus="/bin/false")
    assert "lab reset" in (caught.value.remedy or "")
    assert (tsdb / "wal").is_dir()


def test_an_unknown_traffic_pattern_is_refused() -> None:
    with pytest.raises(UsageError, match="no traffic pattern is called 'tides'"):
        shop(SMALL.replace("pattern: amas-lab", "pattern: tides"))


def test_the_command_prints_one_json_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "bundled", lambda system: source(system, SMALL, SLOS))
    places = ["--tsdb", str(tmp_path / "tsdb"), "--cache", str(tmp_path / "cache")]
    assert history.main(["prepare", "--system", "shop", *places, "--until", str(ANCHOR + 30)]) == 0
    assert history.main(["finish", *places, "--until", str(ANCHOR + 31)]) == 0
    prepared, finished = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert set(prepared) == {field.name for field in fields(Outcome)}
    assert (prepared["did"], finished["did"], finished["until"]) == ("generated", "extended", ANCHOR + 31)


def test_the_command_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    places = ["--tsdb", str(tmp_path), "--cache", str(tmp_path)]
    assert history.main(["prepare", "--system", "nowhere", *places]) == 2
    assert "history: system 'nowhere' has no history" in capsys.readouterr().err
    assert history.main(["finish", *places]) == 7
