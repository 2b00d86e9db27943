"""A life of a source in this process: what it says, through crashes and restarts."""

from __future__ import annotations

import asyncio
import json
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import Any

from schemas.events import Event, Reason
from streams.sources.jetstream import Watch
from streams.sources.jetstream_wire import read_v1
from streams.sources.live.bluesky import Bluesky
from streams.sources.live.jetstream import Patience, Protocol
from streams.sources.live.meters import Meters
from streams.sources.live.source import Batch, Kept, Source
from tests.sources.live.jetstream_server import JetstreamServer
from tests.sources.live.recording import ACCOUNTS

QUICK = Patience(ping=0.05, dead=0.3, silent=0.3, silent_longest=1.0, first=0.01, longest=0.05)

GARBAGE = (
    b"nonsense",
    b"[]",
    b'{"did":7}',
    b"\xff",
    b'{"$type":"message"}',
    b'{"$type":"error","error":"ConsumerTooSlow"}',
    b'{"$type":"message","payload":{"$type":"network.bsky.jetstream.subscribeEvents#new"}}',
    b'{"a":' * 99_999,
)


def expected(lines: Sequence[bytes], accounts: Sequence[str] = ACCOUNTS) -> list[Event]:
    """What the lines mean, read once and in order."""
    watch = Watch(accounts, {}, lambda _uri, _deed: None)
    found = []
    for line in lines:
        try:
            found += watch.tell(read_v1(line))
        except ValueError:
            continue
    return found


def recent(lines: Sequence[bytes]) -> list[bytes]:
    """The same, moved so that the last one happens now."""
    times = [json.loads(line)["time_us"] for line in lines]
    shift = time.time_ns() // 1000 - times[-1]
    return [
        line.replace(str(us).encode(), str(us + shift).encode())
        for line, us in zip(lines, times, strict=True)
    ]


class SourceLife(ABC):
    """What became of a source: all that it said and that was delivered, over all its restarts."""

    def __init__(self, name: str) -> None:
        self.events: list[Event] = []
        self.left_out: Counter[str] = Counter()
        self.refused: list[Reason] = []
        self.kept = Kept(None, {})
        self.meters = Meters(name)

    @abstractmethod
    def source(self) -> Source:
        """The source, as it is when it starts again."""

    def deliver(self, batch: Batch) -> None:
        """As one transaction does: everything, or nothing."""
        self.events += batch.events
        self.left_out.update(batch.left_out)
        self.refused += [refused.reason for refused in batch.refused]
        memory = {**self.kept.memory, **batch.memory}
        self.kept = Kept(
            self.kept.cursor if batch.cursor is None else batch.cursor,
            {key: value for key, value in memory.items() if value is not None},
        )

    async def go(
        self, until: Callable[[], bool], crash: Callable[[], bool] = lambda: False
    ) -> None:
        """Run, crash and start again; a batch that it crashes with is not delivered."""
        async with asyncio.timeout(60):
            while not until():
                async with aclosing(self.source().batches(self.kept)) as batches:  # type: ignore[type-var]
                    async for batch in batches:
                        if crash():
                            break
                        self.deliver(batch)
                        if until():
                            return

    def metric(self, name: str) -> float:
        page = self.meters.page().decode().splitlines()
        return sum(float(line.split()[-1]) for line in page if line.startswith(f"{name}{{"))


class Life(SourceLife):
    """A life of the source `bluesky`."""

    def __init__(self, server: JetstreamServer, protocol: Protocol = "v1", **options: Any) -> None:
        super().__init__("bluesky")
        self.options: dict[str, Any] = {
            "accounts": ACCOUNTS,
            "protocol": protocol,
            "hosts": [server.url],
            "api": server.url,
            "patience": QUICK,
        } | options

    def source(self) -> Source:
        return Bluesky(meters=self.meters, **self.options)
