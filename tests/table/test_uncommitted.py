"""What a worker left unfinished in the changelog is as if it had never been."""

import pytest
from aiokafka import AIOKafkaProducer

from streams.core.partition_record import KEY, PartitionRecord, Position
from streams.table.fit import value_settings
from tests.conftest import Broker
from tests.table.test_table import RULES, Bench, always, like, likes_of, position, run


@pytest.mark.parametrize("end", ["aborted", "left open"])
def test_what_was_never_committed_is_not_recovered(broker: Broker, end: str) -> None:
    """Neither values nor offsets: a worker died between its sends and its commit."""

    async def story(bench: Bench) -> None:
        first, heir = bench.table(), bench.table()
        assert await first.take({0}, always)
        first.apply(bench.chunk(0, like(1)))
        await first.flush()
        ((key, value),) = first.leases()[0].state.relationships.items()
        dying = AIOKafkaProducer(**bench.kafka, transactional_id=f"{bench.app}-0")
        await dying.start()
        try:
            await dying.begin_transaction()
            # A second like, and offsets beyond it.
            await dying.send_and_wait(bench.changelog, value + value[1:], key, partition=0)
            record = PartitionRecord(
                clock=first.leases()[0].state.clock,
                next={bench.likes: Position(30)},
                settings=value_settings(RULES),
            )
            await dying.send_and_wait(bench.changelog, record.encode(), KEY, partition=0)
            if end == "aborted":
                await dying.abort_transaction()
            assert await heir.take({0}, always)
            assert (likes_of(heir), position(heir, bench)) == (1, 1)
        finally:
            await dying.stop()

    run(broker, story)
