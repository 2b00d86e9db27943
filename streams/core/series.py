"""The gauges of an account: which places of the census each of them sums.

`SERIES` is the one list of them, in the order of the table of metrics; `FAMILIES` says what each
name means. A series is a sum over slots: the count of one ring in one slice of ages, where age is
whole hours before the clock.
"""

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from streams.core import filing
from streams.core.kinds import INTERACTIONS
from streams.core.time import WINDOWS

FAMILIES: Final[Mapping[str, str]] = {
    "closeknit_followers": "Relationships now following",
    "closeknit_followers_by_tenure": (
        "Current followers by time since the follow, and whether they ever engaged"
    ),
    "closeknit_follows": "Follows that started in the window",
    "closeknit_unfollows": "Follows that ended in the window",
    "closeknit_follows_previous": "closeknit_follows as it was `ago`",
    "closeknit_interactions": "Likes, replies and shares in the window",
    "closeknit_interactions_previous": "closeknit_interactions as it was `ago`",
    "closeknit_active_members": "Members with an inbound like, reply or share in the window",
    "closeknit_repliers": "Members with an inbound reply in the window",
    "closeknit_repliers_answered": (
        "Repliers of the window whose last reply is not later than our last one to them"
    ),
    "closeknit_awaiting_reply": "Members waiting for our answer, by hours since their last reply",
    "closeknit_reciprocal_members": "Members with replies both ways in the last 28 days",
    "closeknit_committed_members": (
        "Members active on 4 or more days of the last 28, and repliers in them"
    ),
    "closeknit_members_by_activity": (
        "Members active on at least so many UTC days of the last 28 (L28)"
    ),
    "closeknit_relationships": "Relationships by the stage where they stand",
}
"""Name and help of every gauge of an account."""

EDGES: Final = (0, 24, 72, 168, 336, 504, 672, 840, 1344, 2160)
"""Ages in hours at which slices begin and end: every boundary of every series."""

_AHEAD = len(EDGES) - 1  # the slice of hours after the clock, after those between the edges
_SLICES = len(EDGES)
SLOTS: Final = filing.RINGS * _SLICES
"""How many slots there are."""

# The slot of a place, by how far it lies before the last place of the clock's hour.
_SLOTS = [
    ring * _SLICES + bisect_right(EDGES, age) - 1
    for age in range(EDGES[-1])
    for ring in reversed(range(filing.RINGS))
]
_NO_YES = ("no", "yes")


class Series(NamedTuple):
    """A gauge of an account: its name, and its labels in the order of their names."""

    name: str
    labels: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        labels = ",".join(f'{name}="{value}"' for name, value in self.labels)
        return f"{self.name}{{{labels}}}" if labels else self.name


def read(places: Mapping[int, int], clock: int) -> list[int]:
    """Read every series from an account's counts by place, aligned with `SERIES`."""
    return row(slots(places, clock))


def slots(places: Mapping[int, int], clock: int) -> list[int]:
    """Sum counts by place into slots, of which every series is a sum."""
    summed = [0] * SLOTS
    add(summed, places, clock)
    return summed


def add(summed: list[int], places: Mapping[int, int], clock: int) -> None:
    """Add counts by place to slots of the same clock."""
    known, oldest, last = _SLOTS, len(_SLOTS), filing.place(clock, filing.RINGS - 1)
    for filed, n in places.items():
        before = last - filed
        if before < 0:
            summed[filed % filing.RINGS * _SLICES + _AHEAD] += n
        elif before < oldest:
            summed[known[before]] += n


def both(one: list[int], other: list[int]) -> list[int]:
    """The slots of two partitions, or accounts, added up."""
    return [a + b for a, b in zip(one, other)]  # noqa: B905 - `strict` is slow when compiled


def row(summed: Sequence[int]) -> list[int]:
    """Sum slots into every series, aligned with `SERIES`.

    Slots may be added up before, over partitions or accounts: each series is a sum of them.
    """
    counts = []
    for plus, minus in _SUMS:
        count = 0
        for slot in plus:
            count += summed[slot]
        for slot in minus:
            count -= summed[slot]
        counts.append(count)
    return counts


Slots = tuple[int, ...]
Row = tuple[Series, Slots, Slots]


def _plain(ring: int, hours: int, ago: int = 0) -> Slots:
    """Counts of things: the window up to the current hour, or to `ago` hours before it."""
    first, last = EDGES.index(ago), EDGES.index(ago + hours)
    return tuple(ring * _SLICES + at for at in range(first, last))


def _distinct(ring: int, hours: int) -> Slots:
    """Relationships: without an upper bound, as today's last hour lies ahead."""
    return (*_plain(ring, hours), ring * _SLICES + _AHEAD)


def _always(ring: int) -> Slots:
    return (ring * _SLICES + _AHEAD,)


def _row(name: str, labels: Mapping[str, str], plus: Slots, minus: Slots = ()) -> Row:
    return Series(f"closeknit_{name}", tuple(sorted(labels.items()))), plus, minus


_HORIZON = WINDOWS["28d"]
_PREVIOUS = [("7d", f"{weeks}d") for weeks in (7, 14, 21, 28)] + [("28d", "28d")]
_TENURES = {"0-7d": (0, 168), "7-28d": (168, 672), "28-90d": (672, 2160)}
_AGES = {"0-1d": (0, 24), "1-3d": (24, 72), "3-7d": (72, 168), "7-28d": (168, 672)}


def _between(ring: int, begin: int, end: int) -> Slots:
    """Relationships by age; the youngest slice has no upper bound."""
    return _plain(ring, end - begin, begin) if begin else _distinct(ring, end)


def _followers(engaged: int) -> Slots:
    return _always(filing.DATED + engaged) + _always(filing.UNDATED + engaged)


def _table() -> Iterator[Row]:
    yield _row("followers", {}, _followers(0) + _followers(1))
    yield from _tenures()
    for name, ring in (("follows", filing.STARTS), ("unfollows", filing.ENDS)):
        for window, hours in WINDOWS.items():
            yield _row(name, {"window": window}, _plain(ring, hours))
    for window, ago in _PREVIOUS:
        slots = _plain(filing.STARTS, WINDOWS[window], _hours(ago))
        yield _row("follows_previous", {"window": window, "ago": ago}, slots)
    for code, (kind, direction) in enumerate(INTERACTIONS):
        labels = {"kind": kind, "direction": direction}
        for window, hours in WINDOWS.items():
            yield _row("interactions", {**labels, "window": window}, _plain(code, hours))
    for code, (kind, direction) in enumerate(INTERACTIONS):
        labels = {"kind": kind, "direction": direction}
        for window, ago in _PREVIOUS:
            slots = _plain(code, WINDOWS[window], _hours(ago))
            yield _row("interactions_previous", {**labels, "window": window, "ago": ago}, slots)
    for name, ring in (("active_members", filing.ACTIVE), ("repliers", filing.REPLIER)):
        for window, hours in WINDOWS.items():
            for f, following in enumerate(_NO_YES):
                labels = {"window": window, "following": following}
                yield _row(name, labels, _distinct(ring + f, hours))
    for window, hours in WINDOWS.items():
        yield _row("repliers_answered", {"window": window}, _distinct(filing.ANSWERED, hours))
    for age, (begin, end) in _AGES.items():
        repliers = _between(filing.REPLIER, begin, end) + _between(filing.REPLIER + 1, begin, end)
        answered = _between(filing.ANSWERED, begin, end)
        yield _row("awaiting_reply", {"age": age}, repliers, answered)
    for name, ring in (
        ("reciprocal_members", filing.RECIPROCAL),
        ("committed_members", filing.COMMITTED),
    ):
        for f, following in enumerate(_NO_YES):
            yield _row(name, {"following": following}, _distinct(ring + f, _HORIZON))
    for days, ring in filing.ON_DAYS.items():
        labels = {"at_least_days": str(days)}
        yield _row("members_by_activity", labels, _distinct(ring, _HORIZON))
    yield from _stages()


def _hours(days: str) -> int:
    return int(days.removesuffix("d")) * 24


def _tenures() -> Iterator[Row]:
    name = "followers_by_tenure"
    for e, engaged in enumerate(_NO_YES):
        dated: Slots = ()
        for tenure, (begin, end) in _TENURES.items():
            slots = _between(filing.TENURE + e, begin, end)
            yield _row(name, {"tenure": tenure, "engaged": engaged}, slots)
            dated += slots
        older = _always(filing.DATED + e)
        yield _row(name, {"tenure": "90d+", "engaged": engaged}, older, dated)
        unknown = _always(filing.UNDATED + e)
        yield _row(name, {"tenure": "unknown", "engaged": engaged}, unknown)


def _stages() -> Iterator[Row]:
    nobody: Slots = ()
    for f, following in enumerate(_NO_YES):
        connections = _distinct(filing.CONNECTION + f, _HORIZON)
        repliers = _distinct(filing.REPLIER + f, _HORIZON)
        active = _distinct(filing.ACTIVE + f, _HORIZON)
        engaged = _followers(1) if f else _always(filing.VISITOR)
        passive = _followers(0) if f else nobody
        for stage, plus, minus in (
            ("connection", connections, nobody),
            ("conversation", repliers, connections),
            ("fan", active, repliers),
            ("lapsed", engaged, active),
            ("passive", passive, nobody),
        ):
            yield _row("relationships", {"stage": stage, "following": following}, plus, minus)


_ROWS = tuple(_table())
_SUMS = [(plus, minus) for _, plus, minus in _ROWS]

SERIES: Final[tuple[Series, ...]] = tuple([series for series, _, _ in _ROWS])
"""Every gauge of an account, in the order of the table of metrics."""
