"""Rows of data files, and secrets."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from locust.runners import WorkerRunner

from sretool.errors import CatalogError, UsageError
from sretool.load import shares
from sretool.load.feeders import Feeder, NoMoreRows, read
from sretool.load.secrets import secret
from sretool.load.shares import Share

if TYPE_CHECKING:
    from pathlib import Path

USERS = "user,name\n1,Ann\n2,Ben\n3,Cle\n4,Dan\n5,Eve\n"


@pytest.fixture
def users(tmp_path: Path) -> str:
    file = tmp_path / "users.csv"
    file.write_text(USERS)
    return str(file)


class Worker(WorkerRunner):
    """Locust's own needs a master to connect to."""

    def __init__(self, index: int) -> None:
        self.worker_index = index

    def __del__(self) -> None:
        pass


def worker(index: int, count: int) -> Any:
    """An environment as one of several workers has it."""
    return SimpleNamespace(runner=Worker(index), parsed_options=SimpleNamespace(expect_workers=count))


def numbers(feeder: Feeder, count: int) -> list[str]:
    return [feeder.next()["user"] for _ in range(count)]


def test_rows_go_round(users: str) -> None:
    assert numbers(Feeder(users), 7) == ["1", "2", "3", "4", "5", "1", "2"]
    assert Feeder(users).next() == {"user": "1", "name": "Ann"}


def test_rows_are_used_once(users: str) -> None:
    feeder = Feeder(users, "once")
    assert numbers(feeder, 5) == ["1", "2", "3", "4", "5"]
    for _ in range(2):
        with pytest.raises(NoMoreRows, match="each of its 5 rows has been used once"):
            feeder.next()


def test_any_row(users: str) -> None:
    drawn = numbers(Feeder(users, "random", seed=1), 200)
    assert set(drawn) == {"1", "2", "3", "4", "5"}
    assert drawn == numbers(Feeder(users, "random", seed=1), 200)
    assert drawn[:10] != numbers(Feeder(users, "random", seed=2), 10)


@pytest.mark.parametrize("order", ["circular", "once"])
def test_workers_share_them_out(users: str, order: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    handed_out: list[str] = []
    for index in range(3):
        monkeypatch.setattr(shares, "_environment", worker(index, 3))
        feeder = Feeder(users, order)
        handed_out += numbers(feeder, 2 if index < 2 else 1)
    assert sorted(handed_out) == ["1", "2", "3", "4", "5"]


def test_more_workers_than_rows(users: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shares, "_environment", worker(7, 8))
    assert numbers(Feeder(users), 2) == ["1", "2"]
    with pytest.raises(NoMoreRows):
        Feeder(users, "once").next()


def test_a_share() -> None:
    assert shares.of(None) == Share(0, 1)
    assert shares.of(worker(2, 4)) == Share(2, 4)
    # One that came on top of those expected.
    assert shares.of(worker(4, 4)) == Share(4, 5)
    # Its master has not told it yet.
    assert shares.of(worker(-1, 4)) == Share(0, 1)


def test_json_lines_keep_types(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"user": 1, "roles": ["a"]}\n\n{"user": 2}\n')
    assert read(str(file)) == [{"user": 1, "roles": ["a"]}, {"user": 2}]


def test_csv_as_programs_write_it(tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_bytes(b'\xef\xbb\xbfuser, text\r\n1,"two\nlines, ""quoted"""\r\n\r\n2,\r\n')
    assert read(str(file)) == [{"user": "1", "text": 'two\nlines, "quoted"'}, {"user": "2", "text": ""}]


@pytest.mark.parametrize(
    ("name", "text", "problems"),
    [
        ("a.csv", "", ["a.csv:1: has no rows"]),
        ("a.csv", "user\n", ["a.csv:1: has no rows"]),
        ("a.csv", "user,user\n1,2\n", ["a.csv:1: its columns need names"]),
        ("a.csv", "user,\n1,2\n", ["a.csv:1: its columns need names"]),
        ("a.csv", "a,b\n1\n1,2\n1,2,3\n", ["a.csv:2: 1 values for 2", "a.csv:4: 3 values for 2"]),
        ("a.csv", 'a\n"b" c\n', ["a.csv:2: not CSV"]),
        ("a.jsonl", '{"a": 1}\n[1]\n{\n', ["a.jsonl:2: is no JSON object", "a.jsonl:3: is no JSON object"]),
    ],
)
def test_files_with_problems(tmp_path: Path, name: str, text: str, problems: list[str]) -> None:
    file = tmp_path / name
    file.write_text(text)
    with pytest.raises(CatalogError) as raised:
        read(str(file))
    told = [
        f"{each.file}:{each.line}: {each.message}".removeprefix(f"{tmp_path}/")
        for each in raised.value.problems
    ]
    assert len(told) == len(problems)
    assert all(each.startswith(start) for each, start in zip(told, problems, strict=True)), told


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read(str(tmp_path / "none.csv"))
    (tmp_path / "a.csv").write_bytes(b"a\n\xff")
    with pytest.raises(UsageError, match="is not UTF-8: byte 2"):
        read(str(tmp_path / "a.csv"))
    with pytest.raises(UsageError, match="'twice' is no order of rows"):
        Feeder(str(tmp_path / "a.csv"), "twice")  # type: ignore[arg-type]


# --- secrets ----------------------------------------------------------------------------------------------


def test_a_secret_of_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from a file\n")
    monkeypatch.setenv("SHOP_TOKEN_FILE", str(tmp_path / "token"))
    assert secret("SHOP_TOKEN") == "from a file"
    monkeypatch.setenv("SHOP_TOKEN", "itself")
    assert secret("SHOP_TOKEN") == "itself"


def test_a_secret_that_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("SHOP_TOKEN", raising=False)
    with pytest.raises(UsageError, match="the secret SHOP_TOKEN is not set") as raised:
        secret("SHOP_TOKEN")
    assert raised.value.remedy == (
        "put it into the environment as SHOP_TOKEN, or its file's path as SHOP_TOKEN_FILE"
    )
    monkeypatch.setenv("SHOP_TOKEN_FILE", str(tmp_path / "none"))
    with pytest.raises(UsageError, match=r"SHOP_TOKEN_FILE: cannot read .*none: No such file"):
        secret("SHOP_TOKEN")
    for value, what in (("", "is empty"), ("a\nb", "has several lines")):
        monkeypatch.setenv("SHOP_TOKEN", value)
        with pytest.raises(UsageError, match=what):
            secret("SHOP_TOKEN")
