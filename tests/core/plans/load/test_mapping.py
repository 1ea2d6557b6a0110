"""What a profile calls a request, on one target."""

from __future__ import annotations

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.core.plans.load import mapping
from sretool.core.plans.load.requests import Expect, Request, missing
from sretool.errors import CatalogError

SHOP = """\
headers:
  Authorization: Bearer ${env.SHOP_TOKEN}
requests:
  list: GET /products?page=${page}
  home: /
  buy:
    request: POST /cart/${user}
    name: add to cart
    headers: {X-Trace: "${env.SHOP_TRACE}"}
    json: {product: "${item.id}", amount: 1}
    save: {order: order.id}
    expect: {status: [200, 201], contains: ok, json: {order.state: new}}
  login:
    request: POST /login
    form: {name: "${name}", password: "${env.SHOP_PASSWORD}"}
    expect: {status: 302}
"""


def problems(text: str) -> list[str]:
    with pytest.raises(CatalogError) as raised:
        mapping.read("shop.yaml", text)
    return [f"{each.line}: {each.message}" for each in raised.value.problems]


def test_a_mapping() -> None:
    found = mapping.read("shop.yaml", SHOP)
    token = {"Authorization": "Bearer ${env.SHOP_TOKEN}"}
    assert found["list"] == Request("GET", "/products?page=${page}", "shop.yaml:4", headers=token)
    assert (found["home"].method, found["home"].path) == ("GET", "/")
    assert found["buy"] == Request(
        "POST", "/cart/${user}", "shop.yaml:7", "add to cart", {**token, "X-Trace": "${env.SHOP_TRACE}"},
        "json", {"product": "${item.id}", "amount": 1}, {"order": "order.id"},
        Expect((200, 201), "ok", {"order.state": "new"}),
    )  # fmt: skip
    assert found["login"].expect == Expect((302,))
    assert found["login"].secrets == ("SHOP_TOKEN", "SHOP_PASSWORD")
    assert found["buy"].names == ("user", "env.SHOP_TOKEN", "env.SHOP_TRACE", "item.id")


def test_a_mapping_travels_as_json() -> None:
    found = mapping.read("shop.yaml", SHOP)
    encoded = msgspec.json.encode(found)
    assert msgspec.json.decode(encoded, type=dict[str, Request]) == found


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "1: is empty; a mapping has `requests`"),
        ("requests: {}", "1: `requests` is missing"),
        ("- a", "1: a mapping with `headers` and `requests` is wanted here"),
        ("request: {a: /}", "1: unknown key 'request'; did you mean 'requests'?"),
        ("requests:\n  a b: /", "2: 'a b' is no name of a request"),
        ("requests:\n  a: POST answer", "2: a: 'POST answer' is no request; write it like POST /answer"),
        ("requests:\n  a: post /answer", "2: a: 'post /answer' is no request"),
        ("requests:\n  a: GET /x y", "2: a: 'GET /x y' is no request"),
        ("requests:\n  a: GET /${x", "2: a: '${x' is no place; write it like ${user}"),
        ("requests:\n  a: {path: /x}", "2: unknown key 'path'"),
        ("requests:\n  a:\n    name: x", "3: a: `request` is missing"),
        ("requests:\n  a: [GET, /]", "2: a with `request` and `name` is wanted here"),
        ("requests:\n  a:\n    request: POST /\n    json: 1\n    text: x", "5: text: has `json` already"),
        ("requests:\n  a:\n    request: POST /\n    json: {d: 2026-01-01}", "4: json: cannot be JSON"),
        (
            "requests:\n  a:\n    request: POST /\n    json: {1: 2}",
            "4: json: cannot be JSON: its key 1 is no text",
        ),
        ("requests:\n  a:\n    request: POST /\n    json: [.nan]", "4: json: cannot be JSON: nan is none"),
        ("requests:\n  a:\n    request: POST /\n    save: {a-b: c}", "4: save: 'a-b' cannot be the name"),
        ("requests:\n  a:\n    request: POST /\n    save: {env: c}", "4: save: 'env' cannot be the name"),
        ("requests:\n  a:\n    request: /\n    expect: {status: 99}", "4: status: one status of HTTP"),
        ("requests:\n  a:\n    request: /\n    expect: {status: []}", "4: status: one status of HTTP"),
        (
            "requests:\n  a:\n    request: /\n    expect: {json: {a: {b: 1}}}",
            "4: json: paths and single values",
        ),
        (
            "requests:\n  a:\n    request: /\n    expect: {jsno: {a: 1}}",
            "4: unknown key 'jsno'; did you mean",
        ),
        ("headers: {X Y: z}\nrequests: {a: /}", "1: headers: 'X Y' cannot be a header"),
        ('headers: {X: "a\\nb"}\nrequests: {a: /}', "1: headers: 'X' cannot be a header"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(text: str, problem: str) -> None:
    assert any(each.startswith(problem) for each in problems(text)), problems(text)


def test_everything_wrong_is_told_at_once() -> None:
    text = "requests:\n  a: nothing\n  b: {request: GET}\n  c: {request: /, expect: {status: x}}\n"
    assert [each.partition(":")[0] for each in problems(text)] == ["2", "3", "4"]


def test_what_a_profile_needs() -> None:
    found = mapping.read("shop.yaml", SHOP)
    assert missing(("list", "buy"), found) == ""
    assert missing(("by", "x"), found) == (
        "has no request 'by', which the profile needs; did you mean 'buy'?"
    )


@given(st.text(alphabet="requsthad:{}[]-/${}. \n\"'GETPOSjmlvxpc", max_size=200))
def test_no_text_does_more_than_be_refused(text: str) -> None:
    with contextlib.suppress(CatalogError):
        assert mapping.read("x.yaml", "requests:\n" + text)
