"""Where load may go."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.core.plans.load.target import Target, is_loopback, parse, refuse_strangers
from sretool.errors import UsageError


@pytest.mark.parametrize(
    ("raw", "target"),
    [
        ("http://127.0.0.1:8080/", Target("http://127.0.0.1:8080", "http", "127.0.0.1", 8080)),
        ("https://shop.example/api", Target("https://shop.example/api", "https", "shop.example", 443)),
        ("http://[::1]:99", Target("http://[::1]:99", "http", "::1", 99)),
        ("HTTP://Localhost", Target("HTTP://Localhost", "http", "localhost", 80)),
    ],
)
def test_targets_are_addresses(raw: str, target: Target) -> None:
    assert parse(raw) == target


@pytest.mark.parametrize(
    "raw",
    [
        "127.0.0.1:80",
        "shop.example",
        "ftp://shop.example",
        "http://",
        "http://a:b@shop.example",
        "http://shop.example?x=1",
        "http://shop.example#x",
        "http://shop.example:99999",
        "http://shop.example:0",
        "http://[::1",
        "",
    ],
)
def test_what_is_no_target(raw: str) -> None:
    with pytest.raises(UsageError):
        parse(raw)


@given(st.text(max_size=40))
def test_no_text_is_more_than_wrong(raw: str) -> None:
    try:
        parse(raw)
    except UsageError:
        return


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST.", "app.localhost", "127.0.0.1", "127.9.9.9", "::1"]
)
def test_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["localhost.example", "10.0.0.1", "128.0.0.1", "::2", "shop", "0.0.0.0", ""])
def test_other_machines(host: str) -> None:
    assert not is_loopback(host)


def allowed(url: str, addresses: list[str], listed: list[str], **more: bool) -> bool:
    options = {"meant": False, "production": False} | more
    try:
        refuse_strangers(parse(url), addresses, listed, **options)
    except UsageError:
        return False
    return True


def test_who_is_refused_hears_what_to_do() -> None:
    with pytest.raises(UsageError, match=r"10\.0\.0\.1 is not this machine") as caught:
        refuse_strangers(parse("http://10.0.0.1"), ["10.0.0.1"], [], meant=False, production=False)
    assert "--yes-this-is-mine" in (caught.value.remedy or "")


def test_load_stays_at_home() -> None:
    assert allowed("http://127.0.0.1:1", ["127.0.0.1"], [])
    assert allowed("http://app.test:1", ["127.0.0.1", "::1"], [])
    assert not allowed("http://app.test:1", ["127.0.0.1", "10.0.0.1"], [])
    assert not allowed("http://app.test:1", [], [])
    assert not allowed("http://10.0.0.1", ["10.0.0.1"], [])


def test_somebody_may_say_that_it_is_meant() -> None:
    assert allowed("http://10.0.0.1", ["10.0.0.1"], [], meant=True)
    assert allowed("http://10.0.0.1", ["10.0.0.1"], [], meant=True, production=True)


def test_the_catalog_may_list_it_unless_it_is_production() -> None:
    listed = ["https://staging.example:8443", "test.example", "no address://"]
    assert allowed("https://staging.example:8443/api", ["10.0.0.1"], listed)
    assert not allowed("https://staging.example", ["10.0.0.1"], listed)
    assert not allowed("http://staging.example:8443", ["10.0.0.1"], listed)
    assert allowed("http://TEST.example:99", ["10.0.0.1"], listed)
    assert not allowed("http://test.example:99", ["10.0.0.1"], listed, production=True)
