"""The work that every engine but Closeknit does: count by kind, and mark the day.

Needs nothing but msgspec, because each engine imports it in an environment of its own.

The state of a relationship is [likes, replies, shares, follows, last day, bitmap of 56 days]; bit n
of the bitmap stands for the day n days before the last. In whatever order events arrive, the same
state comes out.
"""

from datetime import date

import msgspec

KINDS = {"like": 0, "reply": 1, "share": 2, "follow": 3}
LAST, BITMAP = 4, 5
DEPTH = 56
MASK = (1 << DEPTH) - 1


class Event(msgspec.Struct, gc=False):
    """What of an event is needed; the other fields are passed over while parsing."""

    kind: str
    account: str
    member: str
    at: str


class Days(dict[str, int]):
    """Number of a day by its text: a stream has few days and many events."""

    def __missing__(self, text: str) -> int:
        day = self[text] = date.fromisoformat(text).toordinal()
        return day


decode = msgspec.json.Decoder(Event).decode
day_of = Days()


def new() -> list[int]:
    """A relationship of which nothing is known."""
    return [0, 0, 0, 0, 0, 0]


def count(state: list[int], kind: str, day: int) -> None:
    """Add one event."""
    state[KINDS[kind]] += 1
    ahead = day - state[LAST]
    if ahead > 0:
        state[BITMAP] = (state[BITMAP] << min(ahead, DEPTH) & MASK) | 1
        state[LAST] = day
    elif ahead > -DEPTH:
        state[BITMAP] |= 1 << -ahead
