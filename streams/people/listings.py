"""Five lists of names, each in the order in which to go through it.

Every list is a question asked of the changelog at one clock, for all accounts or for one. People
come by account, then by rank; equal ranks by member id, so that a list never shuffles. Members on
the ignore list are left out as if they had always been on it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from operator import itemgetter
from typing import Any, Final, NamedTuple

from streams.changelog import Changelog
from streams.core.relationship import Relationship, Stage
from streams.core.time import HORIZON, WINDOWS, hour_of
from streams.people import why
from streams.people.facts import strength_when_last_heard, waiting

_NOBODY: Final[frozenset[str]] = frozenset()


class Person(NamedTuple):
    """Somebody on a list.

    Attributes:
        account: whose audience they belong to.
        member: who it is.
        relationship: all that is known of the two.
        why: what put them there, in plain words.
    """

    account: str
    member: str
    relationship: Relationship
    why: str


def awaiting(
    changelog: Changelog,
    clock: int,
    account: str | None = None,
    ignored: Collection[str] = _NOBODY,
) -> list[Person]:
    """Members waiting for our answer, the longest waiting first.

    As `Relationship.awaiting` has it: their last reply is of the last 28 days and later than our
    last one to them. They have waited since the first such reply.
    """
    found = []
    for of, member, relationship in each(changelog, account, ignored):
        if wait := waiting(relationship, clock):
            reason = why.awaiting(relationship, wait, clock)
            found.append(((of, wait.since, member), relationship, reason))
    return _people(found)


def cooling(
    changelog: Changelog,
    clock: int,
    account: str | None = None,
    ignored: Collection[str] = _NOBODY,
) -> list[Person]:
    """Strong relationships that went silent 7 to 28 days ago, what was strongest first.

    Compared is the strength that each relationship had at its member's last like, share or reply.
    In the top quartile is who was then stronger than three quarters of the others or more: all
    whom the account has ever heard from.
    """
    strength = changelog.strength
    strengths: dict[str, list[float]] = defaultdict(list)
    silent = []
    for of, member, relationship in each(changelog, account, ignored):
        last = relationship.last_inbound_at
        then = strength_when_last_heard(relationship, clock, strength)
        if last is None or then is None:
            continue
        strengths[of].append(_rank(then))
        if WINDOWS["7d"] <= clock - hour_of(last) < HORIZON:
            silent.append(((of, -_rank(then), member), relationship, last))
    for everybody in strengths.values():
        everybody.sort()
    found = []
    for rank, relationship, last in silent:
        everybody = strengths[rank[0]]
        if 4 * bisect_left(everybody, -rank[1]) >= 3 * (len(everybody) - 1):
            found.append((rank, relationship, why.heard_of(relationship, last, clock)))
    return _people(found)


def promising(
    changelog: Changelog,
    clock: int,
    account: str | None = None,
    ignored: Collection[str] = _NOBODY,
) -> list[Person]:
    """Followers of the last 28 days who have engaged since they followed, the strongest first."""
    found = []
    for of, member, relationship in each(changelog, account, ignored):
        since, last = relationship.followed_at, relationship.last_inbound_at
        if since is None or last is None or last < since or clock - hour_of(since) >= HORIZON:
            continue
        strength = _rank(relationship.strength(clock, changelog.strength))
        reason = why.promising(relationship, since, clock)
        found.append(((of, -strength, member), relationship, reason))
    return _people(found)


def connections(
    changelog: Changelog,
    clock: int,
    account: str | None = None,
    ignored: Collection[str] = _NOBODY,
) -> list[Person]:
    """Relationships of the stage connection, the strongest first."""
    found = []
    for of, member, relationship in each(changelog, account, ignored):
        last = relationship.last_inbound_at
        if last is not None and relationship.stage(clock) is Stage.CONNECTION:
            strength = _rank(relationship.strength(clock, changelog.strength))
            reason = why.heard_of(relationship, last, clock)
            found.append(((of, -strength, member), relationship, reason))
    return _people(found)


def hollow(
    changelog: Changelog,
    clock: int,
    account: str | None = None,
    ignored: Collection[str] = _NOBODY,
) -> list[Person]:
    """Followers who never engaged (stage passive), the latest follow first.

    Who came last can still be won over. Those who followed before we looked come at the end.
    """
    found = []
    for of, member, relationship in each(changelog, account, ignored):
        if relationship.stage(clock) is Stage.PASSIVE:
            since = relationship.followed_at
            rank = (of, since is None, -(since or 0), member)
            found.append((rank, relationship, why.hollow(relationship, clock)))
    return _people(found)


class Listing(NamedTuple):
    """A list.

    Attributes:
        name: what it is called.
        meaning: what it holds, in one line.
        find: who is on it: `awaiting` and those like it.
        compares: whether that hangs on the others of the account.
    """

    name: str
    meaning: str
    find: Callable[..., list[Person]]
    compares: bool = False


LISTINGS: Final[Mapping[str, Listing]] = {
    listing.name: listing
    for listing in (
        Listing("awaiting", "They wait for your answer; longest wait first.", awaiting),
        Listing("promising", "New followers who engage; strongest first.", promising),
        Listing("cooling", "Strong once, silent for 7 to 28 days; strongest first.", cooling, True),
        Listing("connections", "You talk with each other; strongest first.", connections),
        Listing("hollow", "They follow and never engaged; latest follow first.", hollow),
    )
}
"""The lists by name, the most pressing first."""


def each(
    changelog: Changelog, account: str | None = None, ignored: Collection[str] = _NOBODY
) -> Iterator[tuple[str, str, Relationship]]:
    """Every account, member and relationship, or those of one account, in no order.

    Raises:
        CorruptValue: a value that we did not write.
    """
    prefix = b"" if account is None else f"{account} ".encode()
    for key, value in changelog.values.items():
        if key.startswith(prefix):
            of, _, member = key.decode().partition(" ")
            if member not in ignored:
                yield of, member, Relationship.unpack(value)


def _rank(strength: float) -> float:
    # Evicted interactions were summed in the order in which they left: equal sums may differ in
    # their last digits, and which of two equals comes first must not hang on that.
    return round(strength, 9)


def _people(found: list[tuple[tuple[Any, ...], Relationship, str]]) -> list[Person]:
    """Sort by account, rank and member, each of which is there once."""
    found.sort(key=itemgetter(0))
    return [Person(rank[0], rank[-1], relationship, reason) for rank, relationship, reason in found]


def by_account(found: Iterable[Person]) -> dict[str, list[Person]]:
    """Return the people of a list by their account, in the order of the list."""
    people: dict[str, list[Person]] = {}
    for person in found:
        people.setdefault(person.account, []).append(person)
    return people
