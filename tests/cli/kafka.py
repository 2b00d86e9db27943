"""Writing and reading records as they are, past the command line."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import pytest
from aiokafka import AIOKafkaProducer
from click.testing import CliRunner

from streams.changelog import Changelog
from streams.cli import main
from streams.committed import committed_records
from streams.core.partition_record import KEY
from streams.core.placement import partition_of
from streams.settings import Settings, load
from tests.conftest import Broker
from tests.people.worlds import changelog_after


class Put(NamedTuple):
    """A record to write."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]] = ()
    timestamp: int | None = None


def write(
    settings: Settings,
    records: Iterable[Put],
    transactional_id: str | None = None,
    ends: str = "committed",
) -> None:
    """Write records, in one transaction if there is an id for it; one left open was not ended."""

    async def send() -> None:
        producer = AIOKafkaProducer(**settings.connection(), transactional_id=transactional_id)
        await producer.start()
        try:
            if transactional_id:
                await producer.begin_transaction()
            for topic, partition, key, value, headers, timestamp in records:
                await producer.send_and_wait(
                    topic,
                    value=value,
                    key=key,
                    partition=partition,
                    headers=list(headers),
                    timestamp_ms=timestamp,
                )
            if transactional_id and ends == "committed":
                await producer.commit_transaction()
        finally:
            await producer.stop()

    asyncio.run(send())


def put_changelog(settings: Settings, changelog: Changelog) -> None:
    """Write it as workers do: values and partition record in one transaction per partition."""
    for number in range(settings.partitions):
        values = [
            Put(settings.changelog, number, key, value)
            for key, value in changelog.values.items()
            if partition_of(key, settings.partitions) == number
        ]
        record = Put(settings.changelog, number, KEY, changelog.records[0].encode())
        write(settings, [*values, record], f"{settings.app}-{number}")


def write_down(broker: Broker, name: str, told: Iterable[dict[str, Any]]) -> dict[str, str]:
    """Write what a worker would have written down of events; return the settings that find it."""
    app = f"{name}{os.getpid()}"
    variables = {
        "CLOSEKNIT_BROKER": broker.bootstrap,
        "CLOSEKNIT_APP": app,
        "CLOSEKNIT_TOPIC_PREFIX": f"{app}-",
        "CLOSEKNIT_PARTITIONS": "2",
    }
    with pytest.MonkeyPatch.context() as patch:
        for variable, value in variables.items():
            patch.setenv(variable, value)
        assert CliRunner().invoke(main, ["topics", "create"]).exit_code == 0
        put_changelog(load(), changelog_after(told))
    return variables


def read(settings: Settings, topic: str) -> list[Any]:
    """Every committed record of a topic, by partition."""

    async def collect() -> list[Any]:
        return [
            record
            async for batch in committed_records(settings.connection(), topic, settings.partitions)
            for record in batch
        ]

    return sorted(asyncio.run(collect()), key=lambda record: (record.partition, record.offset))
