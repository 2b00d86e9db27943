"""The packed value: how a relationship is written, in memory and in the changelog alike.

    head        1   format version << 4 | which of the next four parts are there
    followed_at 8   ms, i64              if the start of the open follow is known
    follows     2+  how many open ids inbound, outbound (u8 each), then 8 bytes each, oldest first
    summary   100   of evicted interactions: totals 6 x u32, last ms 6 x i64 by code,
                    first ms 2 x i64 by direction (-1: never), strength f64 and its day i32
    cells       4+  length in bytes (u32), then counts by hour (`cells`)
    log       16 x  8-byte hash of the id, then ms << 3 | code as u64, in order of arrival

Little endian. One like takes 17 bytes. The fast path works on the bytes themselves (`log_start`,
`find`, `entry`, `codes`, `stamps`); everything else goes through `unpack` and `pack`.
"""

from collections.abc import Callable
from functools import cache
from math import inf
from struct import Struct
from struct import error as struct_error
from typing import NamedTuple

from xxhash import xxh3_64_digest

from streams.core.cells import SIZE as CELL
from streams.core.kinds import INTERACTIONS
from streams.core.time import DAY_MS, END_MS

FORMAT = 1
"""Version of the packed encoding; a change of any byte above is a new one."""

ID = 8
STAMP = 8
ENTRY = ID + STAMP

_FOLLOWED_AT, _FOLLOWS, _SUMMARY, _CELLS = 1, 2, 4, 8
PLAIN = FORMAT << 4
"""The head of a relationship that is nothing but its log: nearly all of them."""

_DIGITS = tuple(b"%d" % code for code in range(8))
_FOLLOWER = PLAIN | _FOLLOWED_AT | _FOLLOWS
_U32 = Struct("<I")
_I64 = Struct("<q")
_U64 = Struct("<Q")
_ENTRY = Struct("<8sQ")
_FIRST = Struct("<B8sQ")
_FIRST_FOLLOW = Struct("<BqBB8s")
_EVICTED = Struct("<6I6q2qdi")
_INTERACTION_CODES = bytes(range(len(INTERACTIONS)))
_NAMES_OF_CELLS = bytes(byte for byte in range(256) if byte & 15 < 8)
_END_STAMP = END_MS << 3
_CODE_OF_BYTE = bytes(byte & 7 for byte in range(256))


_LONG = 1024


class CorruptValue(ValueError):
    """A packed value that we cannot have written, or that a newer version wrote. Fatal.

    Attributes:
        key: whose value it is, where that is known; not part of the message, for it is a name.
    """

    def __init__(self, message: str, key: bytes | None = None) -> None:
        super().__init__(message)
        self.key = key


class Summary(NamedTuple):
    """What is left of evicted interactions beside their cells."""

    totals: tuple[int, ...] = (0,) * 6  # by code
    last: tuple[int, ...] = (-1,) * 6  # ms by code, -1: never
    first: tuple[int, ...] = (-1,) * 2  # ms, inbound and outbound, -1: never
    strength: float = 0.0  # forward-decayed: as it was on `day`
    day: int = 0  # the latest day of an evicted interaction


class Parts(NamedTuple):
    """A packed value, taken apart."""

    followed_at: int | None = None
    open_in: bytes = b""
    open_out: bytes = b""
    summary: Summary | None = None
    cells: bytes = b""
    log: bytes = b""


NOTHING = Parts()


def hash_of(code: int, id: str) -> bytes:
    """Eight stable bytes that stand for the id of one interaction or follow."""
    return xxh3_64_digest(_DIGITS[code] + id.encode())


def entry(id_hash: bytes, code: int, at: int) -> bytes:
    """One interaction as it is appended to the log."""
    return _ENTRY.pack(id_hash, at << 3 | code)


def first_value(id_hash: bytes, code: int, at: int) -> bytes:
    """The value of a relationship of which this interaction is all that is known."""
    return _FIRST.pack(PLAIN, id_hash, at << 3 | code)


def first_follow(id_hash: bytes, at: int) -> bytes:
    """The value of a relationship of which it is only known that the member follows since then."""
    return _FIRST_FOLLOW.pack(_FOLLOWER, at, 1, 0, id_hash)


def log_start(value: bytes) -> int:
    """Where the log begins in a packed value."""
    head = value[0]
    if head == PLAIN:
        return 1
    start = 9 if head & _FOLLOWED_AT else 1
    if head & _FOLLOWS:
        start += 2 + ID * (value[start] + value[start + 1])
    if head & _SUMMARY:
        start += _EVICTED.size
    if head & _CELLS:
        start += 4 + _U32.unpack_from(value, start)[0]
    return start


def find(value: bytes, id_hash: bytes, start: int, size: int = ENTRY) -> int:
    """Where the entry with this hash is in a log (or in open ids) that begins at `start`, or -1."""
    if len(value) < _LONG and id_hash not in value:
        return -1
    # Among the first bytes of all entries, as a log may be long and no byte but those can match.
    firsts, first = value[start::size], id_hash[0]
    at = firsts.find(first)
    while at >= 0:
        if value.startswith(id_hash, start + at * size):
            return start + at * size
        at = firsts.find(first, at + 1)
    return -1


def stamps(value: bytes, start: int) -> tuple[int, ...]:
    """`ms << 3 | code` of each entry of a log that begins at `start`, in order of arrival."""
    return _stamps_reader((len(value) - start) // ENTRY)(value, start)


def codes(value: bytes, start: int) -> bytes:
    """The code of each entry of a log that begins at `start`, one byte each."""
    return value[start + ID :: ENTRY].translate(_CODE_OF_BYTE)


def pack(parts: Parts) -> bytes:
    """Write a packed value."""
    followed_at, open_in, open_out, summary, cells, log = parts
    head = PLAIN
    body = []
    if followed_at is not None:
        head |= _FOLLOWED_AT
        body.append(_I64.pack(followed_at))
    if open_in or open_out:
        head |= _FOLLOWS
        body += (bytes((len(open_in) // ID, len(open_out) // ID)), open_in, open_out)
    if summary is not None:
        head |= _SUMMARY
        totals, last, first, strength, day = summary
        body.append(_EVICTED.pack(*totals, *last, *first, strength, day))
    if cells:
        head |= _CELLS
        body += (_U32.pack(len(cells)), cells)
    return b"".join((bytes((head,)), *body, log))


def check(value: bytes) -> None:
    """Make sure that a packed value is sound.

    Raises:
        CorruptValue: it is shorter than it says, longer than whole entries, holds what cannot be,
            or has the version of a newer Closeknit.
    """
    if len(value) == 1 + ENTRY and value[0] == PLAIN:  # nearly all, when a table is restored
        (stamp,) = _U64.unpack_from(value, 1 + ID)
        if stamp < _END_STAMP and stamp & 7 < len(INTERACTIONS):
            return
    if not value:
        raise CorruptValue("a packed relationship has no bytes")
    head = value[0]
    if head >> 4 != FORMAT:
        raise CorruptValue(
            f"a packed relationship has format {head >> 4}, this version reads format {FORMAT}: "
            "run the version that wrote it or a later one, or rebuild with `closeknit reset`"
        )
    try:
        start = log_start(value)
        parts = NOTHING if head == PLAIN else take_apart(value)
    except (IndexError, struct_error):
        raise _corrupt(value, "it ends before its parts do") from None
    if start > len(value):
        raise _corrupt(value, "it ends before its parts do")
    if (len(value) - start) % ENTRY:
        raise _corrupt(value, "its log is not made of whole entries")
    if codes(value, start).translate(None, _INTERACTION_CODES):
        raise _corrupt(value, "its log holds what is no interaction")
    if max(stamps(value, start), default=0) >= _END_STAMP:
        raise _corrupt(value, "its log holds a time that no event can have")
    if len(parts.cells) % CELL:
        raise _corrupt(value, "its cells are not whole")
    if parts.cells[::CELL].translate(None, _NAMES_OF_CELLS):
        raise _corrupt(value, "its cells count what cannot be counted")
    if parts.followed_at is not None and not parts.open_in:
        raise _corrupt(value, "it follows since a day, but by no open follow")
    if parts.followed_at is not None and not 0 <= parts.followed_at < END_MS:
        raise _corrupt(value, "it follows since a time that no event can have")
    if parts.summary is not None and not _possible(parts.summary):
        raise _corrupt(value, "its summary holds a time or a strength that cannot be")


def _possible(summary: Summary) -> bool:
    times = summary.last + summary.first
    return (
        min(times) >= -1
        and max(times) < END_MS
        and 0 <= summary.strength < inf
        and 0 <= summary.day < END_MS // DAY_MS
    )


def unpack(value: bytes) -> Parts:
    """Take a packed value apart.

    Raises:
        CorruptValue: see `check`.
    """
    check(value)
    return take_apart(value)


def take_apart(value: bytes) -> Parts:
    """`unpack` for a value that is known to be sound, as all in memory are."""
    head = value[0]
    if head == PLAIN:
        return Parts(log=value[1:])
    start = 1
    followed_at = summary = None
    open_in = open_out = cells = b""
    if head & _FOLLOWED_AT:
        (followed_at,) = _I64.unpack_from(value, start)
        start += 8
    if head & _FOLLOWS:
        middle = start + 2 + ID * value[start]
        end = middle + ID * value[start + 1]
        open_in, open_out = value[start + 2 : middle], value[middle:end]
        start = end
    if head & _SUMMARY:
        numbers = _EVICTED.unpack_from(value, start)
        summary = Summary(numbers[:6], numbers[6:12], numbers[12:14], *numbers[14:])
        start += _EVICTED.size
    if head & _CELLS:
        (length,) = _U32.unpack_from(value, start)
        start += 4
        cells = value[start : start + length]
        start += length
    return Parts(followed_at, open_in, open_out, summary, cells, value[start:])


def _corrupt(value: bytes, what: str) -> CorruptValue:
    return CorruptValue(
        f"a packed relationship of {len(value)} bytes is corrupt: {what}; "
        f"it begins with {value[:32].hex()}. Rebuild the state with `closeknit reset`"
    )


@cache
def _stamps_reader(entries: int) -> Callable[[bytes, int], tuple[int, ...]]:
    return Struct("<" + "8xQ" * entries).unpack_from
