"""A client that remembers every write it was promised: `python -m sretool.chaos.ledger FOLDER`.

It writes through a service at a steady rate, each write with an id of its own, and puts on the disk (fsync)
what it sends before it sends it and what it was answered, with monotonic time. It looks at every database
server ten times a second: who commits writes (tried, by a message in its log), who follows, who is away.
Asked to stop, it waits until the servers agree, reads from each of them which writes are there, and says what
became of them. No look goes through the load balancer that hides which server answered.

**Input**: the first line of standard input is the configuration (so that no address with a password shows in
the list of processes):

    {"url": "http://127.0.0.1:8080",      where the service answers
     "rate": 20,                          writes per second, whether earlier ones were answered or not
     "timeout_s": 5, "late_s": 1,         no answer by then: unknown; slower than this counts as an outage
     "settle_s": 60,                      how long the servers may take to agree in the end
     "writers": 40, "first_user": 9e8,    writers take turns; `{user}` is first_user + the writer's number
     "begin": REQUEST, "end": REQUEST,    once per writer, or null
     "write": REQUEST + {"id": "{user}/1/{micros}", "server": "stored_by"},
     "instance": "x-served-by",           header of the answer: which instance of the service gave it
     "servers": [{"name": "pg-1", "url": "postgresql://…", "known_as": ["127.0.0.1:5432"],
                  "statistics": "postgresql://…"}],       by a role of pg_monitor; without it: by `url`
     "read": "select id from …"}          ids there, `%(first)s` and `%(last)s` are the users; null: not read

where REQUEST is `{"method", "path", "headers", "body", "take": {"name": "key of the answer"}}`; its texts
may hold `{writer}`, `{user}`, `{n}` (number of the write), `{time}` (RFC 3339), `{micros}` (the same instant,
microseconds, never given twice) and what `begin` took. `server` is the key of the JSON answer to a write that
names the database server which stored it.

Later lines: `{"mark": UNIX_TIME}` (a fault was made) and `{"stop": true, "calm": 10, "within": 120}`: it goes
on until every write of the last 10 seconds went well, for 120 seconds at most (without them it stops now), so
that the end of an outage is seen, not guessed. Once standard input ends, it ends at once.

**Output**: a line `{"event": "writing"}` after the first acknowledged write, and at the end one line
`{"event": "writes", "result": RESULT}`; FOLDER gets `journal.jsonl` and `result.json` (RESULT). Times `…_at`
are unix seconds made from the monotonic clock, so that they never run backwards; null: not known.

    {"format": 1,
     "began_at", "ended_at", "fault_at",
     "sent", "acked",
     "refused",          answered 4xx: the service says it is not stored
     "unknown",          no answer or 5xx: it may be there or not
     "lost",             acked and not there; null where no primary could be read
     "duplicated",       there more often than once; null as above
     "resurrected",      refused, and there all the same; null as above
     "kept_unknown",     unknown, and there; null as above
     "examples": {"lost": [ids…], "duplicated": […], "resurrected": […]},      at most 20 of each
     "rpo_s",            0 where nothing is lost; else from the ack of the first lost write to the fault, or
                         to the ack of the last lost one where that is later; null where `lost` is null
     "rto_s",            of the service: from the fault to the ack after the last write that failed or was
                         late; 0 where none was; null without a fault or where the outage is not over: no
                         good write came after it, or a bad one came within the `calm` asked for
     "rto_database_s",   from the fault until some server accepted writes for good, looked at directly, with a
                         resolution of 0.1 s; 0 where one always did; null as above or without servers
     "first_failed_at", "last_failed_at",       of writes sent after the fault (all, without one)
     "outages": [{"from_at", "until_at", "writes"}],   failed or late writes less than 5 s apart are one
     "servers": [{"name", "acked", "acked_before", "acked_after", "last_ack_before_at", "first_ack_after_at",
                  "state",          at the end: writable | standby | away; one that commits nothing is away
                  "writable_at",    when it was first seen to accept writes after the fault
                  "there", "missing"}],         writes found there, acked ones that are not; null: not read
     "instances": [{"name", "acked_before", "acked_after", "last_ack_before_at", "first_ack_after_at"}],
     "promoted",         server that accepts writes now and did not before; null: none
     "split_brain",      two servers committed writes at one time; null where one could not be looked at in
                         the end, or there is only one
     "redundant"}        every other server streams from the primary and has all its writes; null where there
                         is only one server or no primary

`before` and `after` are before and after the fault; without one everything is before it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import httpx

from sretool.chaos import writes
from sretool.chaos.servers import Server

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import BinaryIO

LOOK: Final = 0.1
"""Seconds between two looks at a server, and at whether writes go well."""
_SETTLED: Final = 0.5
"""Seconds between two readings at the end."""
_TEMPLATE: Final = re.compile(r"\{(\w+)\}")


class BadConfiguration(Exception):
    """In words."""


class Paper:
    """The journal: every line is on the disk before `write` returns."""

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("xb", buffering=0)
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._busy = False
        self.lines: list[dict[str, Any]] = []

    async def write(self, **words: Any) -> None:
        """Lines that come while the disk is busy go in one go."""
        self.lines.append(words)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((json.dumps(words).encode() + b"\n", done))
        if not self._busy:
            await self._flush()
        await done

    async def _flush(self) -> None:
        self._busy = True
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                try:
                    await asyncio.to_thread(self._put, b"".join(line for line, _ in batch))
                except OSError as error:
                    for _, done in batch:
                        done.set_exception(error)
                    continue
                for _, done in batch:
                    done.set_result(None)
        finally:
            self._busy = False

    def _put(self, data: bytes) -> None:
        self._file.write(data)
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()


class Ledger:
    """One client with its writers, and its looks at the servers."""

    def __init__(self, configuration: Mapping[str, Any], folder: Path) -> None:
        given = configuration
        try:
            self._rate = float(given["rate"])
            self._timeout = float(given.get("timeout_s", 5.0))
            self._late = float(given.get("late_s", 1.0))
            self._settle = float(given.get("settle_s", 60.0))
            self._writers = int(given["writers"])
            self._first_user = int(given.get("first_user", 0))
            self._request: Mapping[str, Any] = given["write"]
            self._id = str(self._request["id"])
            self._begin: Mapping[str, Any] | None = given.get("begin")
            self._end: Mapping[str, Any] | None = given.get("end")
            self._instance = str(given.get("instance") or "")
            self._read: str | None = given.get("read")
            listed = given.get("servers") or []
            self._servers = {
                each["name"]: Server(each["name"], each["url"], each.get("statistics", "")) for each in listed
            }
            self._known = {each["name"]: tuple(each.get("known_as") or ()) for each in listed}
            base_url = str(given["url"])
        except (KeyError, TypeError, ValueError) as error:
            raise BadConfiguration(f"{type(error).__name__}: {error}") from error
        if self._rate <= 0 or self._writers < 1:
            raise BadConfiguration("rate and writers must be above 0")
        self._client = httpx.AsyncClient(
            base_url=base_url,
            timeout=self._timeout,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=64),
            # Nothing of the environment stands between the client and the service.
            trust_env=False,
        )
        self._folder = folder
        self._paper = Paper(folder / "journal.jsonl")
        self._offset = time.time() - time.monotonic()
        self._words: dict[int, dict[str, Any]] = {}
        self._micros = 0
        self._first_ack = asyncio.Event()
        self._open: dict[int, float] = {}
        """Writes without an answer yet → when they were sent."""
        self._calm_wanted = 0.0
        self._bad_at = self._good_at = float("-inf")
        """When the last write ended badly, and well."""

    async def run(self, orders: asyncio.StreamReader) -> None:
        """Write and look until told to stop, then say what became of it."""
        await self._paper.write(began=time.monotonic(), offset=self._offset)
        looking = [asyncio.create_task(self._look(server)) for server in self._servers.values()]
        writing = asyncio.create_task(self._write_on())
        telling = asyncio.create_task(self._tell_first())
        try:
            asked = await self._obey(orders, writing)
        finally:
            writing.cancel()
            telling.cancel()
        await asyncio.gather(writing, telling, return_exceptions=True)
        if asked:
            await self._finish()
        for task in looking:
            task.cancel()
        await asyncio.gather(*looking, return_exceptions=True)
        await self._client.aclose()
        self._paper.close()

    async def _obey(self, orders: asyncio.StreamReader, writing: asyncio.Task[None]) -> bool:
        """True: asked to stop in good order."""
        stopping: set[asyncio.Task[None]] = set()
        line = asyncio.ensure_future(orders.readline())
        try:
            while True:
                await asyncio.wait({line, writing, *stopping}, return_when=asyncio.FIRST_COMPLETED)
                if writing.done():
                    writing.result()
                if any(task.done() for task in stopping):
                    return True
                raw = await line
                if not raw:
                    return False
                order = json.loads(raw)
                if "mark" in order:
                    await self._paper.write(fault=float(order["mark"]) - self._offset)
                if order.get("stop"):
                    self._calm_wanted = float(order.get("calm", 0))
                    wait = self._calm(self._calm_wanted, float(order.get("within", 0)))
                    stopping.add(asyncio.create_task(wait))
                line = asyncio.ensure_future(orders.readline())
        finally:
            for task in (line, *stopping):
                task.cancel()

    async def _calm(self, seconds: float, within: float) -> None:
        """Wait until all writes of so many seconds went well, one at least."""
        until = time.monotonic() + within
        while (now := time.monotonic()) < until:
            late = any(now - sent > self._late for sent in self._open.values())
            if not late and self._bad_at < now - seconds < self._good_at:
                return
            await asyncio.sleep(LOOK)

    async def _tell_first(self) -> None:
        await self._first_ack.wait()
        _say({"event": "writing"})

    # ---- writing

    async def _write_on(self) -> None:
        """At the pace of the clock; what hangs does not hold up what comes after it."""
        async with asyncio.TaskGroup() as group:
            starts = [group.create_task(self._start(number)) for number in range(self._writers)]
            await asyncio.wait(starts, return_when=asyncio.FIRST_COMPLETED)
            began, number = time.monotonic(), 0
            try:
                while True:
                    await asyncio.sleep(max(began + number / self._rate - time.monotonic(), 0))
                    ready = sorted(self._words)
                    if ready:
                        group.create_task(self._write(number, ready[number % len(ready)]))
                    number += 1
            except asyncio.CancelledError:
                for task in starts:
                    task.cancel()
                # Those under way still get their answer, or their time-out.
                return

    async def _start(self, writer: int) -> None:
        words: dict[str, Any] = {"writer": writer, "user": self._first_user + writer}
        while self._begin is not None:
            now = {**words, **self._instant()}
            with contextlib.suppress(httpx.HTTPError, ValueError, KeyError):
                reply = await self._ask(self._begin, now)
                if reply.is_success:
                    answer = reply.json()
                    taken = {name: answer[key] for name, key in self._begin.get("take", {}).items()}
                    words |= taken
                    break
            await asyncio.sleep(0.5)
        self._words[writer] = words

    async def _write(self, number: int, writer: int) -> None:
        words = {**self._words[writer], **self._instant(), "n": number}
        sent = time.monotonic()
        await self._paper.write(n=number, id=str(_filled(self._id, words)), sent=sent)
        self._open[number] = sent
        status, server, instance, error = 0, "", "", ""
        try:
            async with asyncio.timeout(self._timeout):
                reply = await self._ask(self._request, words)
            status, instance = reply.status_code, reply.headers.get(self._instance, "")
            if reply.is_success and "server" in self._request:
                server = str(reply.json().get(self._request["server"], ""))
        except (httpx.HTTPError, TimeoutError, ValueError) as problem:
            error = type(problem).__name__
        line = {"server": server, "instance": instance, "error": error}
        ended = time.monotonic()
        await self._paper.write(n=number, ended=ended, status=status, **{k: v for k, v in line.items() if v})
        del self._open[number]
        if writes.Write("", sent, ended, status).bad(self._late):
            self._bad_at = ended
        else:
            self._good_at = ended
        if 200 <= status < 300:
            self._first_ack.set()

    def _instant(self) -> dict[str, Any]:
        self._micros = max(int(time.time() * 1e6), self._micros + 1)
        moment = datetime.fromtimestamp(self._micros // 1_000_000, UTC)
        return {
            "micros": self._micros,
            "time": f"{moment:%Y-%m-%dT%H:%M:%S}.{self._micros % 1_000_000:06d}Z",
        }

    async def _ask(self, request: Mapping[str, Any], words: Mapping[str, Any]) -> httpx.Response:
        headers = {name: str(_filled(value, words)) for name, value in request.get("headers", {}).items()}
        body = request.get("body")
        return await self._client.request(
            str(request.get("method", "POST")),
            str(_filled(request["path"], words)),
            headers=headers,
            json=None if body is None else _filled(body, words),
        )

    # ---- looking

    async def _look(self, server: Server) -> None:
        last = ""
        while True:
            began = time.monotonic()
            state = await server.state(commits=True)
            if state != last:
                # Someone who is gone was so when the look began; someone who answers, when it ended.
                at = began if state == writes.AWAY else time.monotonic()
                await self._paper.write(server=server.name, state=state, t=at)
                last = state
            await asyncio.sleep(LOOK)

    # ---- the end

    async def _finish(self) -> None:
        await self._paper.write(stopped=time.monotonic(), calm=self._calm_wanted)
        if self._end is not None:
            await asyncio.gather(*(self._leave(words) for words in self._words.values()))
        until = time.monotonic() + self._settle
        while True:
            result = await self._result()
            agreed = result["redundant"] in (True, None) and result["lost"] is not None
            if not self._servers or self._read is None or agreed or time.monotonic() > until:
                break
            await asyncio.sleep(_SETTLED)
        draft = self._folder / ".result.json"
        draft.write_text(json.dumps(result, indent=1), encoding="utf-8")
        draft.replace(self._folder / "result.json")
        _say({"event": "writes", "result": result})

    async def _leave(self, words: Mapping[str, Any]) -> None:
        assert self._end is not None
        with contextlib.suppress(httpx.HTTPError):
            await self._ask(self._end, {**words, **self._instant()})

    async def _result(self) -> dict[str, Any]:
        users = {"first": self._first_user, "last": self._first_user + self._writers - 1}
        # Others than those that look: a look may be under way on its connection.
        readers = {name: server.twin() for name, server in self._servers.items()}
        try:
            found = await asyncio.gather(*(each.reading(self._read, users) for each in readers.values()))
        finally:
            for each in readers.values():
                await each.close()
        return writes.fold(
            writes.read(self._paper.lines),
            self._known,
            dict(zip(readers, found, strict=True)),
            offset=self._offset,
            late=self._late,
        )


def _filled(value: Any, words: Mapping[str, Any]) -> Any:
    """`value` with `{name}` put in; a text that is one name gets its type."""
    if isinstance(value, str):
        whole = _TEMPLATE.fullmatch(value)
        if whole is not None:
            return words[whole[1]]
        return _TEMPLATE.sub(lambda found: str(words[found[1]]), value)
    if isinstance(value, dict):
        return {key: _filled(each, words) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, words) for each in value]
    return value


def _say(words: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(words) + "\n")
    sys.stdout.flush()


async def _main(folder: Path) -> int:
    orders = asyncio.StreamReader(limit=2**20)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    try:
        configuration = json.loads(await orders.readline())
        ledger = Ledger(configuration, folder)
    except (ValueError, AttributeError, BadConfiguration) as error:
        sys.stderr.write(f"ledger: the configuration makes no sense: {error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"ledger: {error.filename}: {error.strerror}\n")
        return 2
    full: OSError | None = None
    try:
        await ledger.run(orders)
    except* OSError as errors:
        full = next(each for each in errors.exceptions if isinstance(each, OSError))
    if full is not None:
        sys.stderr.write(f"ledger: {folder} cannot be written: {full}\n")
        return 2
    return 0


def main() -> int:
    parser = argparse.ArgumentParser(prog="ledger", description="Remembers every acknowledged write.")
    parser.add_argument("folder", type=Path)
    return asyncio.run(_main(parser.parse_args().folder))


if __name__ == "__main__":
    sys.exit(main())
