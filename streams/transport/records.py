"""Records as they come out of a fetched batch, without an object of aiokafka's around each.

aiokafka 0.14 copies every record that its compiled decoder gives into a dataclass of eleven fields,
which costs more than all else in reading it. A worker needs five of them, and the decoder's own
object has those: offset, timestamp, timestamp_type, key, value, headers.
"""

from typing import Any

from aiokafka import TopicPartition
from aiokafka.consumer import fetcher

from streams.brokers.batches import read_every_batch


def read_plain_records() -> None:
    """Have the consumers of this process give plain records; again is the same.

    They have no topic and no partition: whoever asks for them knows those.
    """
    read_every_batch()  # before: it would take our place
    usual = fetcher.PartitionRecords
    if not issubclass(usual, _Plain):
        fetcher.PartitionRecords = type("PartitionRecords", (_Plain, usual), {})


class _Plain:
    def _consumer_record(self, tp: TopicPartition, record: Any) -> Any:  # noqa: ARG002 - aiokafka's signature
        return record
