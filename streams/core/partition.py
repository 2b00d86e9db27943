"""One partition number: its relationships, its clock, its census. Pure: "now" is passed in.

Chunks of records change packed values in memory and mark their keys dirty; `settle` files the dirty
ones in the census and hands them over to be written. Recovery is the way back: `restore` each
changelog record, then `restored`.
"""

from collections.abc import Sequence
from typing import NamedTuple

from streams.core.admission import (
    Admitted,
    Misplaced,
    Outcome,
    Record,
    Refused,
    Rules,
    admit,
    decode_records,
)
from streams.core.census import Census
from streams.core.filing import counted, filing, refiling
from streams.core.kinds import CODES
from streams.core.packing import CorruptValue
from streams.core.placement import account_of
from streams.core.relationship import change
from streams.core.time import DEPTH, HOUR_MS, hour_of

__all__ = ["Applied", "Misplaced", "Outcome", "Partition", "Record", "Refused", "Rules"]


class Applied(NamedTuple):
    """What became of a chunk.

    Attributes:
        outcomes: how many records had each outcome; those that none had are left out.
        refused: to become dead letters.
        misplaced: to be re-sent.
        last_event_ms: the latest `at` of a valid record, -1 if there is none.
    """

    outcomes: dict[Outcome, int]
    refused: list[Refused]
    misplaced: list[Misplaced]
    last_event_ms: int


class Partition:
    """The state of one partition number.

    Attributes:
        number: the partition number.
        relationships: packed value by key.
        clock: the hour that now is, -1 before anything was read.
        census: the counts of its accounts, as of the last `settle` for distinct members.
    """

    def __init__(self, number: int, rules: Rules) -> None:
        self.number = number
        self.relationships: dict[bytes, bytes] = {}
        self.clock = -1
        self.census = Census()
        self._rules = rules
        self._dirty: dict[bytes, bytes | None] = {}  # key to the value that the census has filed

    @property
    def dirty_count(self) -> int:
        """How many relationships have changed since the last `settle`."""
        return len(self._dirty)

    def apply(self, kind: str, records: Sequence[Record], now_ms: int) -> Applied:
        """Apply a chunk of the topic that carries `kind`, in one synchronous pass."""
        self.tell_time(now_ms)
        number, rules, clock = self.number, self._rules, self.clock
        relationships, census, dirty = self.relationships, self.census, self._dirty
        events_move_clock = rules.clock == "event"
        codes = CODES[kind]
        outcomes = dict.fromkeys(Outcome, 0)
        refused: list[Refused] = []
        misplaced: list[Misplaced] = []
        last_event_ms = -1
        for record, event in zip(
            records, decode_records(records, rules.max_value_bytes), strict=True
        ):
            verdict = admit(event, record, kind, number, rules, relationships, now_ms)
            if isinstance(verdict, Refused):
                refused.append(verdict)
                outcomes[Outcome.INVALID] += 1
                continue
            at = verdict.at
            last_event_ms = max(last_event_ms, at)
            hour = at // HOUR_MS
            if hour > clock and events_move_clock:
                clock = hour
            if not isinstance(verdict, Admitted):
                outcomes[verdict.outcome] += 1
                if verdict.misplaced is not None:
                    misplaced.append(verdict.misplaced)
                continue
            key, admitted = verdict.key, verdict.event
            value = relationships.get(key)
            add = admitted.op == "add"
            code = codes[admitted.direction]
            changed = change(
                value, code, add, admitted.id, at, admitted.seeded, clock, rules.strength
            )
            if changed is None:
                outcomes[Outcome.DUPLICATE if add else Outcome.UNRESOLVED] += 1
                continue
            relationships[key] = changed.value
            if key not in dirty:
                dirty[key] = value
                if value is None:
                    census.know(admitted.account)
            if changed.step:
                census.count(admitted.account, changed.hour, changed.thing, changed.step, clock)
            if clock - hour > DEPTH:
                outcomes[Outcome.LATE] += 1
        self.clock = clock
        outcomes[Outcome.APPLIED] = len(records) - sum(outcomes.values())
        return Applied(
            {outcome: n for outcome, n in outcomes.items() if n}, refused, misplaced, last_event_ms
        )

    def tell_time(self, now_ms: int) -> None:
        """Move the clock to the wall clock's hour, if that is the clock in use."""
        if self._rules.clock == "wall":
            self.clock = max(self.clock, hour_of(now_ms))

    def settle(self) -> list[tuple[bytes, bytes]]:
        """File every dirty relationship in the census, and return these keys and values.

        Nothing is dirty afterwards.
        """
        dirty, self._dirty = self._dirty, {}
        settled = []
        for key, old in dirty.items():
            value = self.relationships[key]
            self.census.move(account_of(key), *refiling(old, value), self.clock)
            settled.append((key, value))
        return settled

    def restore(self, key: bytes, value: bytes | None) -> None:
        """Take one changelog record, in their order; None is a tombstone."""
        if value is None:
            self.relationships.pop(key, None)
        else:
            self.relationships[key] = value

    def restored(self, clock: int) -> None:
        """End recovery at this clock: build the census from the values.

        Raises:
            CorruptValue: a value is not one that we wrote, or a newer version wrote it.
        """
        self.clock = clock
        self.census = Census()
        self._dirty = {}
        for key, value in self.relationships.items():
            account = account_of(key)
            try:
                counts, places = counted(value), filing(value)
            except CorruptValue as error:
                raise CorruptValue(f"partition {self.number}, key {key!r}: {error}") from None
            self.census.know(account)
            self.census.move(account, (), places, clock)
            for hour, thing, n in counts:
                self.census.count(account, hour, thing, n, clock)
