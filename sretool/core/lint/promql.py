"""PromQL → syntax tree, through promql-parser, with what a linter asks of it.

The parser recurses in native code, so what is too deep or too long for it is turned away first. It says what
is wrong but not where; the place is found by reading the words of the expression up to what cannot be there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from itertools import pairwise
from typing import TYPE_CHECKING, Final

import promql_parser as ql

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import timedelta

Expr = ql.Expr

_DEEPEST: Final = 100
_MOST_WORDS: Final = 20_000
_MOST_OPERATORS: Final = 300

_WORD = re.compile(
    r"""
      (?P<space>\s+|\#[^\n]*)
    | (?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`)
    | (?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)
    | (?P<number>[0-9.][0-9a-zA-Z_.]*)
    | (?P<operator>==|!=|>=|<=|=~|!~|[-+*/%^<>=@,:])
    | (?P<open>[(\[{])
    | (?P<close>[)\]}])
    """,
    re.VERBOSE,
)
_CLOSES: Final = {")": "(", "]": "[", "}": "{"}
_OPERATOR_WORDS: Final = frozenset({"and", "or", "unless", "atan2"})

RATES: Final = frozenset({"rate", "increase", "irate"})
"""Of counters."""
GAUGE_CHANGES: Final = frozenset({"delta", "idelta", "deriv", "predict_linear"})
"""Of gauges."""


@dataclass(frozen=True, slots=True)
class SyntaxProblem:
    message: str
    offset: int | None
    """Characters before what is wrong; None where it is not known."""
    rate_of_sum: bool = False
    """Whether it is a range function over an aggregation, which no version of PromQL has."""


def parse(text: str) -> Expr | SyntaxProblem:
    """The tree of an expression, or what is wrong with it."""
    scanned = _scan(text)
    if isinstance(scanned, SyntaxProblem):
        return scanned
    try:
        return ql.parse(text)
    except (ValueError, RecursionError) as error:
        pair = _rate_of_sum(scanned)
        if pair is not None:
            return SyntaxProblem("a range function needs [..] behind a selector", pair, rate_of_sum=True)
        message = " ".join(str(error).split())
        return SyntaxProblem(message, _place(message, scanned))


@dataclass(frozen=True, slots=True)
class _Word:
    kind: str
    text: str
    at: int


def _scan(text: str) -> list[_Word] | SyntaxProblem:
    words: list[_Word] = []
    open_: list[_Word] = []
    at = operators = 0
    while at < len(text):
        found = _WORD.match(text, at)
        if found is None:
            what = (
                "a string that is not closed" if text[at] in "\"'`" else f"unexpected character {text[at]!r}"
            )
            return SyntaxProblem(what, at)
        word = _Word(str(found.lastgroup), found.group(), at)
        at = found.end()
        if word.kind == "space":
            continue
        words.append(word)
        if word.kind == "operator" or word.text.lower() in _OPERATOR_WORDS:
            operators += word.text not in (",", "=", "=~", "!~", ":")
        elif word.kind == "open":
            open_.append(word)
        elif word.kind == "close":
            if not open_ or open_[-1].text != _CLOSES[word.text]:
                return SyntaxProblem(f"a {word.text!r} that nothing opens", word.at)
            open_.pop()
        if len(open_) > _DEEPEST or operators > _MOST_OPERATORS or len(words) > _MOST_WORDS:
            return SyntaxProblem("too long or too deep to be checked", word.at)
    if open_:
        return SyntaxProblem(f"a {open_[-1].text!r} that nothing closes", open_[-1].at)
    return words


def _rate_of_sum(words: list[_Word]) -> int | None:
    """Where `rate(sum(` stands."""
    for first, second, third in zip(words, words[1:], words[2:], strict=False):
        if first.text in RATES and second.text == "(" and third.text in _AGGREGATIONS:
            return first.at
    return None


_AGGREGATIONS: Final = frozenset(
    {"sum", "avg", "min", "max", "count", "group", "stddev", "stdvar", "quantile"}
)
_QUOTED = re.compile(r"'([^']+)'")


def _place(message: str, words: list[_Word]) -> int | None:
    """Where the word stands that the parser's message names, if it stands there once."""
    for name in _QUOTED.findall(message):
        places = [word.at for word in words if word.text == name]
        if len(places) == 1:
            return places[0]
    if "invalid promql query" in message:
        # Two operands in a row are the usual reason.
        for before, word in pairwise(words):
            operand_ends = before.kind in ("number", "string") or before.text in (")", "]", "}")
            if operand_ends and word.kind in ("number", "string"):
                return word.at
    return None


def children(expr: Expr) -> tuple[Expr, ...]:
    match expr:
        case ql.AggregateExpr():
            return (expr.expr,)
        case ql.BinaryExpr():
            return (expr.lhs, expr.rhs)
        case ql.Call():
            return tuple(expr.args)
        case ql.ParenExpr() | ql.SubqueryExpr() | ql.UnaryExpr():
            return (expr.expr,)
        case ql.MatrixSelector():
            return (expr.vector_selector,)
        case _:
            return ()


def walk(expr: Expr, path: tuple[Expr, ...] = ()) -> Iterator[tuple[Expr, tuple[Expr, ...]]]:
    """Every part of the tree with what stands around it, outermost first."""
    yield expr, path
    inside = (*path, expr)
    for child in children(expr):
        yield from walk(child, inside)


def bare(expr: Expr) -> Expr:
    """Without brackets around it."""
    while isinstance(expr, ql.ParenExpr):
        expr = expr.expr
    return expr


def selectors(expr: Expr) -> list[ql.VectorSelector]:
    return [part for part, _ in walk(expr) if isinstance(part, ql.VectorSelector)]


def name_of(selector: ql.VectorSelector) -> str:
    """The metric's name; empty where it is not one plain name."""
    if selector.name:
        return selector.name
    equal = (m.value for m in selector.matchers.matchers if m.name == "__name__" and m.op == ql.MatchOp.Equal)
    return next(equal, "")


def matchers_of(selector: ql.VectorSelector) -> list[ql.Matcher]:
    """Those of labels, the name's left out."""
    return [m for m in selector.matchers.matchers if m.name != "__name__"]


def operator(expr: ql.BinaryExpr | ql.AggregateExpr) -> str:
    """`/`, `and`, `sum`: without modifiers."""
    return str(expr.op).split(" ", 1)[0].strip().lower()


def constant(expr: Expr) -> Decimal | None:
    """What an expression of numbers alone comes to: `14.4 * 0.001`."""
    match expr:
        case ql.NumberLiteral():
            value = Decimal(repr(expr.val))
            return value if value.is_finite() else None
        case ql.ParenExpr():
            return constant(expr.expr)
        case ql.UnaryExpr():
            inner = constant(expr.expr)
            return -inner if inner is not None else None
        case ql.BinaryExpr():
            left, right = constant(expr.lhs), constant(expr.rhs)
            if left is None or right is None:
                return None
            match operator(expr):
                case "+":
                    return left + right
                case "-":
                    return left - right
                case "*":
                    return left * right
                case "/" if right:
                    return left / right
    return None


Labels = frozenset[str]


def labels(expr: Expr) -> Labels | None:
    """The labels of a result; None where only the data can say. A plain number has none, too."""
    match expr:
        case ql.AggregateExpr():
            return _of_aggregation(expr)
        case ql.Call():
            return _of_call(expr)
        case ql.BinaryExpr():
            return _of_operator(expr)
        case ql.ParenExpr() | ql.UnaryExpr() | ql.SubqueryExpr():
            return labels(expr.expr)
        case ql.NumberLiteral():
            return frozenset()
        case _:
            return None


def _of_aggregation(expr: ql.AggregateExpr) -> Labels | None:
    if operator(expr) in ("topk", "bottomk", "limitk", "limit_ratio"):
        return labels(expr.expr)
    if operator(expr) == "count_values":
        return None
    if expr.modifier is None:
        return frozenset()
    if expr.modifier.type == ql.AggModifierType.By:
        return frozenset(expr.modifier.labels)
    inner = labels(expr.expr)
    return inner - frozenset(expr.modifier.labels) if inner is not None else None


_NO_LABELS: Final = frozenset({"vector", "time", "scalar", "pi"})
_UNKNOWN_LABELS: Final = frozenset({"label_replace", "label_join", "info", "absent", "absent_over_time"})


def _of_call(expr: ql.Call) -> Labels | None:
    name = expr.func.name
    if name in _NO_LABELS:
        return frozenset()
    if name in _UNKNOWN_LABELS or not expr.args:
        return None
    if name.startswith("histogram_quantile"):
        inner = labels(expr.args[-1])
        return inner - {"le"} if inner is not None else None
    vectors = [argument for argument in expr.args if not is_scalar(argument)]
    return labels(vectors[0]) if vectors else frozenset()


def _of_operator(expr: ql.BinaryExpr) -> Labels | None:
    if is_scalar(expr.lhs):
        return labels(expr.rhs)
    left = labels(expr.lhs)
    if is_scalar(expr.rhs) or operator(expr) in ("and", "unless"):
        return left
    if operator(expr) == "or":
        return left if left == labels(expr.rhs) else None
    modifier = expr.modifier
    if modifier is None:
        return left
    if modifier.card != ql.VectorMatchCardinality.OneToOne:
        return None
    if modifier.matching is not None and modifier.matching.type == ql.LabelModifierType.Include:
        return frozenset(modifier.matching.labels)
    return left - frozenset(modifier.matching.labels) if left is not None and modifier.matching else left


def is_scalar(expr: Expr) -> bool:
    match expr:
        case ql.NumberLiteral() | ql.StringLiteral():
            return True
        case ql.ParenExpr() | ql.UnaryExpr():
            return is_scalar(expr.expr)
        case ql.BinaryExpr():
            return is_scalar(expr.lhs) and is_scalar(expr.rhs)
        case ql.Call():
            return expr.func.name in ("time", "scalar", "pi")
        case _:
            return False


def ranges(expr: Expr) -> Iterator[tuple[ql.MatrixSelector, timedelta]]:
    for part, _ in walk(expr):
        if isinstance(part, ql.MatrixSelector):
            yield part, part.range
