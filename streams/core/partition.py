"""One partition number: its relationships, its clock, its census. Pure: "now" is passed in.

Chunks of records change packed values in memory and mark their keys dirty; `settle` files the dirty
ones in the census and hands them over to be written. Recovery is the way back: `restore` each
changelog record, then `restored`.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from schemas.events import Event
from streams.core.admission import (
    Misplaced,
    Outcome,
    Record,
    Refused,
    Rules,
    admit,
)
from streams.core.census import Census
from streams.core.filing import (
    LONE,
    Moves,
    file_lone,
    filing,
    move,
    places,
    recount,
    refile,
)
from streams.core.formats import in_memory
from streams.core.kinds import CODES
from streams.core.packing import PLAIN, CorruptValue, check
from streams.core.relationship import Relationship, change
from streams.core.time import DEPTH, HOUR_MS, hour_of

__all__ = ["Applied", "Misplaced", "Outcome", "Partition", "Record", "Refused", "Rules"]


TURN = 10_000
"""Relationships restored between two yields: some 50 ms."""


BUSY = 1024
"""Bytes of a log from which on a relationship stays taken apart when it has been written, as to
read it anew costs a hundred times what one more event does; unless there are too many of them."""

MOST_BUSY = 1000


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


class _Touched:
    """What has changed of one account since the last `settle`."""

    __slots__ = ("before", "moves")

    def __init__(self) -> None:
        self.before: dict[bytes, bytes | None] = {}  # what the census has filed
        self.moves: Moves = {}  # of plain counts


class Partition:
    """The state of one partition number.

    Attributes:
        number: the partition number.
        relationships: packed value by key.
        clock: the hour that now is, -1 before anything was read.
        census: the counts of its accounts, as of the last `settle`.
    """

    def __init__(self, number: int, rules: Rules) -> None:
        self.number = number
        self.relationships: dict[bytes, bytes] = {}
        self.clock = -1
        self.census = Census()
        self._rules = rules
        self._touched: dict[str, _Touched] = {}
        self._dirty_count = 0
        self._opened: dict[bytes, Relationship] = {}

    @property
    def dirty_count(self) -> int:
        """How many relationships have changed since the last `settle`."""
        return self._dirty_count

    def apply(self, kind: str, records: Sequence[Record], now_ms: int) -> Applied:
        """Apply a chunk of the topic that carries `kind`, in one synchronous pass."""
        self.tell_time(now_ms)
        rules, clock, relationships = self._rules, self.clock, self.relationships
        events_move_clock = rules.clock == "event"
        codes, strength = CODES[kind], rules.strength
        all_touched, opened = self._touched, self._opened
        outcomes = dict.fromkeys(Outcome, 0)
        refused: list[Refused] = []
        misplaced: list[Misplaced] = []
        last_event_ms = -1
        next_hour, late = (clock + 1) * HOUR_MS, (clock - DEPTH) * HOUR_MS
        decisions, times, keys = admit(records, kind, self.number, rules, relationships, now_ms)
        for i in range(len(decisions)):
            event, at, key = decisions[i], times[i], keys[i]
            if at > last_event_ms:
                last_event_ms = at
                if events_move_clock and at >= next_hour:
                    clock = at // HOUR_MS
                    next_hour, late = (clock + 1) * HOUR_MS, (clock - DEPTH) * HOUR_MS
            if type(event) is not Event:
                if isinstance(event, Refused):
                    refused.append(event)
                    outcomes[Outcome.INVALID] += 1
                    continue
                outcomes[event.outcome] += 1
                if event.misplaced is not None:
                    misplaced.append(event.misplaced)
                continue
            value = relationships.get(key)
            add = event.op == "add"
            changed = change(
                (opened and opened.get(key)) or value,
                codes[event.direction],
                add,
                event.id,
                at,
                event.seeded,
                clock,
                strength,
            )
            if changed is None:
                outcomes[Outcome.DUPLICATE if add else Outcome.UNRESOLVED] += 1
                continue
            state, thing, counted_in, step = changed
            if isinstance(state, bytes):
                relationships[key] = state
            elif value is None:
                relationships[key] = state.pack()
            else:
                opened[key] = state
            touched = all_touched.get(event.account) or self._touch(event.account)
            before = touched.before
            if key not in before:
                before[key] = value
                self._dirty_count += 1
            if step:
                filed, moves = counted_in << 5 | thing, touched.moves
                moves[filed] = moves.get(filed, 0) + step
            if at < late:
                outcomes[Outcome.LATE] += 1
        self.clock = clock
        outcomes[Outcome.APPLIED] = len(records) - sum(outcomes.values())
        return Applied(
            {outcome: n for outcome, n in outcomes.items() if n}, refused, misplaced, last_event_ms
        )

    def _touch(self, account: str) -> "_Touched":
        touched = self._touched[account] = _Touched()
        return touched

    def tell_time(self, now_ms: int) -> None:
        """Move the clock to the wall clock's hour, if that is the clock in use."""
        if self._rules.clock == "wall":
            self.clock = max(self.clock, hour_of(now_ms))

    def settle(self) -> list[tuple[bytes, bytes]]:
        """File every dirty relationship in the census, and return these keys and values.

        Nothing is dirty afterwards.
        """
        relationships, opened, clock = self.relationships, self._opened, self.clock
        settled = []
        for account, touched in self._touched.items():
            moves = touched.moves
            lone = []
            for key, old in touched.before.items():
                if opened and (busy := opened.get(key)) is not None:
                    value = relationships[key] = busy.pack()
                    here = places(busy.recency(), busy.following, busy.followed_at)
                    move(moves, busy.filed or (filing(old) if old else []), here)
                    busy.filed = here
                else:
                    value = relationships[key]
                    if old is None and len(value) == LONE and value[0] == PLAIN:
                        lone.append(value)
                    elif value is not old:
                        refile(moves, old, value)
                settled.append((key, value))
            if lone:
                file_lone(moves, lone)
            self.census.move(account, moves, clock)
        self._touched, self._dirty_count = {}, 0
        busy_ones = {key: busy for key, busy in opened.items() if len(busy.log) >= BUSY}
        self._opened = busy_ones if len(busy_ones) <= MOST_BUSY else {}
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
        for _ in self.restoring(clock):
            pass

    def restoring(self, clock: int) -> Iterator[None]:
        """Do as `restored` does, yielding now and then so that others can have their turn."""
        self.clock = clock
        self.census = Census()
        self._touched, self._dirty_count, self._opened = {}, 0, {}
        moves_of: dict[bytes, Moves] = defaultdict(dict)
        lone_of: dict[bytes, list[bytes]] = defaultdict(list)
        for number, (key, value) in enumerate(self.relationships.items(), start=1):
            try:
                check(value)
            except CorruptValue:
                value = self.relationships[key] = self._converted(key, value)  # noqa: PLW2901
            account = key[: key.index(b" ")]
            if len(value) == LONE and value[0] == PLAIN:
                lone_of[account].append(value)
            else:
                moves = moves_of[account]
                recount(moves, value)
                refile(moves, None, value)
            if number % TURN == 0:
                _file(moves_of, lone_of)
                yield
        _file(moves_of, lone_of)
        for account, moves in moves_of.items():
            self.census.move(account.decode(), moves, clock)

    def _converted(self, key: bytes, value: bytes) -> bytes:
        try:
            return in_memory(value)
        except CorruptValue as error:
            # The key is a person's name: it is in the error, and not in what is logged of it.
            raise CorruptValue(f"partition {self.number}: {error}", key) from None


def _file(moves_of: dict[bytes, Moves], lone_of: dict[bytes, list[bytes]]) -> None:
    for account, values in lone_of.items():
        file_lone(moves_of[account], values, restored=True)
    lone_of.clear()
