"""Admission: what is to be done with one record, decided purely and carried out elsewhere.

A record is refused (a dead letter), passed by (it moves the clock and nothing else: a tick, an
ignored member, a record for another partition) or admitted. Nothing that a stranger can send
raises.
"""

from collections.abc import Container, Sequence
from enum import StrEnum
from typing import Literal, NamedTuple, Protocol

from schemas.events import (
    MAX_ID,
    TOPIC_OF,
    Event,
    InvalidEvent,
    Reason,
    check_id,
    check_identities,
    decode_many,
)
from streams.core.placement import partitions_of
from streams.core.relationship import Strength
from streams.core.time import format_ms, parse_many

REROUTED_FROM = "closeknit-rerouted-from"
"""Header of a record that was re-sent to its right partition: `topic/partition/offset` it had."""


class Outcome(StrEnum):
    """What became of a record; of several that fit, `invalid` counts first and `applied` last."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"  # an add of what is already there
    UNRESOLVED = "unresolved"  # a removal of what is not there
    LATE = "late"  # applied, but too old for any window
    REPLAYED = "replayed"  # read again after it was applied: counted by the caller
    REROUTED = "rerouted"  # in the wrong partition, to be re-sent
    IGNORED = "ignored"
    TICK = "tick"
    INVALID = "invalid"  # a dead letter


class Record(Protocol):
    """What is read of a Kafka record; its key is not."""

    @property
    def value(self) -> bytes | None:
        """The event, or nothing."""

    @property
    def timestamp(self) -> int:
        """When it was written, ms; -1: it does not say."""

    @property
    def headers(self) -> Sequence[tuple[str, bytes]]:
        """Names and values."""


class Rules(NamedTuple):
    """The settings that admission and the values depend on.

    Attributes:
        partitions: how many partitions each topic has.
        strength: weights and half-life.
        clock: whether events move the clock, or the wall clock does.
        max_value_bytes: larger values are refused.
        max_ahead_ms: with `clock="wall"`, how far an event may lie ahead of now.
        ignored_members: members whose events are dropped.
    """

    partitions: int
    strength: Strength = Strength()
    clock: Literal["event", "wall"] = "event"
    max_value_bytes: int = 65_536
    max_ahead_ms: int = 3_600_000
    ignored_members: frozenset[str] = frozenset()


class Refused(NamedTuple):
    """A record that is to become a dead letter."""

    record: Record
    reason: Reason
    detail: str


class Misplaced(NamedTuple):
    """A record that is to be re-sent to this partition under this key, with its origin."""

    record: Record
    partition: int
    key: bytes


class PassedBy(NamedTuple):
    """A valid record that changes no relationship here."""

    outcome: Outcome  # TICK, IGNORED or REROUTED
    misplaced: Misplaced | None = None


Decision = Event | PassedBy | Refused
"""What is to be done with a record; an event is to be applied."""


class Admitted(NamedTuple):
    """What is to be done with each record of a chunk, in their order.

    Attributes:
        decisions: what it is.
        times: its `at` in ms; -1 for one that is refused, which moves no clock.
        keys: the key of its relationship; empty where there is none.
    """

    decisions: list[Decision]
    times: list[int]
    keys: list[bytes]


_EPOCH = "1970-01-01T00:00:00Z"
_TICK, _IGNORED = PassedBy(Outcome.TICK), PassedBy(Outcome.IGNORED)


def decode_records(records: Sequence[Record], max_bytes: int) -> list[Event | InvalidEvent]:
    """Decode the values of many records, without looking into those that are too large."""
    values = [record.value or b"" for record in records]
    sizes = list(map(len, values))
    if max(sizes, default=0) <= max_bytes:
        return decode_many(values)
    events = decode_many([value if len(value) <= max_bytes else b"" for value in values])
    return [
        event if size <= max_bytes else _too_large(size, max_bytes)
        for event, size in zip(events, sizes, strict=True)
    ]


def admit(
    records: Sequence[Record],
    kind: str,
    number: int,
    rules: Rules,
    known: Container[bytes],
    now_ms: int,
) -> Admitted:
    """Decide what is to be done with each record.

    Args:
        records: a chunk of records.
        kind: the kind of event that their topic carries.
        number: the partition number in which they were read.
        rules: the settings.
        known: the keys of the relationships here. What one of them was admitted with need not be
            checked again: ids and placement.
        now_ms: the wall clock.
    """
    # One pass over plain lists for what nearly every record is; each attribute of an event that is
    # looked up costs as much as a look into a dictionary.
    events = decode_records(records, rules.max_value_bytes)
    keys: list[bytes] = []
    texts: list[str] = []
    strangers: dict[bytes, tuple[str, str]] = {}
    for event in events:
        if type(event) is Event:
            account, member = event.account, event.member
            key = f"{account} {member}".encode()
            if key not in known:
                strangers[key] = (account, member)
            keys.append(key)
            texts.append(event.at)
        else:
            keys.append(b"")
            texts.append(_EPOCH)
    times = parse_many(texts)
    homes = partitions_of(strangers, rules.partitions)
    faults = check_identities(strangers.values())
    live, ignored = rules.clock == "wall", rules.ignored_members
    decisions: list[Decision] = []
    moments: list[int] = []
    for i in range(len(events)):
        event, time = events[i], times[i]
        at = time if isinstance(time, int) else -1
        decision: Decision
        if type(event) is not Event:
            decision = _refused(records[i], event)
        elif (said := event.kind) != kind and said != "tick":
            detail = f'kind is "{said}"; the topic is that of {TOPIC_OF[kind]}'
            decision = Refused(records[i], Reason.KIND_MISMATCH, detail)
        elif at < 0:
            decision = Refused(records[i], Reason.INVALID_TIME, f"at is {time}")
        elif live and at > (latest := _latest(records[i], rules, now_ms)):
            detail = f"at is {format_ms(at)}; {format_ms(latest)} is the latest allowed"
            decision = Refused(records[i], Reason.IN_FUTURE, detail)
        elif said == "tick":
            decision = _TICK
        elif (not 0 < len(event.id) <= MAX_ID and (fault := check_id(event.id))) or (
            faults and (fault := faults.get((event.account, event.member)))
        ):
            decision = Refused(records[i], *fault)
        elif ignored and event.member in ignored:
            decision = _IGNORED
        elif homes.get(keys[i], number) != number:
            decision = _strayed(records[i], homes[keys[i]], keys[i], rules.partitions)
        else:
            decision = event
        decisions.append(decision)
        moments.append(-1 if type(decision) is Refused else at)
    return Admitted(decisions, moments, keys)


def _refused(record: Record, invalid: InvalidEvent) -> Refused:
    return Refused(record, invalid.reason, invalid.detail)


def _strayed(record: Record, home: int, key: bytes, partitions: int) -> PassedBy | Refused:
    for name, origin in record.headers:
        if name == REROUTED_FROM:
            detail = (
                f"belongs in partition {home} of {partitions}, and was already re-sent "
                f"once, from {origin.decode(errors='replace')}"
            )
            return Refused(record, Reason.MISPLACED, detail)
    return PassedBy(Outcome.REROUTED, Misplaced(record, home, key))


def _latest(record: Record, rules: Rules, now_ms: int) -> int:
    written = record.timestamp if record.timestamp >= 0 else now_ms
    return min(written, now_ms) + rules.max_ahead_ms


def _too_large(size: int, limit: int) -> InvalidEvent:
    return InvalidEvent(Reason.TOO_LARGE, f"the value has {size} bytes; {limit} are allowed")
