"""What a report states: an account this week beside the weeks before, in people and in names.

Pure over a changelog. The numbers of this week are those of the census at the same clock; those of
earlier weeks are the census of every relationship as it stood then (`core.hindsight`), exact for
the three weeks before and, but for days half forgotten, for the fourth. What happens by the hour
(follows, interactions) is exact for eight weeks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from streams import people
from streams.changelog import Changelog
from streams.core import cells, filing, kinds, series
from streams.core.hindsight import as_it_stood
from streams.core.placement import account_of
from streams.core.relationship import Relationship, Strength
from streams.core.time import DEPTH, HORIZON, hour_of
from streams.people import Person, why

WEEK: Final = 168
"""Hours of the week that a report is about."""

WEEKS_BACK: Final = 4
"""Earlier weeks for which a report knows how many followers and connections there were."""

DAYS: Final = DEPTH // 24
"""Days for which it knows what happened."""


class Week(NamedTuple):
    """An account at a clock (an hour), and what happened in the 7 days up to it.

    Attributes:
        clock: the last hour of the week.
        followers: members following.
        hollow: of these, who never engaged.
        connections: members in that stage.
        committed: active on four days of the last 28, and repliers in them.
        waiting: members waiting for our answer.
        active: members who liked, shared or replied in the week.
        repliers: members who replied in the week.
        answered: of these, who have our answer.
        follows: follows that started in the week.
        unfollows: follows that ended in the week.
        likes: by members, in the week.
        shares: likewise.
        replies: likewise.
        our_replies: by the account, in the week.
        new: followers of less than 7 days.
        new_engaged: of these, who ever engaged.
        new_spoke: of these, who ever replied.
    """

    clock: int
    followers: int
    hollow: int
    connections: int
    committed: int
    waiting: int
    active: int
    repliers: int
    answered: int
    follows: int
    unfollows: int
    likes: int
    shares: int
    replies: int
    our_replies: int
    new: int
    new_engaged: int
    new_spoke: int

    @property
    def hollow_share(self) -> float | None:
        """Of the followers, those who never engaged; None without followers."""
        return share(self.hollow, self.followers)

    @property
    def answered_share(self) -> float | None:
        """Of those who replied in the week, those who have our answer; None if nobody did."""
        return share(self.answered, self.repliers)


class Joined(NamedTuple):
    """Members who followed in 28 days up to some clock, and what became of them by then."""

    came: int = 0
    left: int = 0
    engaged: int = 0
    spoke: int = 0


class Facts(NamedTuple):
    """All that a report states of one account.

    Attributes:
        account: its id.
        clock: the hour at which the tables stand.
        since: the hour by which the first in a hundred relationships was there; None: nothing
            happened yet. An event that arrives weeks late makes no account weeks older.
        weeks: this week last; before it those of the four before it that are known as a whole.
        joined: who followed in the last 28 days; before that, in the 28 days before.
        by_day: what happened in each of the last 56 times 24 hours, the latest last: follows,
            unfollows, replies, our_replies, likes, shares.
        became: connections that were none a week ago, the strongest first.
        ceased: connections of a week ago that are none now, the strongest first.
        awaiting: members waiting for our answer, the longest first.
        promising: recent followers who engage, the strongest first.
        cooling: strong relationships gone silent, the strongest first.
    """

    account: str
    clock: int
    since: int | None
    weeks: tuple[Week, ...]
    joined: Joined
    joined_before: Joined | None
    by_day: Mapping[str, tuple[int, ...]]
    became: tuple[Person, ...] = ()
    ceased: tuple[Person, ...] = ()
    awaiting: tuple[Person, ...] = ()
    promising: tuple[Person, ...] = ()
    cooling: tuple[Person, ...] = ()

    @property
    def now(self) -> Week:
        """This week."""
        return self.weeks[-1]

    @property
    def before(self) -> Week | None:
        """The week before; None if it is not known as a whole."""
        return self.weeks[-2] if len(self.weeks) > 1 else None

    def known(self, hours: int) -> bool:
        """Whether so many hours up to now are known, but for a few of the first day."""
        return self.since is not None and self.since <= self.clock - hours + 24

    def by_week(self, what: str) -> tuple[int, ...]:
        """`by_day`, summed up to weeks."""
        days = self.by_day[what]
        return tuple(sum(days[first : first + 7]) for first in range(0, DAYS, 7))


def share(part: int, whole: int) -> float | None:
    """Return the part of the whole, or None of nothing."""
    return part / whole if whole else None


def accounts_in(changelog: Changelog) -> set[str]:
    """Return every account that the tables know."""
    return set(map(account_of, changelog.values))


def facts(
    changelog: Changelog,
    clock: int | None = None,
    accounts: Collection[str] | None = None,
    ignored: Collection[str] = (),
) -> list[Facts]:
    """State what is so of every account, or of those named, in the order of their ids.

    Args:
        changelog: the tables.
        clock: the hour at which to look at them, not before their own; default: their own.
        accounts: only these, known or not.
        ignored: members who are counted like any other but never named.

    Raises:
        CorruptValue: a value that we did not write.
    """
    clock = changelog.clock if clock is None else clock
    chosen = accounts_in(changelog) if accounts is None else set(accounts)
    values = {key: value for key, value in changelog.values.items() if account_of(key) in chosen}
    changelog = changelog._replace(values=values)
    counted = {account: _Account(clock) for account in sorted(chosen)}
    strength = changelog.strength
    for key, value in values.items():
        counted[account_of(key)].count(key, value, strength)
    awaiting, promising, cooling = (
        people.by_account(find(changelog, clock, None, ignored))
        for find in (people.awaiting, people.promising, people.cooling)
    )
    return [
        account.facts(id, ignored)._replace(
            awaiting=tuple(awaiting.get(id, ())),
            promising=tuple(promising.get(id, ())),
            cooling=tuple(cooling.get(id, ())),
        )
        for id, account in counted.items()
    ]


class _Account:
    """One account, being counted: at the clock, and at the same hour of the weeks before."""

    def __init__(self, clock: int) -> None:
        self.clocks = [clock - WEEK * weeks for weeks in range(WEEKS_BACK + 1)]
        self.first: list[int] = []  # the hour in which each relationship began
        self.happened: filing.Moves = {}  # by hour, now; that is the same at every clock
        self.filed: list[filing.Moves] = [{} for _ in self.clocks]
        self.spoke: Counter[int] = Counter()  # new followers who ever replied, by clock
        self.joined: dict[int, Counter[str]] = {c: Counter() for c in self.clocks[::WEEKS_BACK]}
        self.became: list[tuple[float, Person]] = []
        self.ceased: list[tuple[float, Person]] = []

    def count(self, key: bytes, value: bytes, strength: Strength) -> None:
        """Count a relationship."""
        relationship = Relationship.unpack(value)
        filing.recount(self.happened, value)
        hours = _hours(relationship)
        if hours:
            self.first.append(min(hours))
        places: Sequence[int] = ()
        connected = [False, False]
        for ago, clock in enumerate(self.clocks):
            if clock < min(hours, default=clock) and not _seeded(relationship):
                break  # it was not there yet
            then = relationship
            if clock < max(hours, default=clock):
                then = as_it_stood(relationship, clock, strength)
                places = filing.filing(then.pack())
            elif not places:
                places = filing.filing(value)
            filed = self.filed[ago]
            for place in places:
                filed[place] = filed.get(place, 0) + 1
            hour_in = {place % filing.RINGS: place // filing.RINGS for place in places}
            self._count_followers(then, hour_in, clock)
            if ago < 2:
                connected[ago] = _last(hour_in, filing.CONNECTION) > clock - HORIZON
        if connected[0] != connected[1]:
            account, _, member = key.decode().partition(" ")
            now, last = self.clocks[0], relationship.last_inbound_at or 0
            person = Person(account, member, relationship, why.heard_of(relationship, last, now))
            rank = -round(relationship.strength(now, strength), 9)
            (self.became if connected[0] else self.ceased).append((rank, person))

    def _count_followers(self, then: Relationship, hour_in: Mapping[int, int], clock: int) -> None:
        starts = list(_starts(then))
        if not starts:
            return
        spoke = _last(hour_in, filing.REPLIER) >= 0
        if clock in self.joined and any(clock - HORIZON < hour for hour in starts):
            joined = self.joined[clock]
            joined["came"] += 1
            joined["left"] += not then.following
            joined["engaged"] += _last(hour_in, filing.ACTIVE) >= 0
            joined["spoke"] += spoke
        if then.followed_at is not None and hour_of(then.followed_at) > clock - WEEK:
            self.spoke[clock] += spoke

    def facts(self, account: str, ignored: Collection[str]) -> Facts:
        """What has been counted; the lists of `people` are still missing."""
        weeks = [
            _week(clock, self.happened, filed, self.spoke[clock])
            for clock, filed in zip(self.clocks, self.filed, strict=True)
        ]
        found = Facts(
            account,
            self.clocks[0],
            sorted(self.first)[len(self.first) // 100] if self.first else None,
            tuple(reversed(weeks)),
            Joined(**self.joined[self.clocks[0]]),
            Joined(**self.joined[self.clocks[-1]]),
            by_day=_by_day(self.happened, self.clocks[0]),
            became=_named(self.became, ignored),
            ceased=_named(self.ceased, ignored),
        )
        known = 1 + sum(found.known(WEEK * (ago + 1)) for ago in range(1, WEEKS_BACK + 1))
        joined_before = found.joined_before if found.known(2 * HORIZON) else None
        return found._replace(weeks=found.weeks[-known:], joined_before=joined_before)


def _last(hour_in: Mapping[int, int], pair: int) -> int:
    """The hour at which a relationship is filed in a pair of rings; -1: it is not."""
    return max(hour_in.get(pair, -1), hour_in.get(pair + 1, -1))


def _hours(relationship: Relationship) -> list[int]:
    """The hours of all that is remembered; what lies between first and last may be missing."""
    hours = [hour for hour, _, _ in cells.each(relationship.cells)]
    hours += _starts(relationship)
    times = (
        *(relationship.first_inbound_at, relationship.last_inbound_at),
        *(relationship.first_outbound_at, relationship.last_outbound_at),
    )
    return [*hours, *(hour_of(at) for at in times if at is not None)]


def _seeded(relationship: Relationship) -> bool:
    """Whether it may be older than anything that is remembered of it."""
    if relationship.following and relationship.followed_at is None:
        return True
    return any(thing == cells.ENDED for _, thing, _ in cells.each(relationship.cells))


def _starts(relationship: Relationship) -> Iterator[int]:
    if relationship.followed_at is not None:
        yield hour_of(relationship.followed_at)
    for hour, thing, _ in cells.each(relationship.cells):
        if thing == cells.STARTED:
            yield hour


def _named(ranked: list[tuple[float, Person]], ignored: Collection[str]) -> tuple[Person, ...]:
    ranked.sort(key=lambda each: (each[0], each[1].member))
    return tuple(person for _, person in ranked if person.member not in ignored)


_RINGS = {
    "follows": filing.STARTS,
    "unfollows": filing.ENDS,
    "replies": kinds.REPLY_IN,
    "our_replies": kinds.REPLY_OUT,
    "likes": kinds.LIKE_IN,
    "shares": kinds.SHARE_IN,
}


def _by_day(happened: filing.Moves, clock: int) -> dict[str, tuple[int, ...]]:
    hours = range(clock - DEPTH + 1, clock + 1)
    return {
        what: tuple(
            sum(happened.get(filing.place(hour, ring), 0) for hour in hours[day : day + 24])
            for day in range(0, DEPTH, 24)
        )
        for what, ring in _RINGS.items()
    }


def _rows(family: str, **labels: str) -> list[int]:
    """Where the series of a family with these labels are in a reading of the census."""
    wanted = labels.items()
    found = [
        row
        for row, each in enumerate(series.SERIES)
        if each.name == f"closeknit_{family}" and wanted <= dict(each.labels).items()
    ]
    assert found, (family, labels)  # noqa: S101  the table below is wrong
    return found


def _interactions(kind: str, direction: str = "inbound") -> list[int]:
    return _rows("interactions", kind=kind, direction=direction, window="7d")


_FROM_CENSUS: Final[Mapping[str, Sequence[int]]] = {
    "followers": _rows("followers"),
    "hollow": _rows("relationships", stage="passive", following="yes"),
    "connections": _rows("relationships", stage="connection"),
    "committed": _rows("committed_members"),
    "waiting": _rows("awaiting_reply"),
    "active": _rows("active_members", window="7d"),
    "repliers": _rows("repliers", window="7d"),
    "answered": _rows("repliers_answered", window="7d"),
    "follows": _rows("follows", window="7d"),
    "unfollows": _rows("unfollows", window="7d"),
    "likes": _interactions("like"),
    "shares": _interactions("share"),
    "replies": _interactions("reply"),
    "our_replies": _interactions("reply", "outbound"),
    "new": _rows("followers_by_tenure", tenure="0-7d"),
    "new_engaged": _rows("followers_by_tenure", tenure="0-7d", engaged="yes"),
}
"""Which series of the census each number of a week sums."""


def _week(clock: int, happened: filing.Moves, filed: filing.Moves, spoke: int) -> Week:
    reading = series.read({**happened, **filed}, clock)
    sums = {name: sum(reading[row] for row in rows) for name, rows in _FROM_CENSUS.items()}
    return Week(clock=clock, new_spoke=spoke, **sums)
