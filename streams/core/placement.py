"""Where a relationship lives: its record key and the partition number that Kafka gives this key.

All topics have the same number of partitions and place keys alike, so a relationship lives in one
partition number everywhere. The partitioner is the Java client's default,
`toPositive(murmur2(key)) % partitions` (org.apache.kafka.common.utils.Utils).
"""

from collections import defaultdict
from collections.abc import Collection
from struct import Struct
from types import FunctionType
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # only for variables in functions, whose types nobody asks for at run time
    from mypy_extensions import i64

_SEED = 0x9747B28C
_M = 0x5BD1E995
_MASK = 0xFFFFFFFF


def relationship_key(account: str, member: str) -> bytes:
    """UTF-8 of `account`, one space, `member`: unambiguous, as ids hold no white space."""
    return f"{account} {member}".encode()


def account_of(key: bytes) -> str:
    """The account of a relationship key."""
    return key[: key.index(b" ")].decode()


def partition_of(key: bytes, partitions: int) -> int:
    """The partition number in which Kafka's default partitioner puts this key."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def partitions_of(keys: Collection[bytes], partitions: int) -> dict[bytes, int]:
    """`partition_of` for many keys; in Python in a quarter of the time."""
    if _COMPILED:
        return {key: partition_of(key, partitions) for key in keys}
    by_length = defaultdict(list)
    for key in keys:
        by_length[len(key)].append(key)
    homes = {}
    for length, alike in by_length.items():
        few = len(alike) < _WORTH_A_VECTOR
        hashes = map(murmur2, alike) if few else _murmur2_of_each(alike, length)
        for key, hashed in zip(alike, hashes, strict=True):
            homes[key] = (hashed & 0x7FFFFFFF) % partitions
    return homes


def murmur2(data: bytes) -> int:
    """Kafka's variant of Austin Appleby's MurmurHash2, as an unsigned 32-bit number."""
    # Machine integers once compiled: no product of these 32 bits by 31 leaves the 63 there are.
    m: i64 = 0x5BD1E995
    mask: i64 = 0xFFFFFFFF
    length: i64 = len(data)
    h: i64 = 0x9747B28C ^ length
    whole: i64 = length - length % 4
    at: i64 = 0
    k: i64
    while at < whole:
        k = data[at] | data[at + 1] << 8 | data[at + 2] << 16 | data[at + 3] << 24
        k = k * m & mask
        k = (k ^ k >> 24) * m & mask
        h = h * m & mask ^ k
        at += 4
    if at < length:
        k = 0
        while length > at:
            length -= 1
            k = k << 8 | data[length]
        h = (h ^ k) * m & mask
    h = (h ^ h >> 13) * m & mask
    return int(h ^ h >> 15)


_COMPILED = not isinstance(murmur2, FunctionType)
_WORTH_A_VECTOR = 8


def _murmur2_of_each(keys: list[bytes], length: int) -> tuple[int, ...]:
    # `murmur2` on a vector: one long int with a lane of 64 bits for each key, of which the upper
    # half is there for the carry of a product. One multiplication of it serves all keys.
    m, words = _M, (length + 3) // 4
    lanes = Struct(f"<{len(keys)}Q")
    columns = Struct(f"<{words * len(keys)}I").unpack(
        b"".join([key.ljust(words * 4, b"\0") for key in keys])
    )
    ones = int.from_bytes(lanes.pack(*[1] * len(keys)), "little")
    mask = ones * _MASK
    h = ones * (_SEED ^ length)
    for word in range(length // 4):
        k = int.from_bytes(lanes.pack(*columns[word::words]), "little") * m & mask
        h = (h * m ^ (k ^ (k >> 24 & mask)) * m) & mask
    if length % 4:
        tail = int.from_bytes(lanes.pack(*columns[words - 1 :: words]), "little")
        h = (h ^ tail) * m & mask
    h = (h ^ (h >> 13 & mask)) * m & mask
    h ^= h >> 15 & mask
    return lanes.unpack(h.to_bytes(lanes.size, "little"))
