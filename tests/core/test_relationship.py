"""The law, rule by rule: what a relationship remembers, and what follows from it."""

from math import log2

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core import cells
from streams.core.kinds import (
    FOLLOW_IN,
    FOLLOW_OUT,
    INTERACTIONS,
    LIKE_IN,
    LIKE_OUT,
    REPLY_IN,
    REPLY_OUT,
    SHARE_IN,
)
from streams.core.packing import find, hash_of
from streams.core.relationship import KEPT, Relationship, Stage, Strength, change
from streams.core.time import DAY_MS, HOUR_MS
from tests.core.worlds import HOUR0, T0, seen

CLOCK = HOUR0 + 2000
STRENGTH = Strength()


def happen(value, event, clock=CLOCK):
    """The change by an event `(code, hours after T0, id "1", "add" | "remove" | "seed")`."""
    code, hours, id, op = (*event, *("1", "add")[len(event) - 2 :])
    at = T0 + int(hours * HOUR_MS)
    return change(value, code, op != "remove", str(id), at, op == "seed", clock, STRENGTH)


def after(*events, clock=CLOCK):
    """The value after these events."""
    value = None
    for event in events:
        changed = happen(value, event, clock)
        value = changed[0] if changed else value
    return value


def known(*events, clock=CLOCK):
    """The relationship after these events."""
    return Relationship.unpack(after(*events, clock=clock))


# Two ways, one result.


def slowly(value, code, add, id, at, clock):
    """What `change` must do, with the value taken apart whatever the event is."""
    relationship = Relationship() if value is None else Relationship.unpack(value)
    id_hash = hash_of(code, id)
    if add and find(relationship.log, id_hash, 0) >= 0:
        return None
    moved = (
        relationship.add(id_hash, code, at, clock, STRENGTH)
        if add
        else relationship.remove(id_hash)
    )
    return moved and (relationship.pack(), *moved)


@given(
    st.lists(
        st.tuples(
            st.sampled_from([LIKE_IN, LIKE_IN, REPLY_IN, REPLY_OUT]),
            st.sampled_from([True, True, True, True, False]),
            st.integers(0, 150).map(str),
            st.integers(0, 80 * 24),
        ),
        max_size=250,
    ),
    st.booleans(),
)
def test_the_fast_way_and_the_slow_way_give_the_same_bytes(events, following):
    """Appending to the bytes is no other law: duplicates and evictions included."""
    start = after((FOLLOW_IN, 0)) if following else None
    fast = slow = start
    for code, add, id, hours in events:
        at = T0 + hours * HOUR_MS
        changed = change(fast, code, add, id, at, False, CLOCK, STRENGTH)
        expected = slowly(slow, code, add, id, at, CLOCK)
        if changed is None:
            assert expected is None
            continue
        assert changed == expected
        fast = slow = changed[0]


# Adding, removing, evicting.


def test_a_removal_leaves_no_trace():
    """Counts, first and last times, days, strength and stage are as if it had never been."""
    before = known((LIKE_IN, 1990, "a"), (REPLY_OUT, 1995, "b"))
    removed = known(
        (LIKE_IN, 1990, "a"),
        (REPLY_IN, 1980, "c"),
        (REPLY_OUT, 1995, "b"),
        (REPLY_IN, 1980, "c", "remove"),
    )
    assert seen(removed, CLOCK) == seen(before, CLOCK)
    assert removed.strength(CLOCK, STRENGTH) == before.strength(CLOCK, STRENGTH)


def test_what_was_removed_may_be_added_again():
    """With a time of its own."""
    again = known((LIKE_IN, 10), (LIKE_IN, 20, "1", "remove"), (LIKE_IN, 30))
    assert again.last_inbound_at == T0 + 30 * HOUR_MS
    assert again.counts(CLOCK)["inbound"]["like"]["total"] == 1


def test_the_log_keeps_64_of_each_kind_and_direction():
    """The 65th evicts the oldest *arrived* of its own kind and direction, whatever its time."""
    #   arrival   newest, 2nd oldest, ... , oldest          the first like arrived is the latest
    likes = [(LIKE_IN, 1900 - i, i) for i in range(KEPT)]
    replies = [(REPLY_IN, 1000 + i, i) for i in range(KEPT)]
    full = [*replies, *likes]
    one_more = after(*full, (LIKE_IN, 1500, "more"))
    gone, stays = hash_of(LIKE_IN, "0"), hash_of(REPLY_IN, "0")
    log = Relationship.unpack(one_more).log
    assert find(log, gone, 0) == -1
    assert find(log, stays, 0) == 0
    assert len(log) == 2 * KEPT * 16


def test_what_is_evicted_still_counts():
    """Totals, days, first and last times are those of all that ever was."""
    likes = [(LIKE_IN, 1900 - i, i) for i in range(100)]
    all_of_them = known(*likes)
    assert all_of_them.counts(CLOCK)["inbound"]["like"]["total"] == 100
    assert all_of_them.counts(CLOCK)["inbound"]["like"]["28"] == 100
    assert all_of_them.last_inbound_at == T0 + 1900 * HOUR_MS
    assert all_of_them.first_inbound_at == T0 + 1801 * HOUR_MS
    assert all_of_them.active_days(CLOCK) == 1900 // 24 - 1801 // 24 + 1


@pytest.mark.parametrize("code", [REPLY_IN, REPLY_OUT])
def test_an_evicted_reply_may_still_be_the_last_one(code):
    """The latest arrived first; 64 older ones came after it, and the other side spoke between."""
    other = REPLY_OUT if code == REPLY_IN else REPLY_IN
    crowd = [(code, 1800, f"n{i}") for i in range(KEPT)]
    relationship = known((code, 1990, "latest"), (other, 1900, "other"), *crowd)
    assert relationship.awaiting(CLOCK) == (code == REPLY_IN)
    assert max(relationship.last_inbound_at, relationship.last_outbound_at) == T0 + 1990 * HOUR_MS


def test_an_evicted_id_is_neither_duplicate_nor_removable():
    """It is no longer in the log: an add counts again, a removal is unresolved."""
    value = after(*[(LIKE_IN, 1000, i) for i in range(KEPT + 1)])
    assert happen(value, (LIKE_IN, 1000, 0, "remove")) is None
    assert happen(value, (LIKE_IN, 1000, 0)) is not None


def test_evicted_hours_older_than_56_days_are_forgotten_but_for_their_totals():
    """1344 hours before the clock is too old, 1343 is not."""
    old = [(LIKE_IN, 2000 - 1344, 1), (LIKE_IN, 2000 - 1343, 2)]
    crowd = [(LIKE_IN, 2000, f"n{i}") for i in range(KEPT)]
    relationship = known(*old, *crowd)
    assert [hour - HOUR0 for hour, _, _ in cells.each(relationship.cells)] == [2000 - 1343]
    assert relationship.summary.totals[LIKE_IN] == 2


# Follows.


@pytest.mark.parametrize(
    ("events", "following", "since"),
    [
        ([(FOLLOW_IN, 5)], True, 5),  # a follow
        ([(FOLLOW_IN, 5, "1", "seed")], True, None),  # it was there before we looked
        ([(FOLLOW_IN, 5), (FOLLOW_IN, 9, "2")], True, 5),  # a second id starts nothing
        ([(FOLLOW_IN, 9), (FOLLOW_IN, 5, "2")], True, 9),  # nor when it is older
        ([(FOLLOW_IN, 5), (FOLLOW_IN, 9)], True, 5),  # a duplicate
        ([(FOLLOW_IN, 5), (FOLLOW_IN, 9, "1", "remove")], False, None),  # an unfollow
        ([(FOLLOW_IN, 5), (FOLLOW_IN, 9, "2", "remove")], True, 5),  # of what was not open
        (  # one of two is still open
            [(FOLLOW_IN, 5), (FOLLOW_IN, 7, "2"), (FOLLOW_IN, 9, "1", "remove")],
            True,
            5,
        ),
        (  # followed again
            [(FOLLOW_IN, 5), (FOLLOW_IN, 7, "1", "remove"), (FOLLOW_IN, 9)],
            True,
            9,
        ),
        (  # a follow with a known day does not date one without
            [(FOLLOW_IN, 5, "1", "seed"), (FOLLOW_IN, 9, "2")],
            True,
            None,
        ),
        ([(FOLLOW_OUT, 5)], False, None),  # that we follow says nothing of the member
    ],
)
def test_a_follow_lasts_from_its_first_open_id_to_its_last(events, following, since):
    """`followed_at` is the time of the id that started it."""
    relationship = known(*events)
    assert relationship.following is following
    assert relationship.followed_at == (None if since is None else T0 + since * HOUR_MS)


@pytest.mark.parametrize(
    ("before", "event", "moved"),
    [
        ([], (FOLLOW_IN, 5), (cells.STARTED, 5, 1)),
        ([], (FOLLOW_IN, 5, "1", "seed"), None),  # no start
        ([(FOLLOW_IN, 5)], (FOLLOW_IN, 6, "2"), None),  # further ids start nothing
        ([(FOLLOW_IN, 5)], (FOLLOW_IN, 9, "1", "remove"), (cells.ENDED, 9, 1)),
        ([(FOLLOW_IN, 5, "1", "seed")], (FOLLOW_IN, 9, "1", "remove"), (cells.ENDED, 9, 1)),
        ([(FOLLOW_IN, 5), (FOLLOW_IN, 6, "2")], (FOLLOW_IN, 9, "1", "remove"), None),  # still open
        ([], (FOLLOW_OUT, 5), None),  # outbound is only remembered
        ([(FOLLOW_OUT, 5)], (FOLLOW_OUT, 6, "1", "remove"), None),
        ([], (LIKE_IN, 5), (LIKE_IN, 5, 1)),
        ([(LIKE_IN, 5)], (LIKE_IN, 9, "1", "remove"), (LIKE_IN, 5, -1)),  # in the hour of the like
    ],
)
def test_a_change_says_which_count_by_hour_it_moves(before, event, moved):
    """At most one, by one."""
    _, thing, hour, step = happen(after(*before), event)
    if moved is None:
        assert step == 0
    else:
        assert (thing, hour - HOUR0, step) == moved


def test_beyond_64_open_follow_ids_the_oldest_is_forgotten():
    """It can no longer be closed; the follow goes on, and ends with the last one known."""
    ids = range(KEPT + 1)
    value = after(*[(FOLLOW_IN, hour, hour) for hour in ids])
    assert happen(value, (FOLLOW_IN, 100, 0, "remove")) is None
    relationship = Relationship.unpack(value)
    assert relationship.followed_at == T0
    closed = known(
        *[(FOLLOW_IN, hour, hour) for hour in ids],
        *[(FOLLOW_IN, 100, hour, "remove") for hour in ids],
    )
    assert not closed.following


# What it is.

H = 2000  # the clock, in hours after T0; 2000 % 24 == 8
OUT = H - 672  # the last hour out of the horizon
IN = OUT + 1


@pytest.mark.parametrize(
    ("events", "stage"),
    [
        #  OUT| IN . . . . . . . . . H     the horizon is [IN, H]
        ([(REPLY_IN, IN), (REPLY_OUT, H, "2")], "connection"),  # both ends, two days
        ([(REPLY_IN, OUT), (REPLY_OUT, H, "2")], "lapsed"),  # theirs too old
        ([(REPLY_IN, IN), (REPLY_OUT, OUT, "2")], "conversation"),  # ours too old
        ([(REPLY_IN, H), (REPLY_OUT, H, "2")], "conversation"),  # both today: one day only
        ([(REPLY_IN, H), (REPLY_OUT, H, "2"), (REPLY_OUT, H - 24, "3")], "connection"),
        (  # OUT is hour 8 of its day, which counts while its last hour does
            [(REPLY_IN, H), (REPLY_OUT, H, "2"), (REPLY_OUT, OUT, "3")],
            "connection",
        ),
        (  # the day before that is over
            [(REPLY_IN, H), (REPLY_OUT, H, "2"), (REPLY_OUT, OUT - 24, "3")],
            "conversation",
        ),
        ([(REPLY_OUT, H), (REPLY_OUT, H - 24, "2")], "none"),  # we talk to ourselves
        ([(REPLY_IN, H)], "conversation"),
        ([(REPLY_IN, OUT), (LIKE_IN, H, "2")], "fan"),  # once a conversation
        ([(LIKE_IN, IN)], "fan"),
        ([(SHARE_IN, IN)], "fan"),
        ([(LIKE_IN, OUT)], "lapsed"),
        ([(LIKE_IN, OUT), (FOLLOW_IN, H)], "lapsed"),  # lapsed before passive
        ([(FOLLOW_IN, 0)], "passive"),  # a hollow follow, however old
        ([(FOLLOW_IN, 0, "1", "seed")], "passive"),
        ([(FOLLOW_IN, 0), (LIKE_OUT, H, "2")], "passive"),  # our like is not theirs
        ([(FOLLOW_OUT, H)], "none"),
        ([(LIKE_IN, H), (LIKE_IN, H, "1", "remove")], "none"),  # as if it had never been
    ],
)
def test_the_stage_is_the_first_rule_that_holds(events, stage):
    """At the edges of the horizon."""
    assert known(*events).stage(HOUR0 + H) is Stage(stage)


@pytest.mark.parametrize(
    ("events", "awaiting"),
    [
        ([(REPLY_IN, H)], True),
        ([(REPLY_IN, IN)], True),
        ([(REPLY_IN, OUT)], False),  # too long ago
        ([(REPLY_IN, H), (REPLY_OUT, H - 1)], True),  # they spoke last
        ([(REPLY_IN, H), (REPLY_OUT, H)], False),  # at the same ms counts as answered
        ([(REPLY_IN, H), (REPLY_OUT, H + 0.01)], False),  # answered within the hour
        ([(LIKE_IN, H)], False),  # a like asks for nothing
        ([(REPLY_IN, H), (LIKE_OUT, H + 0.01)], True),  # and answers nothing
    ],
)
def test_awaiting_is_whose_turn_it_is(events, awaiting):
    """The last inbound reply in the horizon, later than our last outbound one."""
    assert known(*events).awaiting(HOUR0 + H) is awaiting


def test_counts_are_by_utc_days_today_included():
    """8 hours into day 83: one day back is yesterday's last 8 hours ... and today is day 83."""
    #  day 76 | day 77 ........ day 82 | day 83
    #  7d out | 7d                     | 1d
    today, week, before = 83 * 24, 77 * 24, 77 * 24 - 1
    counts = known((LIKE_IN, today, 1), (LIKE_IN, week, 2), (LIKE_IN, before, 3)).counts(HOUR0 + H)
    assert counts["inbound"]["like"] == {"1": 1, "7": 2, "28": 3, "total": 3}
    assert counts["inbound"]["reply"] == {"1": 0, "7": 0, "28": 0, "total": 0}


@pytest.mark.parametrize(
    ("events", "strength"),
    [
        ([(LIKE_IN, H)], 1),
        ([(SHARE_IN, H)], 2),
        ([(REPLY_IN, H)], 4),
        ([(REPLY_OUT, H)], 4),  # both directions
        ([(LIKE_IN, H - 8)], 1),  # today's first hour has age 0
        ([(LIKE_IN, H - 9)], 2 ** (-1 / 14)),  # an hour earlier is a day
        ([(REPLY_IN, H - 14 * 24)], 2),  # one half-life
        ([(REPLY_IN, H), (REPLY_IN, H, "1", "remove")], 0),  # exactly
        ([(FOLLOW_IN, H)], 0),  # a state, not an interaction
    ],
)
def test_strength_is_weight_that_halves_in_14_days(events, strength):
    """Age in whole UTC days."""
    assert known(*events).strength(HOUR0 + H, STRENGTH) == strength


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 40_000)), max_size=10),
    st.sampled_from([1, KEPT // 2, KEPT + 3]),
)
def test_strength_does_not_notice_eviction(interactions, rounds):
    """Decayed forward or summed afresh, over decades, in any order: the same to 1e-9."""
    clock = HOUR0 + 40_000
    value = None
    expected = 0.0
    for i, (code, hours) in enumerate(interactions * rounds):
        at = T0 + hours * HOUR_MS
        value = change(value, code, True, str(i), at, False, clock, STRENGTH)[0]
        weight = getattr(STRENGTH, INTERACTIONS[code][0])
        expected += weight * 2 ** (-(clock // 24 - at // DAY_MS) / 14)
    if value is not None:
        strength = Relationship.unpack(value).strength(clock, STRENGTH)
        assert strength == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_strength_cannot_overflow():
    """A log that runs from 1970 to 2199, in either order, evicted all along."""
    end = 7_258_118_399_999
    times = [end * i // 200 for i in range(200)]
    for order in (times, times[::-1]):
        value = None
        for i, at in enumerate(order):
            value = change(value, LIKE_IN, True, str(i), at, False, end // HOUR_MS, STRENGTH)[0]
        strength = Relationship.unpack(value).strength(end // HOUR_MS, STRENGTH)
        assert 0 <= strength < 1
        assert log2(strength) == pytest.approx(-(end // DAY_MS - times[-1] // DAY_MS) / 14)
