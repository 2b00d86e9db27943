"""Formats: how relationships are stored, now and in the releases before and after this one.

In memory there is one encoding, that of `packing`. A stored value may have another: its first four
bits are the number of its format, and the partition record beside it has the highest of any value
of its partition. So a value is brought into memory by what it says itself, and a worker that does
not know the format of the partition record does not touch the partition.

The next format costs one module: a `Codec` for what is now `packing`, entered here under its
number. A release never takes one away, and goes on writing what the release before it can read
until it is told otherwise (`to_write`): workers of both can then share a group, in any order.
"""

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from streams.core.packing import FORMAT, check


class Codec(NamedTuple):
    """One stored format.

    Attributes:
        read: from stored to memory; raises `CorruptValue`.
        write: from memory to stored; what was written is read back the same.
    """

    read: Callable[[bytes], bytes]
    write: Callable[[bytes], bytes]


def _as_it_is(value: bytes) -> bytes:
    return value


FORMATS: Final[dict[int, Codec]] = {FORMAT: Codec(_as_it_is, _as_it_is)}
"""Every format that this release knows, by number."""

PREVIOUS: Final = 1
"""The newest format that the previous release knows (the first release: its own)."""


class UnknownFormat(ValueError):
    """A changelog that a newer version wrote, or that is not ours."""


def require(number: int) -> None:
    """Make sure that we know a format.

    Raises:
        UnknownFormat: we do not.
    """
    if number not in FORMATS:
        raise UnknownFormat(
            f"the changelog was written in format {number}, this version knows "
            f"{', '.join(map(str, FORMATS))}: run the version that wrote it, or a newer one. To go "
            f"back to this version, first let that one write format {max(FORMATS)} "
            f"(CLOSEKNIT_STATE_FORMAT={max(FORMATS)}) until all partitions are in it"
        )


def to_write(chosen: int | None, stored: int | None) -> int:
    """Choose the format in which a partition is written.

    Args:
        chosen: by the settings; None: leave it as it is.
        stored: that of its partition record; None: nothing was ever stored.
    """
    return chosen or stored or PREVIOUS


def in_memory(value: bytes) -> bytes:
    """Bring a stored value of any format into memory, checked.

    Raises:
        CorruptValue: its format is unknown, or it is not one that we wrote.
    """
    codec = FORMATS.get(value[0] >> 4) if value else None
    if codec is not None and value[0] >> 4 != FORMAT:
        value = codec.read(value)
    check(value)
    return value


def stored(values: Iterable[tuple[bytes, bytes]], number: int) -> list[tuple[bytes, bytes]]:
    """Keys and values as they are written in a format."""
    if number == FORMAT:
        return list(values)
    write = FORMATS[number].write
    return [(key, write(value)) for key, value in values]
