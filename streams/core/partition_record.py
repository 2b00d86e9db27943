"""The partition record: where a partition number stands, stored beside its relationships.

It is written in the same transaction as the values that it belongs to, under a key that no
relationship can have, so reading the changelog to its end gives values and offsets that fit.
"""

from typing import Final

import msgspec

FORMAT: Final = 1
"""The version of this record and of the packed relationships beside it."""

KEY: Final = b"\x00partition-record"
"""Its record key: no account id holds a control character."""


class UnknownFormat(ValueError):
    """A changelog that a newer version wrote, or that is not ours."""


class Position(msgspec.Struct, frozen=True):
    """The next offset to read in one source topic; the id tells a recreated topic from the old."""

    offset: int
    topic_id: str | None = None


class PartitionRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Where one partition number stood when a flush ended.

    Attributes:
        format: version of the stored encodings.
        clock: hour since the epoch; -1 before anything was read.
        next: by source topic, where to read on.
        settings: the settings that values depend on, by name.
    """

    format: int = FORMAT
    clock: int
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
            known = _version.decode(value).format
            if known <= FORMAT:
                return _decoder.decode(value)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise UnknownFormat(
                f"the changelog's partition record cannot be read ({error}): is this topic "
                "Closeknit's, and was it written by Closeknit only?"
            ) from None
        raise UnknownFormat(
            f"the changelog was written in format {known}, this version knows up to {FORMAT}: "
            "run the version that wrote it, or a newer one"
        )


class _Version(msgspec.Struct):
    format: int


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(PartitionRecord)
_version = msgspec.json.Decoder(_Version)
