"""What people write down becomes a change among the others."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sretool.core.observe import marks
from sretool.core.observe.marks import Mark
from sretool.core.observe.model import Change
from sretool.errors import UsageError

AT = datetime(2026, 11, 20, 2, 46, tzinfo=UTC)


@pytest.mark.parametrize(
    ("mark", "text"),
    [
        (Mark(AT, "deploy", "v412", "checkout", "mia"), "checkout deployed v412 by mia"),
        (Mark(AT, "deploy", "v412"), "deployed v412"),
        (Mark(AT, "scale", "8->10", "worker"), "worker scaled 8->10"),
        (Mark(AT, "flag", "pay.newRetry 50%", "checkout"), "checkout flag pay.newRetry 50%"),
        (Mark(AT, "note", "looking, v412 suspect", by="mia"), "looking, v412 suspect (mia)"),
        (Mark(AT, "migration", "0042", "ledger"), "ledger migration 0042"),
    ],
)
def test_a_mark_reads_like_a_sentence(mark: Mark, text: str) -> None:
    assert marks.as_change(mark).text == text


def test_a_change_keeps_kind_time_and_labels() -> None:
    change = marks.as_change(Mark(AT, "deploy", "v412", "checkout", labels={"zone": "eu"}))
    assert (change.at, change.kind) == (AT, "deploy")
    assert change.labels == {"zone": "eu", "service": "checkout"}


def test_what_concerns_everything_concerns_each_service() -> None:
    found = tuple(marks.as_change(Mark(AT, "deploy", "x", service)) for service in ("a", "b", None))
    assert [change.labels.get("service") for change in marks.concerning(found, "a")] == ["a", None]
    alerts = tuple(Change(AT, "alert", f"SLOBudgetBurn {slo}", {"slo": slo}) for slo in ("a/fast", "b/fast"))
    assert marks.concerning(alerts, "a") == alerts[:1]


@pytest.mark.parametrize("kind", ["restart", "Deploy", "", "two words", "alert"])
def test_a_kind_that_cannot_be_one_is_refused(kind: str) -> None:
    with pytest.raises(UsageError) as caught:
        marks.checked_kind(kind)
    assert "deploy" in (caught.value.remedy or "")


@pytest.mark.parametrize("pair", ["zone", "=eu", "a-b=c", ""])
def test_a_label_that_is_no_pair_is_refused(pair: str) -> None:
    with pytest.raises(UsageError, match="is not a label"):
        marks.parse_labels((pair,))


def test_a_label_may_hold_an_equals_sign() -> None:
    assert marks.parse_labels(("q=a=b", "empty=")) == {"q": "a=b", "empty": ""}
