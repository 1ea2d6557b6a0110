"""What the reference service asks of Redis: commands in one go, and one error for every way of failing."""

from __future__ import annotations

from redis.asyncio import client
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

Command = tuple[str | bytes | int, ...]


class RedisAway(Exception):
    """No connection, no answer in time, or an answer that is an error."""


class Redis:
    def __init__(self, url: str, timeout: float) -> None:
        """`timeout`: seconds for a connection, and for an answer; nothing is tried twice."""
        self._client = client.Redis.from_url(
            url,
            socket_timeout=timeout,
            socket_connect_timeout=timeout,
            retry=Retry(NoBackoff(), 0),
        )

    async def execute(self, *commands: Command) -> list[object]:
        """One reply per command; RedisAway where they did not all succeed."""
        try:
            async with self._client.pipeline(transaction=False) as pipeline:
                for command in commands:
                    pipeline.execute_command(*command)
                return list(await pipeline.execute())
        except (RedisError, OSError) as error:
            raise RedisAway(str(error)) from error

    async def close(self) -> None:
        await self._client.aclose()
