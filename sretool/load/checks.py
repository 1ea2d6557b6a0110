"""What an answer must be, beyond its status: said once, told as the request's error where it isn't.

with self.client.get("/words", catch_response=True) as answer:
    check(answer, contains="words", json={"words.0.word_id": 17})
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sretool.core.plans.load import template
from sretool.core.plans.load.requests import Expect

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sretool.load.client import CaughtResponse

ABSENT: Final = object()


def check(
    response: CaughtResponse,
    *,
    status: int | tuple[int, ...] = (),
    contains: str = "",
    json: Mapping[str, str | int | float | bool | None] | None = None,
) -> bool:
    """Whether it is as it must be; without a `status` any below 400 will do. `json`: path → value there."""
    statuses = (status,) if isinstance(status, int) else status
    return judge(response, Expect(statuses, contains, json or {}))


def judge(response: CaughtResponse, expect: Expect) -> bool:
    """Inside its with-block: a success or, with the reason, a failure."""
    wrong = reason(response, expect)
    if wrong is None:
        response.success()
    elif wrong:
        response.failure(wrong)
    return wrong is None


def reason(response: CaughtResponse, expect: Expect) -> str | None:
    """Why it is not as it must be; None: it is; empty: it has failed already."""
    code = response.status_code
    if not code:
        return ""
    if expect.status:
        if code not in expect.status:
            return f"status {code} instead of {' or '.join(map(str, expect.status))}"
    elif response.error is not None:
        return ""
    if expect.contains and expect.contains not in (response.text or ""):
        return f"{expect.contains!r} is not in the answer"
    if expect.json:
        found, wrong = document(response)
        return wrong or _differs(expect.json, found)
    return None


def document(response: CaughtResponse) -> tuple[Any, str | None]:
    """Its JSON, and what is wrong where it has none."""
    try:
        return response.json(), None
    except ValueError:
        return None, "the answer is no JSON"


def _differs(wanted: Mapping[str, Any], found: Any) -> str | None:
    for path, value in wanted.items():
        there = template.inside(found, path.split("."), ABSENT)
        if there is ABSENT:
            return f"the answer has no {path}"
        # True equals 1 for Python, and to nobody else.
        if there != value or isinstance(there, bool) is not isinstance(value, bool):
            return f"{path} is {template.plain(there)[:60]} instead of {template.plain(value)[:60]}"
    return None
