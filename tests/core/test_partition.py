"""A partition: the same events give the same tables, however they are cut, mixed and recovered."""

from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streams.core.census import SERIES
from streams.core.packing import CorruptValue
from streams.core.partition import Outcome, Partition, Rules
from streams.core.placement import partition_of, relationship_key
from streams.core.time import HOUR_MS
from tests.core.worlds import (
    ACCOUNT,
    DAYS,
    HOUR0,
    T0,
    Happening,
    Record,
    census_of,
    exported,
    happenings,
    partition_after,
    recount,
    strengths,
    tick,
)

KINDS = ("like", "reply", "follow", "share")


def assert_same(one, other):
    """Both tables are equal, strengths but for rounding."""
    assert one.clock == other.clock
    assert exported(one, one.clock) == exported(other, one.clock)
    assert strengths(one, one.clock) == pytest.approx(strengths(other, one.clock), rel=1e-9)
    assert census_of(one) == census_of(other)


@settings(deadline=None)
@given(happenings(), st.integers(0, 800) | st.integers(0, 3000))
def test_the_census_is_what_a_naive_recount_finds_at_any_later_clock(events, later):
    """Filed when it changed, read long after: nothing has to happen when time passes."""
    partition = partition_after(*events)
    last = max((event.hours for event in events), default=0)
    partition.apply("like", [tick(last + later)], 0)
    assert census_of(partition) == recount(events, partition.clock)


@settings(deadline=None)
@given(happenings(), st.data())
def test_interleaving_topics_and_cutting_chunks_makes_no_difference(events, data):
    """Order is promised within a topic only; topics are read, cut and settled in any way."""
    topics = {kind: [e.record() for e in events if e.kind == kind] for kind in KINDS}
    end = tick(DAYS * 24)
    whole = Partition(0, Rules(partitions=1))
    for kind, records in topics.items():
        whole.apply(kind, records, 0)
    mixed = Partition(0, Rules(partitions=1))
    while any(topics.values()):
        kind = data.draw(st.sampled_from([kind for kind, left in topics.items() if left]))
        size = data.draw(st.integers(1, len(topics[kind])))
        mixed.apply(kind, topics[kind][:size], 0)
        del topics[kind][:size]
        if data.draw(st.booleans()):
            mixed.settle()
    for partition in (whole, mixed):
        partition.apply("share", [end], 0)
        partition.settle()
    assert_same(mixed, whole)


@settings(deadline=None, max_examples=20)
@given(
    st.lists(st.tuples(st.sampled_from(KINDS[:2]), st.integers(0, 1440)), max_size=400), st.data()
)
def test_eviction_does_not_depend_on_the_interleaving_either(drawn, data):
    """One member, hundreds of interactions, far beyond 64 of a kind."""
    events = [Happening(kind, hours, id=str(i)) for i, (kind, hours) in enumerate(drawn)]
    order = data.draw(st.permutations(KINDS[:2]))
    mixed = partition_after(*events, clock=1440)
    sorted_by_topic = partition_after(
        *(event for kind in order for event in events if event.kind == kind), clock=1440
    )
    assert_same(mixed, sorted_by_topic)
    totals = next(iter(exported(mixed, mixed.clock).values()), None)
    if totals is not None:
        assert sum(kind["total"] for kind in totals[-1]["inbound"].values()) == len(events)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(("like", "reply", "follow")),
            st.sampled_from((0.0, 1.0, 30.0, 24.0 * 20)),  # hours since the one before
            st.sampled_from(("inbound", "inbound", "outbound")),
            st.integers(0, 90) | st.none(),  # undoes that one
        ),
        max_size=25,
    )
)
@example([("like", 1500.0, "inbound", None)] + [("like", 0.0, "inbound", None)] * 22)
@example(
    [("like", 0.0, "inbound", None)] * 16
    + [("follow", 1500.0, "inbound", None), ("follow", 0.0, "inbound", 96)]
)
def test_a_busy_relationship_that_stays_taken_apart_is_the_one_that_is_read_anew(steps):
    """Its value and its places in the census: evictions, removals, forgotten days and all."""
    kept, anew = Partition(0, Rules(partitions=1)), Partition(0, Rules(partitions=1))
    told = [Happening("like", 3.0 * n, str(n)) for n in range(80)]  # eight a day
    hours = 240.0
    for kind, later, direction, undone in steps:
        hours += later
        told.append(
            Happening(kind, hours, str(len(told)), direction=direction)
            if undone is None or undone >= len(told)
            else replace(told[undone], hours=hours, op="remove")
        )
    for number, happening in enumerate(told):
        for partition in (kept, anew):
            partition.apply(happening.kind, [happening.record()], 0)
        if number >= 70:
            assert kept.settle() == anew.settle()
            anew._opened = {}
            there, here = (p.census._accounts[ACCOUNT].places for p in (kept, anew))
            assert {at: n for at, n in there.items() if n} == {at: n for at, n in here.items() if n}


@given(happenings(), happenings())
def test_a_census_rebuilt_from_the_values_is_the_live_one(before, after):
    """Recovery, then more events: no different from never having stopped."""
    live = partition_after(*before)
    recovered = Partition(0, Rules(partitions=1))
    for key, value in live.relationships.items():
        recovered.restore(key, value)
    recovered.restored(live.clock)
    assert census_of(recovered) == census_of(live)
    for partition in (live, recovered):
        for event in after:
            partition.apply(event.kind, [event.record()], 0)
        partition.settle()
    assert recovered.relationships == live.relationships
    assert census_of(recovered) == census_of(live)


def test_a_follow_that_ended_is_still_a_start_after_recovery():
    """And its end an end, each in its hour."""
    live = partition_after(Happening("follow", 0), Happening("follow", 30, op="remove"))
    recovered = Partition(0, Rules(partitions=1))
    for key, value in live.relationships.items():
        recovered.restore(key, value)
    recovered.restored(live.clock)
    assert census_of(recovered) == {
        f'closeknit_{name}{{window="{window}"}}': 1
        for name, windows in (("follows", ("7d", "28d")), ("unfollows", ("1d", "7d", "28d")))
        for window in windows
    }


def test_a_partition_survives_a_long_silence():
    """What was filed years ago is purged when its account is touched, and never unfiled twice."""
    old, new = Happening("reply", 0), Happening("like", 30_000, id="2")
    partition = partition_after(old, Happening("follow", 1))
    for event in (new, Happening("reply", 30_001, op="remove")):
        partition.apply(event.kind, [event.record()], 0)
        partition.settle()
    assert census_of(partition) == recount(
        [old, Happening("follow", 1), new, Happening("reply", 30_001, op="remove")],
        partition.clock,
    )


@pytest.mark.parametrize(
    ("before", "event", "outcome"),
    [
        ([], Happening("like", 0), Outcome.APPLIED),  # new
        ([Happening("like", 0)], Happening("like", 5), Outcome.DUPLICATE),  # whatever its time
        ([Happening("like", 0)], Happening("like", 0, id="2"), Outcome.APPLIED),  # another id
        (  # the same id outbound names another thing
            [Happening("like", 0)],
            Happening("like", 0, direction="outbound"),
            Outcome.APPLIED,
        ),
        ([Happening("like", 0)], Happening("like", 1, op="remove"), Outcome.APPLIED),  # an unlike
        ([], Happening("like", 0, op="remove"), Outcome.UNRESOLVED),  # of nothing
        (  # of another id
            [Happening("like", 0)],
            Happening("like", 0, id="2", op="remove"),
            Outcome.UNRESOLVED,
        ),
        ([Happening("like", 1344)], Happening("like", 0, id="2"), Outcome.APPLIED),  # 56 days old
        ([Happening("like", 1345)], Happening("like", 0, id="2"), Outcome.LATE),  # an hour more
        (  # a duplicate is never late
            [Happening("like", 0), Happening("like", 1345, id="2")],
            Happening("like", 0),
            Outcome.DUPLICATE,
        ),
        ([Happening("follow", 0)], Happening("follow", 9), Outcome.DUPLICATE),  # open already
        ([Happening("follow", 0)], Happening("follow", 9, id="2"), Outcome.APPLIED),  # a second id
        ([], Happening("follow", 0, op="remove"), Outcome.UNRESOLVED),  # never followed
    ],
)
def test_each_event_has_one_outcome(before, event, outcome):
    """By the first that fits: duplicate or unresolved, then late, then applied."""
    partition = partition_after(*before)
    assert partition.apply(event.kind, [event.record()], 0).outcomes == {outcome: 1}


def test_a_removal_of_nothing_creates_no_relationship():
    """And leaves nothing to write."""
    partition = Partition(0, Rules(partitions=1))
    partition.apply("like", [Happening("like", 0, op="remove").record()], 0)
    assert partition.relationships == {}
    assert partition.settle() == []
    assert list(partition.census.accounts()) == []


def test_a_relationship_emptied_by_removals_stays():
    """It is exported as `none`, and its account with zeros."""
    partition = partition_after(Happening("like", 0), Happening("like", 0, op="remove"))
    assert len(partition.relationships) == 1
    assert list(partition.census.accounts()) == [ACCOUNT]
    assert census_of(partition) == {}


def test_settling_hands_over_each_dirty_key_once():
    """However many events it got."""
    partition = Partition(0, Rules(partitions=1))
    records = [Happening("like", hour, id=str(hour)).record() for hour in range(5)]
    partition.apply("like", records, 0)
    assert partition.dirty_count == 1
    key = relationship_key(ACCOUNT, "ann")
    assert partition.settle() == [(key, partition.relationships[key])]
    assert partition.dirty_count == 0
    assert partition.settle() == []


@pytest.mark.parametrize(
    ("records", "clock"),
    [
        ([], -1),  # nothing was read
        ([Happening("like", 5).record()], 5),  # the hour of the event
        ([Happening("like", 5.9).record()], 5),  # still that hour
        ([Happening("like", 5).record(), Happening("like", 3, id="2").record()], 5),  # never back
        ([Happening("like", 5, op="remove").record()], 5),  # an unresolved removal
        ([Happening("like", 5).record(), Happening("like", 9).record()], 9),  # a duplicate
        ([tick(7)], 7),  # that is what ticks are for
        ([Happening("like", 5, member="bot").record()], 5),  # an ignored member
        ([Happening("like", 5, member="astray").record()], 5),  # a misplaced record
        (  # but no dead letter: kind of another topic
            [Happening("share", 5).record()],
            -1,
        ),
        (  # nor one that was misplaced twice
            [
                Happening("like", 5, member="astray").record(
                    headers=(("closeknit-rerouted-from", b"likes/1/7"),)
                )
            ],
            -1,
        ),
    ],
)
def test_the_event_clock_is_the_highest_hour_of_any_valid_record(records, clock):
    """Applied or not, it tells how late it is."""
    home = partition_of(relationship_key(ACCOUNT, "ann"), 2)
    assert partition_of(relationship_key(ACCOUNT, "astray"), 2) != home
    partition = Partition(home, Rules(partitions=2, ignored_members=frozenset({"bot"})))
    applied = partition.apply("like", records, 0)
    assert partition.clock == (HOUR0 + clock if clock >= 0 else -1)
    assert (applied.last_event_ms >= 0) == (clock >= 0)


def test_the_wall_clock_is_not_moved_by_events():
    """It is the larger of the stored clock and the hour that it is."""
    partition = Partition(0, Rules(partitions=1, clock="wall"))
    partition.restored(HOUR0 + 3)
    assert partition.clock == HOUR0 + 3
    partition.tell_time(T0 + 2 * HOUR_MS)  # a clock that was set back
    assert partition.clock == HOUR0 + 3
    an_hour_ahead = Happening("like", 6).record()
    assert partition.apply("like", [an_hour_ahead], T0 + 5 * HOUR_MS).refused == []
    assert partition.clock == HOUR0 + 5
    partition.tell_time(T0 + 7 * HOUR_MS)
    assert partition.clock == HOUR0 + 7


def test_an_event_in_the_hour_after_the_wall_clock_counts_at_once():
    """Distinct counts have no upper bound; a plain count waits for its hour."""
    partition = Partition(0, Rules(partitions=1, clock="wall"))
    partition.apply("like", [Happening("like", 5.9).record()], T0 + 5 * HOUR_MS - 1)
    partition.settle()
    active = 'closeknit_active_members{following="no",window="1d"}'
    likes = 'closeknit_interactions{direction="inbound",kind="like",window="1d"}'
    assert census_of(partition)[active] == 1
    assert likes not in census_of(partition)
    partition.tell_time(T0 + 5 * HOUR_MS)
    assert census_of(partition)[likes] == 1


def test_recovery_forgets_what_a_tombstone_took():
    """The last changelog record of a key decides."""
    live = partition_after(Happening("like", 0))
    ((key, value),) = live.relationships.items()
    recovered = Partition(0, Rules(partitions=1))
    recovered.restore(key, value)
    recovered.restore(key, None)
    recovered.restore(b"brand never-seen", None)
    recovered.restored(live.clock)
    assert recovered.relationships == {}


def test_recovery_stops_at_a_corrupt_value_and_says_whose_only_to_who_asks():
    """Our own corruption is fatal."""
    partition = Partition(3, Rules(partitions=4))
    partition.restore(b"brand ann", b"\x10half an entry")
    with pytest.raises(CorruptValue, match=r"partition 3:.*whole entries") as corrupt:
        partition.restored(HOUR0)
    assert corrupt.value.key == b"brand ann"
    assert "ann" not in str(corrupt.value)


@settings(deadline=None)
@given(st.lists(st.binary(max_size=40) | st.none() | st.just(Happening("like", 0).record().value)))
def test_nothing_that_a_stranger_sends_raises(values):
    """And every record has one outcome."""
    partition = Partition(0, Rules(partitions=1))
    applied = partition.apply("like", [Record(value) for value in values], 0)
    assert sum(applied.outcomes.values()) == len(values)
    assert len(applied.refused) == applied.outcomes.get(Outcome.INVALID, 0)


def test_an_account_unknown_here_reads_as_zeros():
    """Another partition may know it."""
    assert Partition(0, Rules(partitions=1)).census.read("nobody", HOUR0) == [0] * len(SERIES)
