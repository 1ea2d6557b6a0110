"""Texts and JSON with places to fill."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sretool.core.plans.load import template
from sretool.core.plans.load.template import NoValue
from sretool.errors import UsageError


def test_places_are_filled() -> None:
    made = template.text("/users/${user}/words/${item.word_id}?n=${items.-1.id}")
    values = {"user": 7, "item": {"word_id": "a"}, "items": [{"id": 1}, {"id": 2}]}
    assert made.fill(values) == "/users/7/words/a?n=2"
    assert made.names == ("user", "item.word_id", "items.-1.id")


def test_what_has_no_place_is_constant() -> None:
    made = template.text("price: 5 $$ or $5")
    assert (made.constant, made.names, made.fill({})) == ("price: 5 $ or $5", (), "price: 5 $ or $5")


def test_a_name_may_hold_its_dot() -> None:
    assert template.text("${env.TOKEN}").fill({"env.TOKEN": "x", "env": {"TOKEN": "y"}}) == "x"


@pytest.mark.parametrize("values", [{}, {"item": {}}, {"item": [1]}, {"item": "text"}])
def test_a_value_that_is_missing(values: dict[str, object]) -> None:
    with pytest.raises(NoValue, match=r"\$\{item.word\} has no value here"):
        template.text("${item.word}").fill(values)


@pytest.mark.parametrize("raw", ["${", "${}", "${1}", "${a b}", "x ${user", "${a.}"])
def test_what_is_no_place(raw: str) -> None:
    with pytest.raises(UsageError, match="is no place"):
        template.text(raw)
    with pytest.raises(UsageError, match="is no place"):
        template.json_text({"a": [raw]})


def test_json_keeps_types() -> None:
    made = template.json_text({"id": "${id}", "text": "n° ${id}", "on": True, "list": ["${xs}", None, 1.5]})
    values = {"id": 5, "xs": [1, {"a": 'q"'}]}
    assert json.loads(made.fill(values)) == {
        "id": 5, "text": "n° 5", "on": True, "list": [[1, {"a": 'q"'}], None, 1.5],
    }  # fmt: skip


def test_quoting_is_for_values_only() -> None:
    made = template.text("/a b/${x}", lambda value: quote(value, safe=""))
    assert made.fill({"x": "1/2 3"}) == "/a b/1%2F2%203"


scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
)


def escaped(value: object) -> object:
    """Keys of JSON hold no places."""
    if isinstance(value, dict):
        return {key: escaped(each) for key, each in value.items()}
    if isinstance(value, list):
        return [escaped(each) for each in value]
    return value.replace("$", "$$") if isinstance(value, str) else value


@given(st.dictionaries(st.text(), scalars | st.lists(scalars)), scalars)
def test_any_value_comes_out_of_json_as_it_went_in(document: dict[str, object], value: object) -> None:
    made = template.json_text({"document": escaped(document), "value": "${value}", "${value}": 1})
    filled = json.loads(made.fill({"value": value}))
    assert filled == {"document": document, "value": value, "${value}": 1}


@given(st.text(), st.text())
def test_texts_in_texts_of_json(before: str, value: str) -> None:
    made = template.json_text(before.replace("$", "$$") + "${x}!")
    assert json.loads(made.fill({"x": value})) == f"{before}{value}!"
