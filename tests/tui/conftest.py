"""What every test of the dashboard needs."""

from __future__ import annotations

from textual import _wait

# How long nothing may happen until a test believes that nothing will; Textual's own is five times as much,
# and waited out three times for every key.
_wait.SLEEP_GRANULARITY /= 5
_wait.SLEEP_IDLE /= 5
