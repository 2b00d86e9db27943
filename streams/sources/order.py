"""Puts what several files hold into the order of time, with little of it in memory.

What happened at the same millisecond keeps its order: that within a file, then that of the files.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from heapq import merge
from operator import attrgetter
from pathlib import Path
from struct import Struct
from typing import IO, Final, Protocol, TypeVar

import msgspec


class Dated(Protocol):
    """Anything with a time, ms; a NamedTuple, if it is to be sorted on disk."""

    @property
    def at_ms(self) -> int:
        """When."""


D = TypeVar("D", bound=Dated)

HELD: Final = 64 << 20
"""Bytes of what is being sorted that are held in memory."""

OPEN: Final = 64
"""Sorted pieces that are read side by side: each is an open file."""

_by_time = attrgetter("at_ms")
_pack = msgspec.msgpack.Encoder().encode
_LENGTH = Struct("<I")


class CannotSort(Exception):
    """There is no place on disk to sort something; the message says why."""


def merged(ascending: Iterable[Iterable[D]]) -> Iterator[D]:
    """Merge what is in the order of time already, reading no further ahead than one of each."""
    return merge(*ascending, key=_by_time)


def ordered(
    items: Iterable[D], of: type[D], folder: Path | None = None, held: int = HELD
) -> Iterator[D]:
    """Sort by time what may be far more than memory holds.

    Args:
        items: in any order.
        of: their type.
        folder: where sorted pieces are kept meanwhile, in files that have no name and are gone
            whatever happens to the process; None is the system's place for temporary files.
        held: bytes held in memory.

    Raises:
        CannotSort: nothing can be written there.
    """
    pieces: list[_Piece[D]] = []
    block: list[D] = []
    size = 0
    for item in items:
        block.append(item)
        size += len(_pack(item))
        if size >= held:
            block.sort(key=_by_time)
            pieces.append(_Piece(block, of, folder))
            block, size = [], 0
            if len(pieces) == OPEN:
                pieces = [_Piece(merged(pieces), of, folder)]
    block.sort(key=_by_time)
    return merged([*pieces, block])


class _Piece(Iterable[D]):
    """Something sorted, on disk: to be read once."""

    def __init__(self, items: Iterable[D], of: type[D], folder: Path | None) -> None:
        self._decode = msgspec.msgpack.Decoder(of).decode
        try:
            self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed when read
            for item in items:
                packed = _pack(item)
                self._file.write(_LENGTH.pack(len(packed)))
                self._file.write(packed)
            self._file.flush()
        except OSError as error:
            raise CannotSort(
                f"what is not in the order of time is sorted in {folder or tempfile.gettempdir()}, "
                f"and that failed: {error.strerror}; TMPDIR names another place"
            ) from error

    def __iter__(self) -> Iterator[D]:
        with self._file as file:
            file.seek(0)
            while head := file.read(_LENGTH.size):
                yield self._decode(file.read(_LENGTH.unpack(head)[0]))
