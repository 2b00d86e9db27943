"""Generated events: the same everywhere, in order, valid, and like people."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections import Counter, defaultdict
from itertools import pairwise

import pytest

from schemas.events import Event, decode, encode
from streams.core.time import DAY_MS, HOUR_MS, format_ms, parse_at
from streams.sources.items import sendable
from streams.synthetic import SCENARIOS, Cast, Defects, World, deliveries, events
from streams.synthetic.people import person
from streams.synthetic.rhythm import Stamps, times, weekday
from tests.synthetic.census import MONDAY, alone

SMALL = World(
    seed=1,
    first_day=MONDAY,
    days=42,
    accounts=tuple(Cast(name, name, "", name, 40) for name in SCENARIOS),
    defects=Defects(0.01, 0.01, 0.01, 0.01),
)
GOLDEN = "a497bf2548e03aa025d32319e4883d98a43c54e8e467d970e68676eefd733e34"


@pytest.fixture(scope="module")
def town() -> list[Event]:
    """Six weeks of an account that nothing happens to."""
    return list(events(alone("organic", days=42)))


def digest(world: World) -> str:
    sha = hashlib.sha256()
    for one in deliveries(world, 4):
        sha.update(b"%s\n%s\n" % (one.key, one.value))
    return sha.hexdigest()


def test_a_seed_gives_the_same_bytes_on_every_machine_and_python() -> None:
    """If this fails, worlds have changed: say so in the change log, and look at the numbers."""
    assert digest(SMALL) == GOLDEN


def test_no_byte_depends_on_the_order_of_hashes() -> None:
    """Python draws another order in each process."""
    script = (
        "from tests.synthetic.test_events import SMALL, digest; "
        "from streams.synthetic import World; "
        "print(digest(World(1, SMALL.first_day, 9, SMALL.accounts, SMALL.defects)))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", script],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1


def test_another_seed_is_another_world() -> None:
    one, other = alone("organic", weekly=50, days=7), alone("organic", seed=2, weekly=50, days=7)
    assert list(events(one)) != list(events(other))


def test_another_account_changes_nobody_elses_life() -> None:
    """But for who is who: people are shared out among the accounts."""
    few = World(1, MONDAY, 14, SMALL.accounts[:1])
    many = World(1, MONDAY, 14, SMALL.accounts[:3])
    first = few.accounts[0].id

    def life(world: World) -> list[tuple[str, ...]]:
        mine = (event for event in events(world) if event.account == first)
        return sorted((event.at, event.id, event.kind, event.op) for event in mine)

    assert life(few) == life(many)


def test_events_are_in_order_within_the_world_and_no_tick_is_among_them() -> None:
    """Whoever replays them sends the ticks."""
    times_ = [event.at for event in events(SMALL)]
    assert all(a <= b for a, b in pairwise(times_))
    assert format_ms(SMALL.start) <= times_[0]
    assert times_[-1] < format_ms(SMALL.end)
    assert {event.kind for event in events(SMALL)} == {"like", "reply", "follow", "share"}


def test_every_event_is_one_that_the_engine_takes() -> None:
    for event in events(SMALL):
        value = encode(event)
        assert decode(value) == event
        sendable(event, value)


def test_a_removal_takes_back_what_was_there() -> None:
    """Its add came before, with the same id, and nothing is taken back twice."""
    there: set[tuple[str, ...]] = set()
    removals = 0
    for event in events(SMALL):
        thing = (event.kind, event.account, event.member, event.direction, event.id)
        if event.op == "add":
            assert thing not in there
            there.add(thing)
        elif event.kind != "reply" or event.account != "source-outage":  # its adds may be lost
            there.remove(thing)
            removals += 1
    assert removals > 50


def test_an_answer_comes_after_what_it_answers_to_the_one_who_said_it(town: list[Event]) -> None:
    said = {event.id: event for event in town if event.kind == "reply" and event.op == "add"}
    answers = [event for event in said.values() if event.direction == "outbound"]
    assert len(answers) > 300
    waits = []
    for answer in answers:
        assert answer.in_reply_to is not None
        heard = said[answer.in_reply_to]
        assert heard.member == answer.member
        assert heard.direction == "inbound"
        waits.append(parse_at(answer.at) - parse_at(heard.at))
    waits.sort()
    assert waits[0] > 0
    assert HOUR_MS / 3 < waits[len(waits) // 2] < 2 * HOUR_MS  # half within the hour or so
    assert waits[-1] > DAY_MS  # and some take long


def test_some_threads_go_on_for_days(town: list[Event]) -> None:
    said = {event.id: event for event in town if event.kind == "reply" and event.op == "add"}
    lengths: Counter[int] = Counter()
    spans = []
    for event in said.values():
        chain = [event]
        while (before := chain[-1].in_reply_to) in said:
            chain.append(said[before or ""])
        lengths[len(chain)] += 1
        spans.append(parse_at(event.at) - parse_at(chain[-1].at))
    assert lengths[5] > 5  # reply, answer, reply, answer, reply
    assert max(spans) > 2 * DAY_MS


def test_a_few_people_do_most_of_the_talking(town: list[Event]) -> None:
    """The busiest tenth brings a third or more; most came once or twice."""
    by_member = Counter(e.member for e in town if e.kind != "follow" and e.direction == "inbound")
    counts = sorted(by_member.values(), reverse=True)
    assert sum(counts[: len(counts) // 10]) > sum(counts) / 3
    assert counts[0] > 20 * counts[len(counts) // 2] / 3
    assert counts[len(counts) // 2] <= 6


def test_some_like_without_following_and_some_follow_without_a_word(town: list[Event]) -> None:
    followers = {event.member for event in town if event.kind == "follow"}
    likers = {event.member for event in town if event.kind == "like"}
    assert len(likers - followers) > 0.15 * len(likers)
    assert 0.2 * len(followers) < len(followers - likers) < 0.7 * len(followers)


def test_some_had_liked_before_they_followed(town: list[Event]) -> None:
    liked: set[str] = set()
    converts = newcomers = 0
    for event in town:
        if event.kind == "like":
            liked.add(event.member)
        elif event.kind == "follow" and event.op == "add" and not event.seeded:
            newcomers += 1
            converts += event.member in liked
    assert 0.05 * newcomers < converts < 0.5 * newcomers


def test_weeks_and_days_have_their_rhythm(town: list[Event]) -> None:
    """Saturdays are quieter than Wednesdays, an account's night than its evening."""
    by_weekday: Counter[int] = Counter()
    by_hour: Counter[int] = Counter()
    for event in town:
        if event.kind == "like":
            at = parse_at(event.at)
            by_weekday[weekday(at)] += 1
            by_hour[at // HOUR_MS % 24] += 1
    assert by_weekday[5] < 0.8 * by_weekday[2]
    quietest, liveliest = (pick(by_hour[h] for h in range(24)) for pick in (min, max))
    assert quietest < 0.2 * liveliest


def test_accounts_live_in_different_time_zones() -> None:
    busiest = defaultdict(Counter)
    for event in events(World(1, MONDAY, 7, tuple(c._replace(weekly=400) for c in SMALL.accounts))):
        busiest[event.account][event.at[11:13]] += not event.seeded
    assert len({hours.most_common(1)[0][0] for hours in busiest.values()}) > 4


@pytest.mark.parametrize("weekly", [10, 300, 10_000])
def test_one_number_scales_an_account(weekly: int) -> None:
    """From a corner shop to a brand: interactions a week, give or take a fifth and chance."""
    world = alone("organic", seed=3, weekly=weekly, days=14 if weekly > 1000 else 56)
    found = sum(
        event.kind != "follow" and event.op == "add" and event.direction == "inbound"
        for event in events(world)
    )
    wanted = weekly * world.days / 7
    assert abs(found - wanted) < 0.2 * wanted + 4 * wanted**0.5


def test_everybody_has_a_name_of_their_own() -> None:
    names = [person(number) for number in range(10_000)]
    assert len(set(names)) == len(names)
    assert names[0] == "ada.adler"


def test_people_are_known_around_town() -> None:
    """Two accounts of a world share some of their people."""
    meets = defaultdict(set)
    for event in events(World(1, MONDAY, 14, SMALL.accounts[:2])):
        meets[event.account].add(event.member)
    one, other = meets.values()
    assert 0 < len(one & other) < 0.4 * min(len(one), len(other))


def test_stamps_are_written_as_times_are() -> None:
    at = Stamps().at
    for ms in (0, 1, HOUR_MS - 1, 20_000 * DAY_MS + 12_345_678, 20_000 * DAY_MS - 1):
        assert at(ms) == format_ms(ms)


@pytest.mark.parametrize("rate", [0, 0.1, 3.5, 29, 31, 400])
def test_what_happens_so_often_on_the_average_does(rate: float) -> None:
    """The mean, and the variance of a Poisson distribution."""
    dice = alone("organic").random("test").random
    found = [times(dice, rate) for _ in range(2000)]
    mean = sum(found) / len(found)
    variance = sum((n - mean) ** 2 for n in found) / len(found)
    assert abs(mean - rate) <= 0.1 * rate**0.5
    assert 0.75 * rate <= variance <= 1.25 * rate


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"first_day": "2026-02-30"}, "no such date"),
        ({"days": 0}, "0 days"),
        ({"first_day": "2199-12-01"}, "2200"),
        ({"accounts": (Cast("a", "", "", "organic"),) * 2}, "same id"),
        ({"accounts": (Cast("a", "", "", "luck"),)}, "no scenario is called 'luck'"),
        ({"accounts": (Cast("a", "", "", "organic", -1),)}, "-1 interactions"),
    ],
)
def test_an_impossible_world_is_refused(changes: dict[str, object], message: str) -> None:
    fields = {"seed": 1, "first_day": MONDAY, "days": 70, "accounts": ()}
    with pytest.raises(ValueError, match=message):
        World(**(fields | changes))  # type: ignore[arg-type]
