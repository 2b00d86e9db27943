"""A chunk: consecutive records of one partition, travelling through Faust as one message."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from aiokafka.structs import ConsumerRecord
from faust.serializers.schemas import Schema
from faust.types import TP
from faust.types.tuples import ConsumerMessage


class Chunk(ConsumerMessage):  # type: ignore[misc]
    """Records of one partition, in order, and their place in its chain of offsets.

    Attributes:
        records: the records as aiokafka read them.
        start: offset at which the chunk before this one ended; the first record is there or, past
            control records and compacted ones, later.
        end: offset after the last record, where the next chunk starts.
        epoch: the flow epoch in which it was read; see `ChunkConsumer.epoch`.
    """

    __slots__ = ("end", "epoch", "records", "start")

    def __init__(
        self, tp: TP, records: Sequence[ConsumerRecord], start: int, epoch: int, generation: int
    ) -> None:
        last = records[-1]
        super().__init__(
            topic=tp.topic,
            partition=tp.partition,
            offset=last.offset,
            timestamp=last.timestamp / 1000.0,
            timestamp_type=last.timestamp_type,
            headers=(),
            key=None,
            value=None,
            checksum=None,
            tp=tp,
            generation_id=generation,
        )
        self.records = records
        self.start = start
        self.end = last.offset + 1
        self.epoch = epoch


class ChunkSchema(Schema):  # type: ignore[misc]
    """Hands the chunk itself to the agent: its records are decoded there, in one pass."""

    def compile(
        self,
        app: Any,
        *,
        on_key_decode_error: Any = None,  # noqa: ARG002 - Faust's signature; nothing is decoded
        on_value_decode_error: Any = None,  # noqa: ARG002 - the same
        default_propagate: bool = False,  # noqa: ARG002 - the same
    ) -> Callable[..., Awaitable[Any]]:
        """Return Faust's decoder for a channel of chunks."""
        event = app.conf.Event

        async def decode(chunk: Chunk, *, propagate: bool = False) -> Any:  # noqa: ARG001 - Faust's signature
            return event(app, None, chunk, None, chunk)

        return decode
