"""Takeovers: each belongs to one round, and what Faust would swallow ends the worker.

The group's side of it is played by the test; Faust's table manager and recovery are the real ones.
"""

import asyncio
from collections.abc import Awaitable, Callable
from collections.abc import Set as AbstractSet
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from aiokafka.errors import IllegalStateError
from faust.types import TP

from streams.transport import ChunkedApp, Ledger, TransportSettings
from streams.transport.consumer import BrokenChain

LIKES = TP("likes", 0)


class Recorder:
    """Ledger and consumer at once: notes what they are told."""

    topics = frozenset({"likes"})

    def __init__(self, seek_fails_with: Exception | None = None) -> None:
        self.did: list[str] = []
        self._seek_fails_with = seek_fails_with

    def assignment(self) -> set[TP]:
        return {LIKES}

    async def take(self, numbers: AbstractSet[int], still_current: Callable[[], bool]) -> bool:
        self.did.append(f"take {sorted(numbers)}")
        return still_current()

    async def perform_seek(self) -> None:
        self.did.append("seek")
        if self._seek_fails_with is not None:
            raise self._seek_fails_with

    def serving(self) -> None:
        self.did.append("serve")

    def resume_flow(self) -> None:
        self.did.append("flow")

    def rebalancing(self) -> None: ...

    def stop_flow(self) -> None: ...

    def pause_partitions(self, tps: set[TP]) -> None: ...

    def resume_partitions(self, tps: set[TP]) -> None: ...


Story = Callable[[ChunkedApp], Awaitable[None]]


def play(story: Story, recorder: Recorder, folder: Path) -> None:
    settings = TransportSettings(
        group="group",
        broker="nowhere:9092",
        kafka={},
        chunk_size=1,
        flush_interval=1.0,
        session_timeout=30.0,
        heartbeat_interval=3.0,
        rebalance_timeout=60.0,
        request_timeout=60.0,
        group_instance_id=None,
        data_dir=str(folder),
        partitions=4,
    )

    async def run() -> None:
        app = ChunkedApp(settings, cast(Ledger, recorder))
        app.consumer = recorder
        app._fetcher = SimpleNamespace(maybe_start=nothing)
        await story(app)

    asyncio.run(run())


async def nothing() -> None: ...


def revoke(app: Any) -> None:
    app.on_rebalance_start()
    app.tables.on_partitions_revoked({LIKES})


async def assign(app: Any, generation: int) -> None:
    app.consumer_generation_id = generation
    await app.tables.on_rebalance({LIKES}, set(), {LIKES}, generation)


def test_a_takeover_takes_seeks_and_serves(tmp_path: Path) -> None:
    async def story(app: Any) -> None:
        revoke(app)
        await assign(app, generation=1)
        await app.tables.recovery._resume_streams(1)

    recorder = Recorder()
    play(story, recorder, tmp_path)
    assert recorder.did == ["take [0]", "seek", "serve", "flow"]


def test_a_takeover_that_wakes_after_its_round_is_over_does_nothing(tmp_path: Path) -> None:
    """While it waited for the one before it, the group went on.

    The generation is still its own, until the next assignment; its partitions may not be.
    """

    async def story(app: Any) -> None:
        revoke(app)
        await assign(app, generation=1)
        revoke(app)
        await app.tables.recovery._resume_streams(1)

    recorder = Recorder()
    play(story, recorder, tmp_path)
    assert recorder.did == []


def test_a_seek_that_fails_in_its_own_round_ends_the_worker(tmp_path: Path) -> None:
    """Faust takes this error for a rebalance, and would wait for it for ever."""

    async def story(app: Any) -> None:
        revoke(app)
        await assign(app, generation=1)
        with pytest.raises(BrokenChain, match="not assigned"):
            await app.tables.recovery._resume_streams(1)

    recorder = Recorder(IllegalStateError("not assigned"))
    play(story, recorder, tmp_path)
    assert recorder.did == ["take [0]", "seek"]
