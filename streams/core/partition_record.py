"""The partition record: where a partition number stands, stored beside its relationships.

It is written in the same transaction as the values that it belongs to, under a key that no
relationship can have, so reading the changelog to its end gives values and offsets that fit.
"""

from typing import Annotated, Final

import msgspec
import orjson

from streams.core.formats import UnknownFormat, require
from streams.core.packing import FORMAT

KEY: Final = b"\x00partition-record"
"""Its record key: no account id holds a control character."""


class Position(msgspec.Struct, frozen=True):
    """The next offset to read in one source topic; the id tells a recreated topic from the old."""

    offset: Annotated[int, msgspec.Meta(ge=0)]
    topic_id: str | None = None


class PartitionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Where one partition number stood when a flush ended.

    Attributes:
        format: the highest of any relationship of the partition, see `formats`. The record
            itself is the same in all of them: what is added to it must have a default.
        clock: hour since the epoch; -1 before anything was read.
        next: by source topic, where to read on.
        settings: the settings that values depend on, by name.
    """

    format: int = FORMAT
    clock: Annotated[int, msgspec.Meta(ge=-1)]
    next: dict[str, Position]
    settings: dict[str, float]

    def encode(self) -> bytes:
        """Return it as JSON."""
        return _encoder.encode(self)

    @classmethod
    def decode(cls, value: bytes) -> "PartitionRecord":
        """Read it back.

        Raises:
            UnknownFormat: not a partition record, or one of a newer version.
        """
        try:
            # As events are: msgspec alone does not look closely into what it skips.
            document = orjson.loads(value)
            require(msgspec.convert(document, _Version).format)
            return msgspec.convert(document, cls)
        except (msgspec.MsgspecError, orjson.JSONDecodeError) as error:
            raise UnknownFormat(
                f"the changelog's partition record cannot be read ({error}): is this topic "
                "Closeknit's, and was it written by Closeknit only?"
            ) from None


class _Version(msgspec.Struct):
    format: int


_encoder = msgspec.json.Encoder()
