"""Each scenario does what its label says: seen in the census, and meant by its course."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from streams.core.time import DAY_MS, format_ms, parse_at
from streams.synthetic import SCENARIOS, Cast, Label, World, course, events, labels
from streams.synthetic.rhythm import WEEK, weekday
from tests.synthetic.census import MONDAY, Midnight, alone, midnights

WEEKLY = 800

FALLS, HOLDS, RISES = (0.0, 0.7), (0.65, 1.5), (1.3, 99.0)


class Claim(NamedTuple):
    """What the census shows so many days after the turn, against the week before it."""

    scenario: str
    days: int
    replies: tuple[float, float]
    follows: tuple[float, float]


CLAIMS = (
    Claim("organic", 60, HOLDS, HOLDS),
    Claim("conversation", 60, HOLDS, HOLDS),
    Claim("megaphone", 60, HOLDS, HOLDS),
    Claim("owner-stops-answering", 24, FALLS, HOLDS),
    Claim("begging", 7, FALLS, RISES),
    Claim("begging", 14, FALLS, RISES),
    Claim("bought", 3, HOLDS, RISES),
    Claim("bought", 10, HOLDS, HOLDS),
    Claim("viral", 7, RISES, RISES),
    Claim("quiet-fortnight", 10, FALLS, FALLS),
    Claim("holiday", 15, FALLS, FALLS),
    Claim("holiday", 29, HOLDS, HOLDS),
    Claim("slow-decline", 39, FALLS, (1.05, 2.0)),
    Claim("source-outage", 5, FALLS, RISES),
    Claim("source-outage", 13, HOLDS, HOLDS),
    Claim("odd-week", 7, RISES, FALLS),
    Claim("odd-week", 14, HOLDS, HOLDS),
    Claim("both-rise", 30, RISES, RISES),
)
_SEEDS = (0, 1)


def turn_of(scenario: str, seed: int) -> int:
    """The turn; where there is none, the end of the first week."""
    world = alone(scenario, seed=seed)
    return world.turn(world.accounts[0]) or 7


def seen(scenario: str, seed: int) -> dict[int, Midnight]:
    """An account at the end of the days that are claimed about, by days after the turn."""
    turn = turn_of(scenario, seed)
    after = sorted({0} | {claim.days for claim in CLAIMS if claim.scenario == scenario})
    world = alone(scenario, seed=seed, weekly=WEEKLY)
    days = [turn - 1 + days for days in after]
    found = midnights(world, days)
    return {since: day[scenario] for since, day in zip(after, found, strict=True)}


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_census_shows_what_the_scenario_says(scenario: str) -> None:
    """Replies and follows of a week, as a ratio to the week before the turn; of two seeds."""
    found = [seen(scenario, seed) for seed in _SEEDS]
    claims = [claim for claim in CLAIMS if claim.scenario == scenario]
    assert claims
    for _, days, (least, most), (fewest, greatest) in claims:
        replies = sum(one[days].replies for one in found) / sum(one[0].replies for one in found)
        follows = sum(one[days].follows for one in found) / sum(one[0].follows for one in found)
        assert least <= replies <= most, days
        assert fewest <= follows <= greatest, days


def test_steady_accounts_hardly_ever_look_like_an_alert() -> None:
    """20 seeds, every midnight since there are four weeks to compare with."""
    both = either = days = 0
    for seed in range(20):
        world = alone("organic", seed=seed, weekly=350, days=56)
        for day in midnights(world, range(35, 56)):
            days += 1
            falls, rises = day["organic"].replies_fall, day["organic"].follows_rise
            either += falls or rises
            both += falls and rises
    assert both == 0
    assert either < 0.05 * days


def test_an_audience_neither_dies_nor_explodes_by_itself() -> None:
    """Once the windows are full, as many are active, talk and are connected as weeks before."""
    first, last = midnights(alone("organic", weekly=WEEKLY), (34, 69))
    for family, labels_ in (
        ("active_members", {"window": "28d"}),
        ("repliers", {"window": "28d"}),
        ("relationships", {"stage": "connection"}),
        ("committed_members", {}),
    ):
        before, after = (day["organic"].total(family, **labels_) for day in (first, last))
        assert 0.75 * before < after < 1.4 * before, family
        assert after > 20, family
    assert last["organic"].total("relationships", stage="lapsed") > 100


def test_who_answers_has_connections_and_who_never_does_has_none() -> None:
    def share(scenario: str) -> float:
        (end,) = midnights(alone(scenario, weekly=400, days=35), {34})
        connections = end[scenario].total("relationships", stage="connection")
        return connections / end[scenario].total("active_members", window="28d")

    assert share("megaphone") == 0
    assert share("conversation") > 0.2 > share("organic") > 0.05


def test_bought_followers_stay_hollow_and_begin_to_leave() -> None:
    turn = turn_of("bought", 0)
    before, after = midnights(alone("bought", weekly=WEEKLY), (turn + 2, turn + 14))
    new = after["bought"].total("followers_by_tenure", tenure="7-28d")
    assert after["bought"].total("followers_by_tenure", tenure="7-28d", engaged="no") > 0.8 * new
    assert after["bought"].total("unfollows", window="28d") > 100
    assert before["bought"].total("followers") > after["bought"].total("followers")


# --- labels -----------------------------------------------------------------------------------


def everything(seed: int = 1, days: int = 70) -> World:
    return World(seed, MONDAY, days, tuple(Cast(n, n, "", n, WEEKLY) for n in SCENARIOS))


@pytest.mark.parametrize("days", [1, 14, 70, 200])
def test_labels_lie_within_the_world_in_order_and_apart(days: int) -> None:
    world = everything(days=days)
    last: dict[str, str] = {}
    for label in labels(world):
        assert format_ms(world.start) <= label.since < label.until <= format_ms(world.end)
        assert last.get(label.account, "") <= label.since
        assert label.scenario == label.account
        last[label.account] = label.until


def test_every_scenario_has_labels_in_a_world_of_ten_weeks() -> None:
    found = labels(everything())
    assert {label.scenario for label in found} == set(SCENARIOS)
    assert {label.scenario for label in found if label.diverges} == {"begging", "slow-decline"}


def test_turns_differ_by_seed_so_that_they_fall_on_every_weekday() -> None:
    turns = {turn_of("begging", seed) % 7 for seed in range(40)}
    assert len(turns) == 7


def meant(label: Label, world: World) -> tuple[float, float]:
    """Replies and follows of the last week of a label (of 4 at most), against that before it."""
    (cast,) = (cast for cast in world.accounts if cast.id == label.account)
    days = course(world, cast)
    since, until = ((parse_at(t) - world.start) // DAY_MS for t in (label.since, label.until))
    until = min(until, since + 28)
    after, before = days[max(since, until - 7) : until], days[since - 7 : since]
    after, before = after[-len(before) :], before[-len(after) :]
    return (
        sum(day.replies for day in after) / sum(day.replies for day in before),
        sum(day.follows for day in after) / sum(day.follows for day in before),
    )


def test_diverges_is_said_exactly_where_replies_fall_while_follows_rise() -> None:
    """By what is meant to happen, before chance and before a source fails."""
    world = everything()
    for label in labels(world):
        if label.since == format_ms(world.start):
            assert not label.diverges  # nothing happens from the first day on
            continue
        replies, follows = meant(label, world)
        assert label.diverges == (replies < 0.8 and follows > 1.2), (label, replies, follows)


def test_a_gradual_phase_goes_all_the_way_and_no_further() -> None:
    world = everything()
    (cast,) = (cast for cast in world.accounts if cast.id == "slow-decline")
    turn = world.turn(cast)
    days = course(world, cast)
    weeks = [sum(day.replies for day in days[d : d + 7]) for d in range(turn - 7, 63, 7)]
    assert weeks == sorted(weeks, reverse=True)
    replies = 0.28 * WEEKLY
    assert weeks[0] == pytest.approx(replies)
    assert weeks[-1] == pytest.approx(0.51 * replies, abs=0.02 * replies)


def test_a_gradual_phase_sets_out_from_where_the_last_one_ended() -> None:
    """A holiday ends day by day, and so does the fame of a post: nothing jumps back."""
    world = everything()
    for name, since, until in (("holiday", 0, 24), ("viral", 3, 13)):
        (cast,) = (cast for cast in world.accounts if cast.id == name)
        turn, days = world.turn(cast), course(world, cast)
        lively = [
            day.replies / WEEK[weekday(world.start + number * DAY_MS)]
            for number, day in enumerate(days)
        ]
        for number in range(turn + since, turn + until):
            assert 0.65 < lively[number] / lively[number - 1] < 1.25, (name, number - turn)


@pytest.mark.parametrize("scenario", ["organic", "conversation"])
def test_who_is_answered_and_returns_is_counted_in(scenario: str) -> None:
    """So many replies as the habits say, whether they begin a thread or go on with one."""
    world = alone(scenario, weekly=2000, days=42)
    found = sum(
        event.kind == "reply" and event.direction == "inbound" and event.op == "add"
        for event in events(world)
    )
    wanted = SCENARIOS[scenario].habits.replies * 2000 * 6
    assert 0.9 * wanted < found < 1.1 * wanted
