"""Before every commit the source topics are those of the offsets, or nothing is written."""

import asyncio
from collections.abc import Collection, Mapping

import pytest

from streams.core.partition_record import Position
from streams.table import SourceReplaced
from streams.table.sources import Sources
from tests.conftest import Broker
from tests.table.test_table import Bench, always, like, likes_of, run

IDS = {"likes": "a", "shares": "b"}
POSITIONS = {name: Position(offset=7, topic_id=topic_id) for name, topic_id in IDS.items()}


class Cluster:
    """Answers as told, and counts how often it is asked."""

    def __init__(self, **changes: str | None) -> None:
        self.ids = {**IDS, **changes}
        self.asked = 0

    async def __call__(self, names: Collection[str]) -> Mapping[str, str | None]:
        self.asked += 1
        await asyncio.sleep(0)
        return {name: self.ids[name] for name in names}


@pytest.mark.parametrize(
    ("cluster", "said"),
    [
        (Cluster(likes="z"), r"likes was deleted and created anew .*id a became z"),
        (Cluster(shares=None), r"shares \(id b\) was deleted"),
    ],
)
def test_a_topic_that_is_gone_or_another_is_named_with_what_to_do(
    cluster: Cluster, said: str
) -> None:
    with pytest.raises(SourceReplaced, match=said) as told:
        asyncio.run(Sources(cluster).confirm(POSITIONS))
    assert "start the worker" in str(told.value)


def test_partitions_that_flush_together_ask_once_and_later_ones_again() -> None:
    """Never is an answer used that was asked for before the last record was read."""
    cluster = Cluster()

    async def story() -> None:
        sources = Sources(cluster)
        await asyncio.gather(*(sources.confirm(POSITIONS) for _ in range(12)))
        assert cluster.asked == 1
        await sources.confirm(POSITIONS)
        assert cluster.asked == 2

    asyncio.run(story())


def test_a_flush_that_comes_while_another_waits_for_its_answer_asks_for_itself() -> None:
    waiting, answer = asyncio.Event(), asyncio.Event()
    asked = 0

    async def slow(names: Collection[str]) -> Mapping[str, str | None]:
        nonlocal asked
        asked += 1
        waiting.set()
        await answer.wait()
        return dict(IDS)

    async def story() -> None:
        sources = Sources(slow)
        first = asyncio.ensure_future(sources.confirm(POSITIONS))
        await waiting.wait()
        second = asyncio.ensure_future(sources.confirm(POSITIONS))
        answer.set()
        await asyncio.gather(first, second)
        assert asked == 2

    asyncio.run(story())


def test_one_question_is_under_way_at_a_time_and_those_who_come_meanwhile_share_the_next() -> None:
    """However far apart partitions begin to flush: they take each other's breath otherwise."""
    under_way = most = asked = 0

    async def busy(names: Collection[str]) -> Mapping[str, str | None]:
        nonlocal under_way, most, asked
        asked, under_way = asked + 1, under_way + 1
        most = max(most, under_way)
        for _ in range(20):
            await asyncio.sleep(0)
        under_way -= 1
        return {name: IDS[name] for name in names}

    async def story() -> None:
        sources = Sources(busy)
        flushes = []
        for _ in range(6):
            flushes.append(asyncio.ensure_future(sources.confirm(POSITIONS)))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        await asyncio.gather(*flushes)

    asyncio.run(story())
    assert (most, asked) == (1, 2)


def test_where_topics_have_no_ids_nobody_is_asked() -> None:
    cluster = Cluster()
    nameless = {name: Position(offset=7, topic_id=None) for name in IDS}
    asyncio.run(Sources(cluster).confirm(nameless))
    assert cluster.asked == 0


def test_what_was_read_of_a_new_topic_is_not_written_under_the_old_one_s_id(
    broker: Broker,
) -> None:
    """The next owner finds the tables as they were, and the old id, so it reads from the start."""

    async def story(bench: Bench) -> None:
        ids = dict.fromkeys(bench.kinds, "old")

        async def topic_ids(names: Collection[str]) -> Mapping[str, str | None]:
            return dict(ids)

        table, heir = bench.table(topic_ids=topic_ids), bench.table(topic_ids=topic_ids)
        assert await table.take({0}, always)
        table.apply(bench.chunk(0, like(1), like(2)))
        await table.flush()
        table.apply(bench.chunk(2, like(3)))
        ids[bench.likes] = "new"
        with pytest.raises(SourceReplaced):
            await table.flush()
        assert await heir.take({0}, always)
        assert likes_of(heir) == 2
        (lease,) = heir.leases()
        assert lease.positions[bench.likes] == Position(offset=0, topic_id="new")

    run(broker, story)
