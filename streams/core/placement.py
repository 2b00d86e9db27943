"""Where a relationship lives: its record key and the partition number that Kafka gives this key.

All topics have the same number of partitions and place keys alike, so a relationship lives in one
partition number everywhere. The partitioner is the Java client's default,
`toPositive(murmur2(key)) % partitions` (org.apache.kafka.common.utils.Utils).
"""

from functools import cache
from struct import Struct

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


def murmur2(data: bytes) -> int:
    """Kafka's variant of Austin Appleby's MurmurHash2, as an unsigned 32-bit number."""
    m, mask = _M, _MASK
    length = len(data)
    h = _SEED ^ length
    for word in _words(length >> 2)(data):
        k = word * m & mask
        h = (h * m ^ (k ^ k >> 24) * m) & mask
    tail = data[length & ~3 :]
    if tail:
        h = (h ^ int.from_bytes(tail, "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return h ^ h >> 15


@cache
def _words(count: int):  # type: ignore[no-untyped-def]
    return Struct(f"<{count}I").unpack_from
