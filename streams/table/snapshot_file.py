"""The file of a local snapshot: a partition's relationships, and where its changelog goes on.

    magic    one line with the version of this format
    frames   kind u8, length u32, checksum u64 (little endian), then so many bytes

The first frame is the head, the last one the end, those in between are maps of key to packed value
(MessagePack). Each checksum is seeded with the one before it, so a frame that is missing, doubled
or in another place is noticed just like a flipped bit.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from struct import Struct
from typing import BinaryIO, Final, Self, TypeVar

import msgspec
from xxhash import xxh3_64

from streams.core.packing import FORMAT
from streams.core.partition_record import PartitionRecord

MAGIC: Final = b"closeknit snapshot 1\n"

_HEAD, _RELATIONSHIPS, _END = b"h", b"r", b"e"
_FRAME = Struct("<cI")
_CHECKSUM = Struct("<Q")

T = TypeVar("T")


class Unusable(ValueError):
    """A snapshot that must not be used: cut, changed, of another version, not of this changelog."""


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What the relationships belong to.

    Attributes:
        changelog: name of the changelog.
        topic_id: its id, as a topic created anew has another.
        number: the partition number.
        offset: where to read on: every change that is not in the file is there or after.
        taken_ms: when that was, by the wall clock.
        record: where the partition stood at `offset`.
        format: version of the packed relationships.
    """

    changelog: str
    topic_id: str
    number: int
    offset: int
    taken_ms: int
    record: PartitionRecord
    format: int = FORMAT


class End(msgspec.Struct, frozen=True, kw_only=True):
    """The last frame: without it the file is not whole.

    Attributes:
        covered: the offset before which the changelog holds all that is in the file.
        relationships: how many there are.
    """

    covered: int
    relationships: int


class Writer:
    """Writes a snapshot beside the one that it replaces when it is whole.

    Args:
        path: of the file in the making.
        head: its first frame.

    Raises:
        OSError: from any method; the disk is full, or may not be written.
    """

    def __init__(self, path: Path, head: Head) -> None:
        self._path = path
        self._seed = 0
        self._file = path.open("xb")
        self._file.write(MAGIC)
        self._frame(_HEAD, msgspec.msgpack.encode(head))

    def add(self, relationships: bytes) -> None:
        """Add relationships, as `encode` gives them."""
        self._frame(_RELATIONSHIPS, relationships)

    def finish(self, end: End, path: Path) -> int:
        """Make it the snapshot at `path`, in one step; return its size in bytes."""
        self._frame(_END, msgspec.msgpack.encode(end))
        self._file.flush()
        os.fsync(self._file.fileno())
        size = self._file.tell()
        self._file.close()
        self._path.replace(path)
        return size

    def abandon(self) -> None:
        """Leave nothing behind; fine after `finish`, too."""
        with suppress(OSError):  # it is full, or gone
            self._file.close()
        with suppress(OSError):
            self._path.unlink(missing_ok=True)

    def _frame(self, kind: bytes, body: bytes) -> None:
        start = _FRAME.pack(kind, len(body))
        self._seed = _checksum(start, body, self._seed)
        self._file.writelines((start, _CHECKSUM.pack(self._seed), body))


class Reader:
    """Reads a snapshot back, and vouches for what it gives frame by frame.

    Only when `maps` has come to its end is the file known to be whole: then `end` is there.

    Raises:
        Unusable: at the first byte that is not as it was written.
        OSError: it is not there, or cannot be read.
    """

    end: End

    def __init__(self, path: Path) -> None:
        self._file: BinaryIO = path.open("rb")
        try:
            self._seed = 0
            self.size = os.fstat(self._file.fileno()).st_size
            if self._file.read(len(MAGIC)) != MAGIC:
                raise Unusable("it is no snapshot, or one of another version")
            kind, body = self._frame()
            if kind != _HEAD:
                raise Unusable("it has no head")
            self.head = _decode(_head, body)
        except BaseException:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def maps(self) -> Iterator[dict[bytes, bytes]]:
        """Give the relationships, some at a time; each key once."""
        given = 0
        while True:
            kind, body = self._frame()
            if kind != _RELATIONSHIPS:
                break
            relationships = _decode(_map, body)
            given += len(relationships)
            yield relationships
        if kind != _END or self._file.read(1):
            raise Unusable("it does not end where it should")
        end = _decode(_end, body)
        if end.relationships != given:
            raise Unusable(f"it has {given} relationships and says {end.relationships}")
        self.end = end

    def _frame(self) -> tuple[bytes, bytes]:
        start = self._file.read(_FRAME.size)
        checksum = self._file.read(_CHECKSUM.size)
        if len(start) + len(checksum) < _FRAME.size + _CHECKSUM.size:
            raise Unusable("it is cut off")
        kind, length = _FRAME.unpack(start)
        # Not read if it cannot be there: a wrong length may ask for all the memory there is.
        body = self._file.read(length) if length <= self.size else b""
        if len(body) < length:
            raise Unusable("it is cut off, or a length in it is wrong")
        self._seed = _checksum(start, body, self._seed)
        if self._seed != _CHECKSUM.unpack(checksum)[0]:
            raise Unusable("a checksum in it is wrong")
        return kind, body


def encode(relationships: dict[bytes, bytes]) -> bytes:
    """Encode some relationships for `Writer.add`."""
    return _encoder.encode(relationships)


def _checksum(start: bytes, body: bytes, seed: int) -> int:
    # Not one buffer of both, which would copy every relationship once more.
    digest = xxh3_64(start, seed=seed)
    digest.update(body)
    return digest.intdigest()


def _decode(decoder: "msgspec.msgpack.Decoder[T]", body: bytes) -> T:
    try:
        return decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise Unusable(f"it was written by another program: {error}") from None


_encoder = msgspec.msgpack.Encoder()
_map = msgspec.msgpack.Decoder(dict[bytes, bytes])
_head = msgspec.msgpack.Decoder(Head)
_end = msgspec.msgpack.Decoder(End)
