"""What every source yields: an event ready to be sent, or a line that is none, with the reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple, Protocol

from schemas.events import Event, InvalidEvent, Reason, check_id, check_identity
from streams.core.placement import relationship_key
from streams.core.time import parse_at

MAX_BYTES = 1_000_000
"""The largest value worth sending: brokers left at their default take no larger record."""


class Sendable(NamedTuple):
    """One event: its kind, record key (empty for a tick), `at` in ms, and value on the wire."""

    kind: str
    key: bytes
    at_ms: int
    value: bytes


class Malformed(NamedTuple):
    """A line (counted from 1) that yields no event, why, and in which file if a reader knows."""

    line: int
    reason: str
    file: str = ""


class Reader(Protocol):
    """One input format. It may remember lines, so one instance reads all files of a replay."""

    left_out: Counter[str]
    """What lines stood for that is well-formed and no event of ours, by reason."""

    def read(self, lines: Iterable[bytes]) -> Iterator[Sendable | Malformed]:
        """Read the lines of one file; never raises on what they hold."""
        ...


def sendable(event: Event, value: bytes) -> Sendable:
    """Make an event ready, by the rules that the engine will apply to it.

    Raises:
        InvalidEvent: the engine would refuse it, or the broker. (The engine's own limit is a
            setting of the worker; what exceeds only that is sent, to become a dead letter.)
    """
    if len(value) > MAX_BYTES:
        raise InvalidEvent(
            Reason.TOO_LARGE, f"the value has {len(value)} bytes; brokers take {MAX_BYTES}"
        )
    try:
        at_ms = parse_at(event.at)
    except ValueError as error:
        raise InvalidEvent(Reason.INVALID_TIME, str(error)) from None
    if event.kind == "tick":
        return Sendable("tick", b"", at_ms, value)
    if wrong := check_id(event.id) or check_identity(event.account, event.member):
        raise InvalidEvent(*wrong)
    return Sendable(event.kind, relationship_key(event.account, event.member), at_ms, value)
