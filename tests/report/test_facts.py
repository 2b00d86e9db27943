"""Facts: this week is the census, the weeks before are the census of then, names are right."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from streams import export
from streams.core.time import DEPTH
from streams.report.facts import DAYS, WEEK, Facts, Joined, Week, accounts_in, facts
from tests.core.test_hindsight import WORLDS, recounted, story
from tests.model.worlds import random_moves, tell
from tests.people.worlds import NOW, after, changelog_after, events

KINDS = {"likes": "like", "shares": "share", "replies": "reply"}


def total(series: Mapping[str, int], family: str, **labels: str) -> int:
    """The sum of a census's series of a family with these labels, by their names alone."""
    wanted = {f'{name}="{value}"' for name, value in labels.items()}
    return sum(
        n
        for name, n in series.items()
        if name.partition("{")[0] == f"closeknit_{family}"
        and wanted <= set(re.findall(r'\w+="[^"]*"', name))
    )


def assert_is_census(week: Week, series: Mapping[str, int]) -> None:
    """Every number that a census has."""
    inbound: dict[str, Any] = {"direction": "inbound", "window": "7d"}
    expected = {
        "followers": total(series, "followers"),
        "hollow": total(series, "relationships", stage="passive"),
        "connections": total(series, "relationships", stage="connection"),
        "committed": total(series, "committed_members"),
        "waiting": total(series, "awaiting_reply"),
        "active": total(series, "active_members", window="7d"),
        "repliers": total(series, "repliers", window="7d"),
        "answered": total(series, "repliers_answered", window="7d"),
        "follows": total(series, "follows", window="7d"),
        "unfollows": total(series, "unfollows", window="7d"),
        **{name: total(series, "interactions", kind=k, **inbound) for name, k in KINDS.items()},
        "our_replies": total(
            series, "interactions", kind="reply", direction="outbound", window="7d"
        ),
        "new": total(series, "followers_by_tenure", tenure="0-7d"),
        "new_engaged": total(series, "followers_by_tenure", tenure="0-7d", engaged="yes"),
    }
    assert {name: getattr(week, name) for name in expected} == expected


@pytest.mark.parametrize("seed", range(6))
def test_this_week_is_the_census_of_now(seed: int) -> None:
    """Any world; so it agrees with the metrics and with `closeknit export --census`."""
    changelog = changelog_after(tell(random_moves(seed)), clock=-1)
    censuses = {d["account"]: d["series"] for d in export.census(changelog, changelog.clock)}
    found = facts(changelog)
    assert [one.account for one in found] == sorted(censuses)
    for one in found:
        assert_is_census(one.now, censuses[one.account])


@pytest.mark.parametrize("seed", range(6))
def test_what_happened_by_day_is_what_the_census_counts_by_week(seed: int) -> None:
    """Also in the weeks that it calls previous."""
    changelog = changelog_after(tell(random_moves(seed)), clock=-1)
    for document, found in zip(
        export.census(changelog, changelog.clock), facts(changelog), strict=True
    ):
        replies, follows = found.by_week("replies"), found.by_week("follows")
        inbound = {"kind": "reply", "direction": "inbound", "window": "7d"}
        for weeks in (1, 2, 3, 4):
            ago = {"window": "7d", "ago": f"{7 * weeks}d"}
            series = document["series"]
            assert replies[-1 - weeks] == total(
                series, "interactions_previous", **{**inbound, **ago}
            )
            assert follows[-1 - weeks] == total(series, "follows_previous", **ago)
        assert sum(found.by_day["follows"][-28:-14]) == sum(follows[-4:-2])


@pytest.mark.parametrize("world", [WORLDS[0], WORLDS[5], WORLDS[15]], ids=str)
def test_an_earlier_week_is_the_census_of_then(world: tuple[int, int, int, int]) -> None:
    """As one would have counted it who was told nothing later."""
    told = story(*world)
    (found,) = facts(changelog_after(told, clock=-1))
    assert len(found.weeks) == 5
    for week in found.weeks[-4:]:
        (document,) = recounted(told, week.clock).census(week.clock)
        assert_is_census(week, document["series"])


STORY = """
ada: seeded in 1340h, 3 reply in 200h, reply out 190h, reply in 100h, reply out 90h
ben: reply in 400h, reply out 390h, reply in 370h, reply out 360h, reply in 300h
cleo: reply in 800h, reply out 790h, reply in 770h, reply out 760h
dario: follow in 1000h, reply in 160h
edda: follow in 160h, like in 150h, reply in 20h
finn: follow in 600h, unfollow in 10h
greta: follow in 700h, like in 690h, unfollow in 680h
hugo: like in 1343h
"""
#  ada became a connection 100 h ago; ben has been one for long; cleo ceased to be one at 768 - 672
#  hours; edda is new, engaged, replied, waits; dario waits; finn left; greta came and left before


@pytest.fixture(scope="module")
def acme() -> Facts:
    (found,) = facts(after(STORY))
    return found


def test_who_became_a_connection_and_who_ceased_to_be_one_is_told_by_name(acme: Facts) -> None:
    assert [person.member for person in acme.became] == ["ada"]
    assert [person.member for person in acme.ceased] == ["cleo"]
    assert acme.ceased[0].why.startswith("2 replies on 2 days; you replied twice; last heard 32 d")


def test_who_waits_is_told_by_name_the_longest_first(acme: Facts) -> None:
    assert [person.member for person in acme.awaiting] == ["ben", "dario", "edda"]
    assert [person.member for person in acme.promising] == ["edda"]
    assert len(acme.awaiting) == acme.now.waiting


def test_what_became_of_those_who_followed(acme: Facts) -> None:
    """In 28 days, and in the 28 days before: as it was at their end."""
    assert acme.joined == Joined(came=2, left=1, engaged=1, spoke=1)  # edda, finn
    assert acme.joined_before == Joined(came=2, left=1, engaged=1, spoke=0)  # dario, greta
    assert (acme.now.new, acme.now.new_engaged, acme.now.new_spoke) == (1, 1, 1)
    assert acme.before is not None
    assert (acme.before.new, acme.before.new_spoke) == (0, 0)


def test_the_weeks_tell_how_it_went(acme: Facts) -> None:
    assert [week.followers for week in acme.weeks] == [2, 3, 3, 3, 3]
    assert [week.connections for week in acme.weeks] == [1, 1, 2, 2, 2]
    assert acme.by_week("replies") == (0, 0, 0, 2, 0, 2, 4, 3)
    assert len(acme.by_day["replies"]) == DAYS


def test_a_week_that_is_not_known_as_a_whole_is_none() -> None:
    """The account was first heard of ten days ago: the week before has a hole in it."""
    (found,) = facts(after("ada: like in 240h, reply in 10h"))
    assert (len(found.weeks), found.before, found.joined_before) == (1, None, None)
    (found,) = facts(after(f"ada: like in {2 * WEEK - 24}h, reply in 10h"))
    assert len(found.weeks) == 2


def test_one_event_that_comes_weeks_late_makes_no_account_weeks_older() -> None:
    """Else its first weeks would be compared with weeks of nothing."""
    hundred = [event for n in range(100) for event in events(f"m{n}: like in 240h")]
    (found,) = facts(changelog_after([*hundred, *events("late: like in 1000h")]))
    assert found.before is None


def test_ignored_members_are_counted_and_never_named() -> None:
    """Also those ignored after the fact: the census has them, a list must not."""
    (everybody,) = facts(after(STORY))
    (fewer,) = facts(after(STORY), ignored=frozenset({"ada", "cleo", "edda"}))
    assert fewer.weeks == everybody.weeks
    assert fewer.joined == everybody.joined
    lists = (fewer.became, fewer.ceased, fewer.awaiting, fewer.promising, fewer.cooling)
    named = {person.member for people in lists for person in people}
    assert named == {"ben", "dario"}


def test_only_the_accounts_asked_for_known_or_not() -> None:
    """One of which nothing is known is all zeros."""
    changelog = changelog_after([*events(STORY), *events("ada: like in 3h", "acme-two")])
    assert accounts_in(changelog) == {"acme", "acme-two"}
    found = facts(changelog, accounts=["nobody", "acme-two"])
    assert [one.account for one in found] == ["acme-two", "nobody"]
    assert (found[0].now.likes, found[0].now.followers) == (1, 0)
    nobody = found[1]
    assert (nobody.since, nobody.weeks) == (None, (nobody.now,))
    assert set(nobody.now[1:]) == {0}
    assert facts(after("")) == []


def test_a_later_clock_ages_everything() -> None:
    (found,) = facts(after(STORY), NOW + DEPTH)
    assert found.now.connections == found.now.waiting == found.now.active == 0
    assert found.now.followers == 3
