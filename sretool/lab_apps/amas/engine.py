"""The decision step: context from the store, the native model behind its breaker, and rules of thumb."""

from __future__ import annotations

import logging
import time
from collections import OrderedDict, deque
from typing import TYPE_CHECKING

from sretool.lab_apps.amas.breaker import CallBreaker
from sretool.lab_apps.amas.decision import FIXED, UNKNOWN, Context, Decision, Model, ModelError, heuristic
from sretool.lab_apps.amas.defects import Defects
from sretool.lab_apps.amas.store import StoreError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sretool.lab_apps.amas.metrics import Metrics
    from sretool.lab_apps.amas.store import Store

NATIVE_BUDGET = 0.05
"""Seconds the native model may take; slower counts as failed."""
DRIFT = 0.08
"""Mean shift of the expected rewards from the reference that is called a drift."""
RECENT = 500
"""Decisions that the cold-start ratio looks back on."""
REMEMBERED = 5000
"""Users whose last decision is kept to notice a switch."""

log = logging.getLogger("amas.engine")


class Engine:
    def __init__(
        self,
        store: Store,
        metrics: Metrics,
        model: Model,
        clock: Callable[[], float] = time.monotonic,
        defects: Defects | None = None,
    ) -> None:
        self._store = store
        self._metrics = metrics
        self._clock = clock
        self._defects = defects or Defects()
        self._model = model
        self._reference = model
        self._version = 0
        self.breaker = CallBreaker()
        self._cold: deque[bool] = deque(maxlen=RECENT)
        self._last: OrderedDict[int, tuple[str, str]] = OrderedDict()

    async def decide(self, user: int, now: datetime, level: int) -> tuple[Decision, int | None]:
        """The decision and its id; no id where it could not be recorded.

        `level` is the degradation level: at 1 and 4 everybody gets the same, at 2 the breaker sees to the
        rules of thumb, at 3 the database is left alone.
        """
        begun = self._clock()
        context = await self._context(user, now, level)
        decision = FIXED if context is None else self._native(context)
        number = None
        if level < 3 and context is not UNKNOWN:
            try:
                number = await self._store.record_decision(user, decision, now)
            except StoreError as error:
                log.debug("decision not recorded: %s", error)
        self._metrics.inference.observe((self._clock() - begun) * 1000)
        self._count(user, decision)
        return decision, number

    async def reload(self) -> None:
        """Take over a newer model from the store; raises Unavailable."""
        newer = await self._store.model(self._version)
        if newer is None:
            return
        version, text = newer
        try:
            model = Model.decode(text)
            shift = model.distance(self._reference) if self._version else 0.0
        except ModelError as error:
            log.error("model version %d is not usable: %s", version, error)
            self._version = version
            return
        if not self._version:
            self._reference = model
        elif shift > DRIFT:
            self._metrics.drift.inc()
            self._reference = model
            log.warning("model version %d drifted by %.3f", version, shift)
        self._model, self._version = model, version

    async def _context(self, user: int, now: datetime, level: int) -> Context | None:
        """What there is to decide from; None where everybody gets the same, UNKNOWN without the database."""
        if level in (1, 4):
            return None
        if level == 3:
            return UNKNOWN
        try:
            context = await self._store.context(user, now)
        except Unavailable:
            return UNKNOWN
        self._cold.append(context.cold)
        self._metrics.cold_ratio.set(sum(self._cold) / len(self._cold))
        return context

    def _native(self, context: Context) -> Decision:
        begun = self._clock()
        if not self.breaker.allows(begun):
            self._metrics.native_fallback.inc()
            return heuristic(context)
        try:
            decision: Decision | None = self._defects.doubted(self._model.decide(context))
        except ModelError as error:
            log.debug("native model failed: %s", error)
            decision = None
        taken = self._clock() - begun
        self._metrics.native_duration.observe(taken)
        failed = decision is None or taken > NATIVE_BUDGET
        self.breaker.report(begun, failed)
        if decision is None or failed:
            self._metrics.native_fallback.inc()
            return heuristic(context)
        self._metrics.native_success.inc()
        if decision.confidence is not None:
            self._metrics.confidence.observe(decision.confidence)
        return decision

    def _count(self, user: int, decision: Decision) -> None:
        arm = (decision.difficulty, decision.hint)
        self._metrics.actions[arm].inc()
        before = self._last.pop(user, arm)
        self._last[user] = arm
        if before != arm:
            self._metrics.switches.inc()
        if len(self._last) > REMEMBERED:
            self._last.popitem(last=False)
