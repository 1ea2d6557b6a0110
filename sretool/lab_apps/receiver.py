"""Where the lab's Alertmanager sends its notifications: a webhook that stores what it gets.

    python -m sretool.lab_apps.receiver --port P --store FILE [--restart ALERT] [--instance NAME=URL]

`POST /webhook/<receiver>` appends `{"received_at", "receiver", "payload"}` to FILE as one JSON line, `GET
/received?since=EPOCH` gives the stored ones back. FILE is bounded: at `MAX_BYTES` it becomes FILE.1 (the
FILE.1 before it goes) and a new one begins.

It also does what an operator's automation would: when an alert named by `--restart` fires for an instance, it
asks that instance (`POST URL/upkeep/restart`) to restart, at most once in `COOL_DOWN` seconds.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from prometheus_client import CollectorRegistry, Counter, disable_created_metrics, generate_latest
from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sretool.lab_apps import logs, server

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from starlette.requests import Request

MAX_BYTES = 8 * 1024 * 1024
MAX_BODY = 1024 * 1024

COOL_DOWN = 60.0
"""Seconds between two restarts of one instance: what one does not cure, the next will not either."""
_PATIENCE = 3.0

log = logging.getLogger("receiver")


class Notification(msgspec.Struct):
    """One delivery of Alertmanager, as stored."""

    received_at: float
    """Seconds since the epoch."""
    receiver: str
    payload: dict[str, Any]
    """Alertmanager's webhook body as it came."""


class Journal:
    """The stored notifications: a file of JSON lines that is rotated once."""

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES) -> None:
        self._path = path
        self._older = path.with_name(path.name + ".1")
        self._max_bytes = max_bytes
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab")
        if self._file.tell() and not path.read_bytes().endswith(b"\n"):
            self._file.write(b"\n")  # ends the torn line of a receiver that was killed

    def append(self, notification: Notification) -> None:
        line = msgspec.json.encode(notification) + b"\n"
        if self._file.tell() and self._file.tell() + len(line) > self._max_bytes:
            self._file.close()
            self._path.replace(self._older)
            self._file = self._path.open("ab")
        self._file.write(line)
        self._file.flush()

    def since(self, epoch: float) -> list[Notification]:
        """Those received at `epoch` or later, oldest first."""
        return [one for one in self._read() if one.received_at >= epoch]

    def close(self) -> None:
        self._file.close()

    def _read(self) -> Iterator[Notification]:
        decoder = msgspec.json.Decoder(Notification)
        for path in (self._older, self._path):
            if not path.exists():
                continue
            for line in path.read_bytes().splitlines():
                try:
                    yield decoder.decode(line)
                except msgspec.DecodeError:  # a torn line
                    continue


class Restarter:
    """Restarts instances that certain alerts fire for."""

    def __init__(self, alerts: Collection[str], instances: Mapping[str, str]) -> None:
        """`instances`: name → address."""
        self._alerts = alerts
        self._instances = instances
        self._restarted: dict[str, float] = {}
        self._asking: set[asyncio.Task[None]] = set()

    def see(self, payload: Mapping[str, Any]) -> list[str]:
        """Instances that are asked to restart because of this notification."""
        asked = [name for name in self._sick(payload) if self._is_due(name)]
        for name in asked:
            self._restarted[name] = time.monotonic()
            task = asyncio.create_task(asyncio.to_thread(self._ask, name))
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)
        return asked

    def _sick(self, payload: Mapping[str, Any]) -> list[str]:
        alerts = payload.get("alerts")
        found = []
        for alert in alerts if isinstance(alerts, list) else []:
            labels = alert.get("labels") if isinstance(alert, dict) else None
            if isinstance(labels, dict) and alert.get("status") == "firing":
                named = labels.get("alertname") in self._alerts
                if named and labels.get("instance") in self._instances:
                    found.append(str(labels["instance"]))
        return list(dict.fromkeys(found))

    def _is_due(self, name: str) -> bool:
        return time.monotonic() - self._restarted.get(name, float("-inf")) > COOL_DOWN

    def _ask(self, name: str) -> None:
        request = urllib.request.Request(f"{self._instances[name]}/upkeep/restart", method="POST")
        try:
            with urllib.request.urlopen(request, timeout=_PATIENCE) as reply:
                log.warning("%s is restarted: it answers %d", name, reply.status)
        except OSError as error:
            log.warning("%s cannot be asked to restart: %s", name, error)


def application(journal: Journal, restarter: Restarter | None = None) -> Starlette:
    registry = CollectorRegistry()
    restarts = Counter(
        "receiver_restarts", "Restarts asked for, by instance.", ["instance"], registry=registry
    )
    received = Counter(
        "receiver_notifications", "Notifications stored, by receiver.", ["receiver"], registry=registry
    )
    refused = Counter("receiver_refused", "Deliveries that were no Alertmanager JSON.", registry=registry)

    async def webhook(request: Request) -> Response:
        body = await request.body()
        receiver: str = request.path_params["receiver"]
        try:
            if len(body) > MAX_BODY:
                raise msgspec.ValidationError(f"body of {len(body)} bytes, at most {MAX_BODY} are taken")
            payload = msgspec.json.decode(body, type=dict[str, Any])
        except msgspec.DecodeError as error:
            refused.inc()
            log.warning("refused a delivery to %s: %s", receiver, error)
            return JSONResponse({"error": str(error)}, 400)
        journal.append(Notification(time.time(), receiver, payload))
        received.labels(receiver).inc()
        log.info("%s: %s", receiver, _in_short(payload))
        for name in restarter.see(payload) if restarter else ():
            restarts.labels(name).inc()
        return JSONResponse({"status": "stored"})

    async def stored(request: Request) -> Response:
        raw = request.query_params.get("since", "0")
        try:
            since = float(raw)
        except ValueError:
            return JSONResponse({"error": f"since={raw!r} is not a number of seconds"}, 400)
        return Response(msgspec.json.encode(journal.since(since)), media_type="application/json")

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "ok"})

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(registry), media_type="text/plain; version=0.0.4")

    return Starlette(
        routes=[
            Route("/webhook/{receiver}", webhook, methods=["POST"]),
            Route("/received", stored),
            Route("/health", health),
            Route("/metrics", metrics),
        ]
    )


def _in_short(payload: dict[str, Any]) -> str:
    alerts = payload.get("alerts")
    count = len(alerts) if isinstance(alerts, list) else 0
    plural = "" if count == 1 else "s"
    return f"{payload.get('status', '?')}, {count} alert{plural}, {payload.get('groupLabels', {})}"


async def _main(port: int, store: Path, restarter: Restarter) -> None:
    journal = Journal(store)
    try:
        await server.serve(application(journal, restarter), port)
    finally:
        journal.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="receiver", description="Stores Alertmanager's notifications.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--restart", action="append", default=[], metavar="ALERT")
    parser.add_argument("--instance", action="append", default=[], metavar="NAME=URL")
    options = parser.parse_args()
    instances = dict(each.split("=", 1) for each in options.instance if "=" in each)
    restarter = Restarter(frozenset(options.restart), instances)
    logs.configure()
    disable_created_metrics()  # type: ignore[no-untyped-call]
    log.info("pid %d listens on 127.0.0.1:%d, stores in %s", os.getpid(), options.port, options.store)
    server.run(_main(options.port, options.store, restarter))


if __name__ == "__main__":
    main()
