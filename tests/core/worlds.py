"""Small worlds for the tests of the core: events, records, and a census counted the naive way."""

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from hypothesis import strategies as st

from streams.core.census import SERIES
from streams.core.partition import Partition, Rules
from streams.core.relationship import Relationship, Strength, change
from streams.core.time import DAY_MS, HOUR_MS, format_ms

ACCOUNT = "brand"
T0 = 20_000 * DAY_MS  # a midnight in 2024
HOUR0 = T0 // HOUR_MS
DAYS = 130
"""Days that the longest worlds last."""


class Record(NamedTuple):
    """What the core reads of a Kafka record."""

    value: bytes | None
    timestamp: int = -1
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass
class Happening:
    """One event, its time in hours after `T0`."""

    kind: str
    hours: float
    id: str = "1"
    member: str = "ann"
    op: str = "add"
    direction: str = "inbound"
    account: str = ACCOUNT
    seeded: bool = False
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def at(self) -> int:
        return T0 + int(self.hours * HOUR_MS)

    def record(self, **changes: Any) -> Record:
        fields = {
            "kind": self.kind,
            "id": self.id,
            "account": self.account,
            "member": self.member,
            "op": self.op,
            "direction": self.direction,
            "seeded": self.seeded,
            "at": format_ms(self.at),
            **self.extra,
        }
        return Record(json.dumps(fields).encode(), **changes)


def tick(hours: float) -> Record:
    """A tick, so many hours after `T0`."""
    return Record(json.dumps({"kind": "tick", "at": format_ms(T0 + int(hours * HOUR_MS))}).encode())


def partition_after(*happenings: Happening, clock: float | None = None) -> Partition:
    """A lone partition that has read these events in this order, settled; then perhaps a tick."""
    partition = Partition(0, Rules(partitions=1))
    for happening in happenings:
        partition.apply(happening.kind, [happening.record()], 0)
    if clock is not None:
        partition.apply("like", [tick(clock)], 0)
    partition.settle()
    return partition


def packed_change(*event: Any) -> tuple[bytes, int, int, int] | None:
    """`change`, with the new state packed at once."""
    changed = change(*event)
    if changed is None:
        return None
    state, *moved = changed
    return state if isinstance(state, bytes) else state.pack(), *moved


def exported(partition: Partition, clock: int) -> dict[bytes, tuple[Any, ...]]:
    """Everything that a person can see of each relationship, but its strength."""
    return {key: seen(Relationship.unpack(v), clock) for key, v in partition.relationships.items()}


def strengths(partition: Partition, clock: int) -> dict[bytes, float]:
    """The strength of each relationship."""
    return {
        key: Relationship.unpack(value).strength(clock, Strength())
        for key, value in partition.relationships.items()
    }


def seen(relationship: Relationship, clock: int) -> tuple[Any, ...]:
    """All that is derived from a relationship, but its strength."""
    return (
        relationship.following,
        relationship.followed_at,
        relationship.first_inbound_at,
        relationship.last_inbound_at,
        relationship.first_outbound_at,
        relationship.last_outbound_at,
        relationship.stage(clock),
        relationship.active_days(clock),
        relationship.awaiting(clock),
        relationship.counts(clock),
    )


def census_of(partition: Partition, account: str = ACCOUNT) -> dict[str, int]:
    """The series of an account that are not zero, by their name as a person reads it."""
    values = partition.census.read(account, partition.clock)
    return {str(series): n for series, n in zip(SERIES, values, strict=True) if n}


def happenings(members: int = 2, ids: int = 6) -> st.SearchStrategy[list[Happening]]:
    """Lists of events within days, weeks or months, in and out of order, with removals."""
    return st.sampled_from([4, 35, DAYS]).flatmap(lambda days: _happenings(members, ids, days))


def _happenings(members: int, ids: int, days: int) -> st.SearchStrategy[list[Happening]]:
    return st.lists(
        st.builds(
            Happening,
            kind=st.sampled_from(["like", "reply", "reply", "follow", "share"]),
            # On hours' edges more often than not, where windows begin and end.
            hours=st.integers(0, days * 24) | st.floats(0, days * 24, width=32),
            id=st.integers(0, ids).map(str),
            member=st.integers(1, members).map(lambda n: f"m{n}"),
            op=st.sampled_from(["add", "add", "add", "remove"]),
            direction=st.sampled_from(["inbound", "inbound", "outbound"]),
            seeded=st.sampled_from([False, False, True]),
        ),
        max_size=60,
    )


def recount(events: list[Happening], clock: int) -> dict[str, int]:
    """Count the census of the one account from its events, by the words of the definitions.

    For worlds in which nothing is evicted.
    """
    things: dict[str, dict[tuple[str, str, str], int]] = {}
    follows: dict[str, dict[str, int | None]] = {}
    since: dict[str, int | None] = {}
    starts, ends = [], []
    for event in events:
        mine = things.setdefault(event.member, {})
        name = (event.kind, event.direction, event.id)
        if event.kind != "follow":
            if event.op == "add":
                mine.setdefault(name, event.at)
            else:
                mine.pop(name, None)
        elif event.direction == "inbound":
            open_ids = follows.setdefault(event.member, {})
            if event.op == "add" and event.id not in open_ids:
                if not open_ids:
                    since[event.member] = None if event.seeded else event.at
                    starts += [] if event.seeded else [event.at // HOUR_MS]
                open_ids[event.id] = event.at
            elif event.op == "remove" and event.id in open_ids:
                del open_ids[event.id]
                if not open_ids:
                    ends.append(event.at // HOUR_MS)
    counts: Counter[str] = Counter()

    def add(name: str, **labels: str) -> None:
        inner = ",".join(f'{label}="{value}"' for label, value in sorted(labels.items()))
        counts[f"closeknit_{name}" + (f"{{{inner}}}" if inner else "")] += 1

    windows = {"1d": 24, "7d": 168, "28d": 672}
    previous = [("7d", "7d"), ("7d", "14d"), ("7d", "21d"), ("7d", "28d"), ("28d", "28d")]

    def plain(name: str, hours: list[int], **labels: str) -> None:
        for hour in hours:
            for window, length in windows.items():
                if clock - length < hour <= clock:
                    add(name, window=window, **labels)
            for window, ago in previous if name != "unfollows" else ():
                end = clock - 24 * int(ago[:-1])
                if end - windows[window] < hour <= end:
                    add(f"{name}_previous", window=window, ago=ago, **labels)

    plain("follows", starts)
    plain("unfollows", ends)
    for member, mine in things.items():
        times: dict[tuple[str, str], list[int]] = {}
        for (kind, direction, _), at in mine.items():
            times.setdefault((kind, direction), []).append(at)
        for (kind, direction), ats in times.items():
            plain("interactions", [at // HOUR_MS for at in ats], kind=kind, direction=direction)
        inbound = [at for (_, side), ats in times.items() if side == "inbound" for at in ats]
        replies_in, replies_out = (
            times.get(("reply", "inbound"), []),
            times.get(("reply", "outbound"), []),
        )
        is_following = bool(follows.get(member))
        following = "yes" if is_following else "no"
        answered = bool(replies_in and replies_out and max(replies_out) >= max(replies_in))

        def within(ats: list[int], hours: int) -> bool:
            return any(at // HOUR_MS > clock - hours for at in ats)

        def days(ats: list[int]) -> int:
            return len({d for at in ats if (d := at // DAY_MS) * 24 + 23 > clock - 672})

        for window, length in windows.items():
            if within(inbound, length):
                add("active_members", window=window, following=following)
            if within(replies_in, length):
                add("repliers", window=window, following=following)
                if answered:
                    add("repliers_answered", window=window)
        if within(replies_in, 672):
            if not answered:
                age = clock - max(replies_in) // HOUR_MS
                slot = next(
                    s
                    for h, s in ((24, "0-1d"), (72, "1-3d"), (168, "3-7d"), (672, "7-28d"))
                    if age < h
                )
                add("awaiting_reply", age=slot)
            if days(inbound) >= 4:
                add("committed_members", following=following)
            if within(replies_out, 672):
                add("reciprocal_members", following=following)
        for least in (2, 4, 8, 16):
            if days(inbound) >= least:
                add("members_by_activity", at_least_days=str(least))
        if within(replies_in, 672):
            both = within(replies_out, 672) and days(replies_in + replies_out) >= 2
            stage = "connection" if both else "conversation"
        elif within(inbound, 672):
            stage = "fan"
        elif inbound:
            stage = "lapsed"
        else:
            stage = "passive" if is_following else "none"
        if stage != "none":
            add("relationships", stage=stage, following=following)
        if is_following:
            add("followers")
            start = since[member]
            tenure = "unknown"
            if start is not None:
                age = clock - start // HOUR_MS
                tenure = next(
                    (s for h, s in ((168, "0-7d"), (672, "7-28d"), (2160, "28-90d")) if age < h),
                    "90d+",
                )
            add("followers_by_tenure", tenure=tenure, engaged="yes" if inbound else "no")
    return dict(counts)
