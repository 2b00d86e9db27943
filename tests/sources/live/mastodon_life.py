"""Lives of the source `mastodon` in this process, and what is asked of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

from schemas.events import Event
from streams.core.time import format_ms
from streams.sources.live.mastodon import Mastodon, Pace
from streams.sources.live.source import Source
from tests.brokers.clients import run
from tests.engine.system import await_that
from tests.sources.live.life import SourceLife
from tests.sources.live.mastodon_server import (
    TOKEN,
    MastodonServer,
)

QUICK = Pace(ring=0.01, look=0.2, lists=0.2, silent=0.5, first=0.01, longest=0.05)
RARELY = 3600.0


class Life(SourceLife):
    """A life of the source `mastodon`."""

    def __init__(self, server: MastodonServer, pace: Pace = QUICK, **options: Any) -> None:
        super().__init__("mastodon")
        self._options: dict[str, Any] = {"instance": server.url, "token": TOKEN, "pace": pace}
        self._options |= options

    def source(self) -> Source:
        return Mastodon(meters=self.meters, **self._options)

    def begun(self) -> bool:
        """Whether it knows from where to read."""
        return self.kept.cursor is not None

    def live(self, *steps: tuple[Callable[[], Any], Callable[[], Any]]) -> None:
        """Run; for each step wait until the first holds, then do the second."""

        async def story() -> None:
            running = asyncio.create_task(self.go(lambda: False))
            try:
                for condition, deed in steps:

                    def until(condition: Callable[[], Any] = condition) -> Any:
                        return running.done() or condition()

                    await asyncio.to_thread(await_that, until, "the next step", 20.0)
                    if running.done():
                        running.result()
                    await asyncio.to_thread(deed)
            finally:
                running.cancel()
                await asyncio.wait({running})

        run(story())

    def settled(self) -> bool:
        """Whether the lists of who follows were taken in."""
        return {"read inbound", "read outbound"} <= self.kept.memory.keys()


def done() -> None:
    """Nothing more to do: the last step only waits."""


def just_now() -> str:
    """A time of which everything is still remembered."""
    return format_ms(time.time_ns() // 1_000_000)


def briefly(events: Sequence[Event]) -> list[tuple[str, str, str]]:
    return [(event.kind, event.op, event.member) for event in events]
