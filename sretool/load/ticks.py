"""What happened since the last tick, from Locust's statistics."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from sretool.core.runs.events import LoadTick, RequestTick
from sretool.load.clock import now

if TYPE_CHECKING:
    from collections.abc import Sequence

    from locust.env import Environment

    from sretool.core.runs.events import WorkerTick
    from sretool.load.recorder import Recorder, Requests

_FRAME: Final = re.compile(r'File "([^"]+)", line (\d+)')


class Ticker:
    """Of one test; the first tick begins with `start`."""

    def __init__(self, environment: Environment, recorder: Recorder) -> None:
        self._runner: Any = environment.runner
        self._recorder = recorder
        self._since = now()
        self._raised: Counter[Any] = Counter()
        self.requests = 0
        """Told so far."""

    def start(self) -> None:
        self._since = now()

    def take(
        self,
        *,
        users: int | None,
        target_rate: float | None,
        workers: Sequence[WorkerTick],
        lag: float | None,
        in_flight: int | None,
        unserved: int = 0,
    ) -> LoadTick:
        taken = self._recorder.take()
        moment = now()
        seconds, self._since = (moment - self._since) / 1e9, moment
        by_name: dict[str, list[Requests]] = {}
        for each in taken.requests:
            by_name.setdefault(shown(each.method, each.name), []).append(each)
            self.requests += each.n
        failed: dict[str, Counter[str]] = {}
        for (method, name, words), count in taken.errors.items():
            failed.setdefault(shown(method, name), Counter())[words] += count
        return LoadTick(
            seconds=seconds,
            users=users,
            requests=tuple(
                _request(name, found, failed.pop(name, {})) for name, found in sorted(by_name.items())
            ),
            target_rate=target_rate,
            late_starts=taken.late + unserved,
            errors=dict(sum(failed.values(), self._exceptions(unserved))),
            workers=tuple(workers),
            lag_s=lag,
            in_flight=in_flight,
        )

    def _exceptions(self, unserved: int) -> Counter[str]:
        """What tasks raised, by what and where."""
        fresh: Counter[str] = Counter()
        if unserved:
            fresh["arrivals never began: too few users"] = unserved
        for key, each in self._runner.exceptions.items():
            more = each["count"] - self._raised[key]
            if more > 0:
                frames = _FRAME.findall(each["traceback"])
                where = f" ({frames[-1][0].rpartition('/')[2]}:{frames[-1][1]})" if frames else ""
                fresh[f"a task raised {each['msg'] or 'an exception'}{where}"] += more
            self._raised[key] = each["count"]
        return fresh


def shown(method: str, name: str) -> str:
    """`POST /answer`."""
    return name if not method or name == method or name.startswith(f"{method} ") else f"{method} {name}"


def _request(name: str, found: list[Requests], errors: Any) -> RequestTick:
    buckets: Counter[int] = Counter()
    for each in found:
        buckets.update(each.buckets)
    return RequestTick(
        name=name,
        requests=sum(each.n for each in found),
        failures=sum(each.failures for each in found),
        latency=tuple(sorted(buckets.items())),
        bytes=sum(each.bytes for each in found),
        least=min((each.least for each in found if each.least is not None), default=None),
        most=max((each.most for each in found if each.most is not None), default=None),
        total=sum(each.total for each in found),
        errors=dict(errors),
    )
