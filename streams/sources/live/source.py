"""What every live source is: something that yields batches, and goes on where it was.

A source translates what a platform tells into canonical events. It owns the connection (to be
retried, watched and resumed); it owns no storage. What it must remember, to go on after a restart
or to resolve a later deletion, travels with the events that it belongs to, in the same Kafka
transaction (`delivery`), and is given back to it at the next start.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, Protocol

from schemas.events import Event, Reason

NOTHING: Mapping[str, bytes | None] = MappingProxyType({})


class Refused(NamedTuple):
    """Something received that is no event, to be kept as a dead letter.

    `topic`, `partition` and `offset` say where it was read if that was in Kafka; else the topic
    names the source (`source:bluesky`) and the numbers are -1.
    """

    value: bytes
    reason: Reason
    detail: str
    topic: str
    partition: int = -1
    offset: int = -1
    timestamp: int = -1
    key: bytes | None = None
    headers: Sequence[tuple[str, bytes]] = ()


class Batch(NamedTuple):
    """What a source has to say at once: it becomes visible as a whole, or not at all.

    Attributes:
        events: in the order in which they happened.
        memory: what to remember from now on, by a key of the source's own; None forgets.
        cursor: where to read on once this batch is delivered; None: where it was.
        refused: what was received and is no event.
        left_out: what was received, is well-formed, and concerns us not; counted by reason.
    """

    events: Sequence[Event] = ()
    memory: Mapping[str, bytes | None] = NOTHING
    cursor: bytes | None = None
    refused: Sequence[Refused] = ()
    left_out: Mapping[str, int] = MappingProxyType({})


class Kept(NamedTuple):
    """What was delivered when the source last ran: its cursor, None at first, and its memory."""

    cursor: bytes | None
    memory: dict[str, bytes]


class Source(Protocol):
    """A live source.

    Attributes:
        name: tells its metrics, its cursor and its memory from those of others, and shuts an
            earlier process of the same name out: "bluesky", "mastodon-social".
    """

    name: str

    def batches(self, kept: Kept, /) -> AsyncIterator[Batch]:
        """Yield what happens, for ever, or until there is no more (a file, a look-back).

        It is asked for the next batch when there is room for it: a source that is not asked must
        not hoard. It retries what may pass, and raises `SourceFailed` for what will not. When it
        is to stop, it is closed while it waits.
        """
        ...


class SourceFailed(Exception):
    """What a restart will not mend: the message says what to do (a wrong token, a wrong name)."""
