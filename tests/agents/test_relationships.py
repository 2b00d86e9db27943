"""The agent: chunks of the present epoch go to the table in order; an error is the end."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from types import SimpleNamespace
from typing import Any, NoReturn, cast

import pytest

from streams.agents import consume_relationships
from streams.table import BrokenInvariant, Halt, RelationshipsTable
from streams.transport.app import ChunkedApp

Body = Callable[[AsyncIterator[Any]], Awaitable[None]]


class Table:
    """Takes note of what it is told to do; fails where it is told to fail."""

    topics = frozenset({"likes"})
    flush_is_due = False

    def __init__(self, fails_at: int | None = None) -> None:
        self.did: list[str] = []
        self._fails_at = fails_at

    def apply(self, chunk: Any) -> None:
        if chunk.start == self._fails_at:
            raise KeyError("never expected")
        self.did.append(f"apply {chunk.start}")

    async def flush(self) -> None:
        self.did.append("flush")


def halt(reason: Halt) -> NoReturn:
    raise reason


def feed(table: Table, *epochs: int) -> None:
    """Run the agent over chunks read in these epochs; epoch 2 is the present one."""
    bodies: list[Body] = []
    app = SimpleNamespace(
        topic=lambda *_, **__: SimpleNamespace(acks=True),
        agent=lambda *_, **__: bodies.append,
        consumer=SimpleNamespace(is_current=lambda chunk: chunk.epoch == 2),
    )
    consume_relationships(cast(ChunkedApp, app), cast(RelationshipsTable, table), halt)

    async def chunks() -> AsyncIterator[Any]:
        for at, epoch in enumerate(epochs):
            yield SimpleNamespace(topic="likes", partition=0, start=at, epoch=epoch)

    async def run() -> None:
        await bodies[0](chunks())

    asyncio.run(run())


def test_a_chunk_of_an_epoch_that_is_over_is_passed_by() -> None:
    """Its records are read again after the seek that ended the epoch."""
    table = Table()
    feed(table, 2, 1, 2)
    assert table.did == ["apply 0", "apply 2"]


def test_too_much_that_is_dirty_is_flushed_before_the_next_chunk() -> None:
    table = Table()
    table.flush_is_due = True
    feed(table, 2, 2)
    assert table.did == ["apply 0", "flush", "apply 1", "flush"]


def test_an_unexpected_error_ends_the_process_and_says_where() -> None:
    """Faust would log it and go on with the next chunk: a hole in the tables."""
    table = Table(fails_at=1)
    with pytest.raises(BrokenInvariant, match=r"likes/0 from offset 1 failed: KeyError"):
        feed(table, 2, 2, 2)
    assert table.did == ["apply 0"]
