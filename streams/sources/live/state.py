"""The topic in which sources keep their cursors and what they remember: compacted, one partition.

Keys are `name`, a zero byte, and `cursor` or `memory:` with the source's own key.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

from streams.committed import committed_records
from streams.sources.live.source import Kept

PARTITION = 0

_CURSOR = "cursor"
_MEMORY = "memory:"


def cursor_key(name: str) -> bytes:
    """The record key of a source's cursor."""
    return f"{name}\0{_CURSOR}".encode()


def memory_key(name: str, key: str) -> bytes:
    """The record key of one thing that a source remembers."""
    return f"{name}\0{_MEMORY}{key}".encode()


async def read_kept(connection: Mapping[str, Any], topic: str, name: str) -> Kept:
    """Read what a source kept.

    Read it once its producer is initialised: before that, another process may still write.

    Raises:
        ReadingStuck: see `committed_records`, with what else it raises.
    """
    ours = f"{name}\0".encode()
    found: dict[str, bytes] = {}
    async with aclosing(committed_records(connection, topic, PARTITION + 1)) as batches:
        async for batch in batches:
            for record in batch:
                if record.key is None or not record.key.startswith(ours):
                    continue
                key = record.key[len(ours) :].decode()
                if record.value is None:
                    found.pop(key, None)
                else:
                    found[key] = record.value
    cursor = found.pop(_CURSOR, None)
    return Kept(cursor, {key.removeprefix(_MEMORY): value for key, value in found.items()})
