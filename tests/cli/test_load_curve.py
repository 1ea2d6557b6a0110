"""The curve of latency over rate, in characters."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sretool.cli.load_curve import ASCII, Point, draw

POINTS = [
    Point(100, 0.001, held=True),
    Point(1000, 0.01, held=True),
    Point(2000, 1.0, held=False),
]


def test_a_curve_climbs_to_the_right() -> None:
    lines = draw(POINTS, limit=1000, width=60, height=7, signs=ASCII)
    assert lines[0].strip() == "p99"
    plot = [line[10:] for line in lines[1:8]]
    broken, *held = (number for number, line in enumerate(plot) if "x" in line or "o" in line)
    assert "x" in plot[broken]
    assert held == [4, 6]
    assert plot[4].index("o") > plot[6].index("o")
    assert lines[1].startswith("      1s +")
    assert lines[7].startswith("   1.0ms +")
    assert ":" in lines[2]
    assert lines[-1].split() == ["0/s", "500/s", "1,000/s", "1,500/s", "2,000/s"]
    assert max(map(len, lines)) <= 60


def test_one_point_is_no_curve() -> None:
    assert draw(POINTS[:1]) == []
    assert draw([]) == []


@given(
    st.lists(
        st.tuples(st.floats(0.01, 1e6), st.just(0.0) | st.floats(1e-5, 100), st.booleans()), max_size=20
    ),
    st.integers(30, 120),
    st.floats(0.1, 1e6),
)
def test_whatever_was_measured_fits(found: list[tuple[float, float, bool]], width: int, limit: float) -> None:
    points = [Point(rate, latency, held) for rate, latency, held in found]
    lines = draw(points, limit=limit, width=width)
    assert all(len(line) <= width for line in lines)
    if lines:
        drawn = sum(line.count("●") + line.count("✗") for line in lines)
        assert 1 <= drawn <= len(points)
