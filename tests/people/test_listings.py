"""Who is on which list, and in which order: by hand, and against a naive recount of any world."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import product

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from streams import export, people
from streams.core.time import HOUR_MS
from streams.people import LISTINGS, Person
from tests.model import worlds as model
from tests.model.recount import DIRECTIONS, KINDS, Recount, Relation, day, happened, hour
from tests.people.worlds import NOW, after, changelog_after, events

DEPTH = 1344
WEIGHTS = {"like": 1.0, "share": 2.0, "reply": 4.0}


def members(found: list[Person]) -> list[str]:
    return [person.member for person in found]


# --- worlds with known answers ---


def test_awaiting_are_those_whose_last_reply_is_not_answered_and_who_waited_longest_first() -> None:
    changelog = after(
        """
        answered: reply in 50h, reply out 40h
        brief: reply in 60h, reply out 50h, reply in 3h
        eager: reply in 300h, reply in 2h
        gone: reply in 672h
        last-day: reply in 671h
        liker: like in 5h
        steady: reply in 20h
        """
    )
    assert members(people.awaiting(changelog, NOW)) == ["last-day", "eager", "steady", "brief"]


@pytest.mark.parametrize(
    ("silent", "listed"),
    [
        (167, False),  # this week
        (168, True),
        (671, True),
        (672, False),  # lapsed
    ],
)
def test_cooling_is_silent_for_7_to_28_days(silent: int, listed: bool) -> None:
    """In whole hours: from 168, below 672."""
    changelog = after(f"ada: 5 reply in {silent}h\nben: like in 1h")
    assert members(people.cooling(changelog, NOW)) == ["ada"] * listed


@pytest.mark.parametrize(
    ("likes", "listed"),
    [
        ((5,), "a"),  # alone: there is nobody to be weaker
        ((5, 4), "a"),
        ((5, 4, 3), "a"),
        ((5, 4, 3, 2), "a"),  # b is stronger than two of three others
        ((5, 4, 3, 2, 1), "ab"),  # b is stronger than three of four
        ((9, 8, 7, 6, 5, 4, 3, 2, 1), "abc"),
        ((2, 2, 1, 1, 1, 1, 1, 1, 1), "ab"),
        ((1, 1, 1, 1), ""),  # all alike: nobody stands out
        ((3, 3, 1, 1), ""),  # each is stronger than two of three
    ],
)
def test_cooling_is_stronger_than_three_quarters_of_the_others(
    likes: tuple[int, ...], listed: str
) -> None:
    story = "\n".join(
        f"{name}: {n} like in 200h" for name, n in zip("abcdefghi", likes, strict=False)
    )
    assert members(people.cooling(after(story), NOW)) == list(listed)


def test_cooling_compares_what_each_was_when_last_heard() -> None:
    """Neither what we did later nor that others were heard more recently counts."""
    changelog = after(
        """
        courted: like in 200h, 60 reply out 100h
        dear: 4 reply in 600h
        fresh: 3 reply in 1h
        long-gone: 2 reply in 5000h
        """
    )
    assert members(people.cooling(changelog, NOW)) == ["dear"]


def test_many_answers_to_one_who_is_gone_for_long_do_not_make_them_strong() -> None:
    """More of them than anybody remembers: they must not push others out of the top quartile."""
    courted = "courted: like in 3000h" + "".join(
        f", like out {hours}h" for hours in range(2900, 100, -20)
    )
    changelog = after(f"{courted}\nada: 2 reply in 200h\nben: like in 200h")
    assert members(people.cooling(changelog, NOW)) == ["ada"]


def test_promising_followed_within_28_days_and_engaged_since() -> None:
    """The strongest first."""
    changelog = after(
        """
        before: like in 300h, follow in 200h
        hollow: follow in 200h
        keen: follow in 200h, reply in 100h
        late: follow in 672h, reply in 1h
        left: follow in 200h, reply in 100h, unfollow in 50h
        mild: follow in 671h, like in 100h
        old-friend: seeded in 200h, reply in 100h
        visitor: reply in 1h
        """
    )
    assert members(people.promising(changelog, NOW)) == ["keen", "mild"]


def test_connections_are_those_of_the_stage_and_the_strongest_comes_first() -> None:
    changelog = after(
        """
        close: 3 reply in 100h, 3 reply out 50h
        closer: 9 reply in 100h, reply out 50h
        one-day: reply in 5h, reply out 4h
        unanswered: reply in 100h, reply in 50h
        """
    )
    assert members(people.connections(changelog, NOW)) == ["closer", "close"]


def test_hollow_are_the_passive_and_the_latest_follow_comes_first() -> None:
    """Who was there before we looked comes last; who wrote once is no longer hollow."""
    changelog = after(
        """
        always: seeded in 100h
        engaged: follow in 10h, like in 2000h
        greeted: follow in 300h, reply out 299h
        new: follow in 1h
        old: follow in 5000h
        """
    )
    assert members(people.hollow(changelog, NOW)) == ["new", "greeted", "old", "always"]


@pytest.mark.parametrize("name", LISTINGS)
def test_equals_come_by_member_id_whatever_the_order_of_arrival(name: str) -> None:
    story = [
        f"{member}: follow in 300h, {clauses}"
        for member, clauses in {
            "zoe": "reply in 200h",
            "ann": "reply in 200h",
            "Bob": "reply in 200h",
            "liz": "reply in 200h, reply out 100h",
            "kim": "reply in 200h, reply out 100h",
        }.items()
    ]
    story += ["zac: follow in 300h", "al: follow in 300h"]
    story += [f"weak-{i:02}: like in 200h" for i in range(40)]
    lists = [
        members(LISTINGS[name].find(after("\n".join(told)), NOW)) for told in (story, story[::-1])
    ]
    assert lists[0] == lists[1]
    assert len(lists[0]) > 1


def test_each_account_has_its_own_list_and_its_own_quartile() -> None:
    """One list after the other, by account id; an account is its whole id."""
    changelog = changelog_after(
        [
            *events("big: 50 reply in 300h\nbigger: 60 reply in 300h", "acme"),
            *events("small: reply in 300h", "acme-two"),
        ]
    )
    everywhere = [(p.account, p.member) for p in people.cooling(changelog, NOW)]
    assert everywhere == [("acme", "bigger"), ("acme-two", "small")]
    assert members(people.awaiting(changelog, NOW, "acme")) == ["big", "bigger"]
    assert members(people.awaiting(changelog, NOW, "acm")) == []


@pytest.mark.parametrize("name", LISTINGS)
def test_the_ignored_are_on_no_list(name: str) -> None:
    """And count in no quartile, as if they had been ignored from the start."""
    story = """
        boss: follow in 400h, 9 reply in 300h, reply in 270h, reply out 200h
        hidden: follow in 400h
        ada: follow in 400h, 5 reply in 300h, reply in 260h, reply out 270h
        ben: follow in 400h
        """
    kept = "\n".join(line for line in story.splitlines() if line.strip()[:3] in {"ada", "ben"})
    ignored = frozenset({"boss", "hidden"})
    left = LISTINGS[name].find(after(story), NOW, ignored=ignored)
    assert members(left) == members(LISTINGS[name].find(after(kept), NOW))
    assert left


# --- any world ---


def awaiting(known: dict[str, Relation], clock: int) -> list[tuple[object, ...]]:
    found = []
    for member, relation in known.items():
        ours = max(relation.times("outbound", "reply"), default=-1)
        theirs = [t for t in relation.times("inbound", "reply") if happened([t], clock, 672)]
        if theirs and max(relation.times("inbound", "reply")) > ours:
            found.append((min(t for t in theirs if t > ours), member))
    return found


def cooling(known: dict[str, Relation], clock: int) -> list[tuple[object, ...]]:
    then = {
        member: round(strength_at(relation, max(relation.times("inbound"))), 9)
        for member, relation in known.items()
        if relation.times("inbound")
    }
    found = []
    for member, strength in then.items():
        others = [other for name, other in then.items() if name != member]
        weaker = sum(other < strength for other in others)
        silent = clock - hour(max(known[member].times("inbound")))
        if 168 <= silent < 672 and weaker >= 0.75 * len(others):
            found.append((-strength, member))
    return found


def promising(known: dict[str, Relation], clock: int) -> list[tuple[object, ...]]:
    return [
        (-round(relation.strength(clock, WEIGHTS, 14.0), 9), member)
        for member, relation in known.items()
        if relation.followed_at is not None
        and happened([relation.followed_at], clock, 672)
        and max(relation.times("inbound"), default=-1) >= relation.followed_at
    ]


def connections(known: dict[str, Relation], clock: int) -> list[tuple[object, ...]]:
    return [
        (-round(relation.strength(clock, WEIGHTS, 14.0), 9), member)
        for member, relation in known.items()
        if relation.stage(clock) == "connection"
    ]


def hollow(known: dict[str, Relation], clock: int) -> list[tuple[object, ...]]:
    return [
        (math.inf if relation.followed_at is None else -relation.followed_at, member)
        for member, relation in known.items()
        if relation.following and not relation.times("inbound")
    ]


NAIVE: dict[str, Callable[[dict[str, Relation], int], list[tuple[object, ...]]]] = {
    "awaiting": awaiting,
    "cooling": cooling,
    "promising": promising,
    "connections": connections,
    "hollow": hollow,
}


def strength_at(relation: Relation, last: int) -> float:
    return math.fsum(
        WEIGHTS[kind] * 2 ** (-(day(last) - day(t)) / 14.0)
        for kind, direction in product(KINDS, DIRECTIONS)
        for t in relation.times(direction, kind)
        if hour(t) <= hour(last)
    )


def evicted(relation: Relation) -> list[int]:
    return [t for times in relation.evicted.values() for t in times]


def told_apart(relation: Relation, clock: int) -> bool:
    """Is all that was evicted from before the member's last interaction, or known by the hour?"""
    last = max(relation.times("inbound"), default=math.inf)
    return max(evicted(relation), default=-1) <= last or last > (clock - DEPTH + 1) * HOUR_MS


@given(story=model.moves(), later=st.sampled_from(model.EDGES))
def test_each_list_is_what_a_naive_recount_finds(story: list[model.Move], later: int) -> None:
    told = list(model.tell(story))
    counted = Recount().read_all(told)
    clock = counted.clock + later
    changelog = changelog_after(told, 0)
    assume(all(told_apart(relation, clock) for relation in counted.relations.values()))
    for account in {account for account, _ in counted.relations}:
        known = {m: r for (of, m), r in counted.relations.items() if of == account}
        for name, naive in NAIVE.items():
            got = members(LISTINGS[name].find(changelog, clock, account))
            want = [ranked[-1] for ranked in sorted(naive(known, clock))]
            if name == "awaiting" and any(map(evicted, known.values())):
                assert sorted(got) == sorted(want)  # what was evicted is known by the hour only
            else:
                assert got == want, name


@given(story=model.moves(), later=st.sampled_from(model.EDGES))
def test_lists_are_as_long_as_the_census_counts(story: list[model.Move], later: int) -> None:
    """Promising at most as the engaged of its tenures: some of those never spoke since."""
    told = list(model.tell(story))
    changelog = changelog_after(told, 0)
    clock = changelog.clock + later
    for document in export.census(changelog, clock):
        series, account = document["series"], document["account"]

        def total(*begins: str, of: dict[str, int] = series) -> int:
            return sum(n for name, n in of.items() if name.startswith(begins))

        stage = 'closeknit_relationships{following="%s",stage="%s"}'
        counts = {
            name: len(listing.find(changelog, clock, account)) for name, listing in LISTINGS.items()
        }
        assert counts["awaiting"] == total("closeknit_awaiting_reply")
        assert counts["connections"] == sum(
            series[stage % (following, "connection")] for following in ("yes", "no")
        )
        assert counts["hollow"] == series[stage % ("yes", "passive")]
        tenures = [
            f'closeknit_followers_by_tenure{{engaged="yes",tenure="{tenure}"}}'
            for tenure in ("0-7d", "7-28d")
        ]
        assert counts["promising"] <= sum(series[tenure] for tenure in tenures)


@given(story=model.moves(), later=st.sampled_from(model.EDGES))
def test_lists_agree_with_the_export(story: list[model.Move], later: int) -> None:
    """Each list holds whom the documents of an export say it holds, as far as they can tell."""
    changelog = changelog_after(model.tell(story), 0)
    clock = changelog.clock + later
    documents = list(export.relationships(changelog, clock))
    for name, holds in {
        "awaiting": lambda d: d["awaiting"],
        "connections": lambda d: d["stage"] == "connection",
        "hollow": lambda d: d["stage"] == "passive",
    }.items():
        got = {(p.account, p.member) for p in LISTINGS[name].find(changelog, clock)}
        assert got == {(d["account"], d["member"]) for d in documents if holds(d)}
