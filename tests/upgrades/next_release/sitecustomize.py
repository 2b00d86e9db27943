"""A release to come: a worker that finds this module in its path knows format 2 as well.

Nothing of format 2 can be taken for format 1: what was the end is the beginning, and a checksum
follows it.
"""

from zlib import crc32

from streams.core import formats, packing


def _write(value: bytes) -> bytes:
    turned = bytes((2 << 4 | value[0] & 15,)) + value[:0:-1]
    return turned + crc32(turned).to_bytes(4, "big")


def _read(value: bytes) -> bytes:
    turned, checksum = value[:-4], value[-4:]
    if crc32(turned).to_bytes(4, "big") != checksum:
        raise packing.CorruptValue("a value of format 2 is damaged")
    return bytes((packing.PLAIN | turned[0] & 15,)) + turned[:0:-1]


formats.FORMATS[2] = formats.Codec(_read, _write)
