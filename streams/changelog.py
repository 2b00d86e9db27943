"""The relationships as the changelog has them: what exports read, with no worker needed."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing
from typing import Any, NamedTuple

from streams.committed import committed_records
from streams.core.formats import in_memory
from streams.core.packing import FORMAT
from streams.core.partition_record import KEY, PartitionRecord
from streams.core.relationship import Strength


class Changelog(NamedTuple):
    """All relationships at the end of some flush of each partition.

    Attributes:
        values: packed value by record key.
        records: partition record by partition number; absent where nothing was ever flushed.
    """

    values: dict[bytes, bytes]
    records: dict[int, PartitionRecord]

    @property
    def clock(self) -> int:
        """The greatest stored clock, an hour; -1 when there is none."""
        return max((record.clock for record in self.records.values()), default=-1)

    @property
    def strength(self) -> Strength:
        """The weights and half-life that the values were written with."""
        for record in self.records.values():
            return Strength(**{name: record.settings[name] for name in Strength._fields})
        return Strength()


async def read_changelog(connection: Mapping[str, Any], topic: str, partitions: int) -> Changelog:
    """Read the changelog to its end.

    Raises:
        UnknownFormat: it was written by a newer version, or by somebody else.
        CorruptValue: it holds a value of no format that we know.
        ReadingStuck: see `committed_records`, with what else it raises.
    """
    changelog = Changelog({}, {})
    records: dict[int, bytes] = {}
    async with aclosing(committed_records(connection, topic, partitions)) as batches:
        async for batch in batches:
            for record in batch:
                if record.key == KEY and record.value is not None:
                    records[record.partition] = record.value
                elif record.key is not None and record.value is not None:
                    changelog.values[record.key] = record.value
                elif record.key is not None:
                    changelog.values.pop(record.key, None)
    # Only now: those that were overtaken may be of a format that was given up again.
    for number, value in records.items():
        changelog.records[number] = PartitionRecord.decode(value)
    for key, value in changelog.values.items():
        if value[:1] and value[0] >> 4 != FORMAT:
            changelog.values[key] = in_memory(value)
    return changelog
