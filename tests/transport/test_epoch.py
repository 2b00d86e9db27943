"""Epochs and chains: what was read before a seek is never applied after it.

epoch 1                        | epoch 2
fetched 10 11 12               | seek to 10
delivered 10, 11               |
          ^ the flow stops here: 12 stays out, and 10 is next again
"""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.structs import ConsumerRecord
from faust.types import TP

from streams.transport.consumer import BrokenChain, ChunkConsumer

LIKES = TP("likes", 0)


class Consumer(ChunkConsumer):  # type: ignore[misc]
    """A consumer without a broker: notes what it delivers and where it seeks to."""

    def __init__(self, chain: dict[TP, int], stops_after: int = 99) -> None:
        self.epoch = 1
        self.app = SimpleNamespace(
            chunk_size=1, consumer_generation_id=1, ledger=SimpleNamespace(positions=lambda: chain)
        )
        self.suspend_flow = asyncio.Event()
        self.delivered: list[int] = []
        self.sought: list[dict[TP, int]] = []
        self._chain = dict(chain)
        self._stops_after = stops_after
        self.callback = self._deliver_one

    async def _deliver_one(self, chunk: Any) -> None:
        self.delivered.append(chunk.start)
        if len(self.delivered) == self._stops_after:
            self.epoch += 1

    async def wait_first(self, *awaitables: Any, **_: Any) -> None:
        await awaitables[0]
        awaitables[1].close()

    async def seek_wait(self, positions: Any) -> None:
        self.sought.append(dict(positions))


def fetched(*offsets: int) -> dict[TopicPartition, list[ConsumerRecord]]:
    records = [ConsumerRecord("likes", 0, at, 0, 0, None, b"", None, 0, 0, ()) for at in offsets]
    return {TopicPartition("likes", 0): records}


def test_delivery_ends_with_the_epoch_even_within_one_fetch() -> None:
    consumer = Consumer({LIKES: 10}, stops_after=2)
    asyncio.run(consumer._deliver(fetched(10, 11, 12), epoch=1))
    assert consumer.delivered == [10, 11]


def test_a_seek_begins_an_epoch_and_a_chain_at_the_ledgers_positions() -> None:
    consumer = Consumer({LIKES: 10})
    stale = SimpleNamespace(epoch=consumer.epoch)
    asyncio.run(consumer._deliver(fetched(10, 11), epoch=1))
    asyncio.run(consumer.perform_seek())
    assert not consumer.is_current(stale)  # type: ignore[arg-type]
    assert consumer.sought == [{LIKES: 10}]
    asyncio.run(consumer._deliver(fetched(10), epoch=2))
    assert consumer.delivered == [10, 11, 10]


@pytest.mark.parametrize(
    ("records", "chain"),
    [
        (fetched(9), {LIKES: 10}),  # already delivered
        (fetched(10), {}),  # of a partition that has no position
    ],
)
def test_records_that_do_not_follow_end_the_worker(records: Any, chain: dict[TP, int]) -> None:
    with pytest.raises(BrokenChain, match="likes"):
        asyncio.run(Consumer(chain)._deliver(records, epoch=1))


def test_the_groups_offsets_are_never_resumed_from() -> None:
    with pytest.raises(BrokenChain, match="only feed lag tools"):
        asyncio.run(Consumer({}).seek_to_committed())
