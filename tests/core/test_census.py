"""Windows of the census, hour by hour: what is in, what is just out, and whether it adds up."""

import sys
from dataclasses import replace
from threading import Event, Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.census import FAMILIES, SERIES, Census, Series
from streams.core.filing import refile
from tests.core.worlds import ACCOUNT, HOUR0, Happening, census_of, partition_after

CLOCK = 2400  # hours after T0, a midnight: the first hour of day 100


def count(name, *events, clock=CLOCK):
    """One series after these events, read when the clock is `clock`."""
    return census_of(partition_after(*events, clock=clock)).get(f"closeknit_{name}", 0)


def test_there_is_a_help_text_for_each_family_and_a_series_for_each_text():
    """In the same order."""
    assert list(dict.fromkeys(series.name for series in SERIES)) == list(FAMILIES)
    assert len(set(SERIES)) == len(SERIES) == 107


def test_a_series_is_written_as_prometheus_writes_it():
    """Labels by name."""
    labels = (("following", "yes"), ("stage", "fan"))
    assert str(Series("closeknit_relationships", labels)) == (
        'closeknit_relationships{following="yes",stage="fan"}'
    )
    assert Series("closeknit_relationships", labels) in SERIES
    assert str(Series("closeknit_followers", ())) == "closeknit_followers"


@pytest.mark.parametrize(("window", "hours"), [("1d", 24), ("7d", 168), ("28d", 672)])
def test_a_window_is_so_many_hours_the_current_one_included(window, hours):
    """Likes at the two ends of the window and just outside.

    hours ago   hours  hours-1 . . . . . . . . 0   (later)
    likes         x       x                    x
    window                [--------------------]
    """
    likes = [Happening("like", CLOCK - ago, id=str(ago)) for ago in (hours, hours - 1, 0)]
    name = f'interactions{{direction="inbound",kind="like",window="{window}"}}'
    assert count(name, *likes) == 2
    members = [
        Happening("like", like.hours, member=f"m{i}", id=like.id) for i, like in enumerate(likes)
    ]
    assert count(f'active_members{{following="no",window="{window}"}}', *members) == 2


@pytest.mark.parametrize(
    ("window", "ago", "first", "last"),
    [
        ("7d", "7d", 335, 168),
        ("7d", "14d", 503, 336),
        ("7d", "21d", 671, 504),
        ("7d", "28d", 839, 672),
        ("28d", "28d", 1343, 672),
    ],
)
def test_a_previous_window_ends_where_the_present_one_began(window, ago, first, last):
    """The same count, whole periods earlier.

    hours ago   first+1  first . . . . last  last-1 . . . . 0
    replies        x       x            x      x
    window                 [------------]                  now
    """
    hours = (first + 1, first, last, last - 1)
    replies = [Happening("reply", CLOCK - h, id=str(h)) for h in hours]
    labels = f'ago="{ago}",direction="inbound",kind="reply",window="{window}"'
    assert count(f"interactions_previous{{{labels}}}", *replies) == 2
    follows = [Happening("follow", CLOCK - h, member=f"m{h}") for h in hours]
    assert count(f'follows_previous{{ago="{ago}",window="{window}"}}', *follows) == 2


@pytest.mark.parametrize(
    ("hours", "tenure"),
    [
        (0, "0-7d"),
        (167, "0-7d"),
        (168, "7-28d"),  # the upper bound is exclusive
        (671, "7-28d"),
        (672, "28-90d"),
        (2159, "28-90d"),
        (2160, "90d+"),
        (2399, "90d+"),
    ],
)
def test_tenure_is_whole_hours_since_the_follow(hours, tenure):
    """Followed long ago and still here, or just arrived; engaged or not."""
    follow = Happening("follow", CLOCK - hours)
    name = f'followers_by_tenure{{engaged="%s",tenure="{tenure}"}}'
    assert count(name % "no", follow) == 1
    assert count(name % "yes", follow, Happening("like", 0, id="2")) == 1
    assert count(name % "no", follow, Happening("like", 0, id="2")) == 0


@pytest.mark.parametrize("read_after", [0, 400, 3000, 90_000])
def test_a_tenure_grows_old_without_anybody_touching_it(read_after):
    """Filed once, read ten years later: it is still one follower."""
    follow = Happening("follow", 0)
    name = 'followers_by_tenure{engaged="no",tenure="%s"}'
    tenures = ["0-7d", "7-28d", "28-90d", "90d+"]
    counts = [count(name % tenure, follow, clock=read_after) for tenure in tenures]
    assert sum(counts) == count("followers", follow, clock=read_after) == 1


def test_a_follower_seeded_is_of_unknown_tenure_and_no_follow():
    """We do not know when."""
    seeded = Happening("follow", CLOCK, seeded=True)
    assert count('followers_by_tenure{engaged="no",tenure="unknown"}', seeded) == 1
    assert count("followers", seeded) == 1
    assert count('follows{window="28d"}', seeded) == 0


@pytest.mark.parametrize(
    ("hours", "age"),
    [
        (0, "0-1d"),
        (23, "0-1d"),
        (24, "1-3d"),
        (71, "1-3d"),
        (72, "3-7d"),
        (167, "3-7d"),
        (168, "7-28d"),
        (671, "7-28d"),
        (672, None),  # no longer waiting: gone
    ],
)
def test_who_waits_is_counted_by_how_long(hours, age):
    """By the hours since their last reply, until we answer."""
    reply = Happening("reply", CLOCK - hours)
    answer = Happening("reply", CLOCK - hours, id="2", direction="outbound")
    for slot in ("0-1d", "1-3d", "3-7d", "7-28d"):
        name = f'awaiting_reply{{age="{slot}"}}'
        assert count(name, reply) == (slot == age)
        assert count(name, reply, answer) == 0


@pytest.mark.parametrize(
    ("first", "counted"),
    [
        # The clock is the first hour of day 100; hour 671 ago is the 2nd hour of day 72.
        (72 * 24 + 1, True),  # in the window of 672 hours
        (72 * 24, True),  # an hour before it, but day 72 is not over
        (72 * 24 - 1, False),  # the last hour of day 71 is out
    ],
)
def test_a_day_counts_while_its_last_hour_does(first, counted):
    """Four days, the first of them at the edge; today always counts.

    day         71 | 72 . . . . . .  97 | 98 | 99 | 100
    active       ?   ?               x    x         x
    28d             [---------------------------------]
    """
    hours = (first, 97 * 24, 98 * 24, CLOCK)
    replies = [Happening("reply", h, id=str(h)) for h in hours]
    assert count('members_by_activity{at_least_days="4"}', *replies) == counted
    assert count('committed_members{following="no"}', *replies) == counted
    assert count('members_by_activity{at_least_days="2"}', *replies) == 1


def test_the_committed_must_also_have_replied_in_the_horizon():
    """Four active days of likes, and a reply at the edge of the 672 hours.

    hours ago   672  671 . . . . 96  72  48  24  0
    likes                        x   x   x   x
    reply        ?    ?
    """
    likes = [Happening("like", CLOCK - ago, id=str(ago)) for ago in (96, 72, 48, 24)]
    for ago, counted in ((671, 1), (672, 0)):
        reply = Happening("reply", CLOCK - ago)
        assert count('committed_members{following="no"}', *likes, reply) == counted


def test_a_connection_needs_a_second_reply_day_in_the_horizon():
    """Replies both ways today, and one more on a day that is, or is no longer, in the horizon."""
    today = [Happening("reply", CLOCK), Happening("reply", CLOCK, direction="outbound")]
    name = 'relationships{following="no",stage="connection"}'
    for hours, counted in ((72 * 24, 1), (72 * 24 - 1, 0)):
        assert count(name, *today, Happening("reply", hours, id="2")) == counted


def test_one_change_moves_a_relationship_in_every_count():
    """To follow moves a conversation from one column to the other."""
    reply, follow = Happening("reply", CLOCK), Happening("follow", CLOCK)
    for following, events in (("no", [reply]), ("yes", [reply, follow])):
        census = census_of(partition_after(*events))
        columns = {name for name in census if "following" in name}
        assert columns == {
            f'closeknit_active_members{{following="{following}",window="{window}"}}'
            for window in ("1d", "7d", "28d")
        } | {
            f'closeknit_repliers{{following="{following}",window="{window}"}}'
            for window in ("1d", "7d", "28d")
        } | {f'closeknit_relationships{{following="{following}",stage="conversation"}}'}


def test_time_alone_forgets_what_nobody_touches():
    """After the horizon a conversation has lapsed; after two, its replies are in no window."""
    lapsed = 'closeknit_relationships{following="no",stage="lapsed"}'
    before = 'closeknit_interactions_previous{ago="28d",direction="inbound",kind="reply",window='
    reply = Happening("reply", 0)
    assert census_of(partition_after(reply, clock=672)) == {
        lapsed: 1,
        before + '"7d"}': 1,
        before + '"28d"}': 1,
    }
    assert census_of(partition_after(reply, clock=1344)) == {lapsed: 1}


def test_touching_an_account_purges_what_is_behind_the_floor():
    """Memory is bounded by the floor, not by history."""
    touches = [Happening("like", 48 * i, id=str(i), member=f"m{i}") for i in range(200)]
    partition = partition_after()
    for touch in touches:  # settled as a worker does, again and again
        partition.apply("like", [touch.record()], 0)
        partition.settle()
    places = partition.census._accounts[ACCOUNT].places
    hours = [hour for place in places if (hour := place >> 5) < HOUR0 * 2]
    assert min(hours) > partition.clock - 2160 - 48
    assert census_of(partition)['closeknit_relationships{following="no",stage="lapsed"}'] == 186


@given(
    st.lists(
        st.tuples(
            st.integers(0, 3),  # hours later
            st.booleans(),  # somebody reads
            st.dictionaries(st.integers(0, 40), st.integers(-3, 3), max_size=5),
        ),
        max_size=12,
    )
)
def test_reading_now_and_then_is_as_reading_at_the_end(steps):
    """A reading that is kept up to date is the one that reads all places anew."""
    often, once, clock = Census(), Census(), HOUR0 + 3000
    for later, is_read, moved in steps:
        clock += later
        # From what is about to be forgotten to what lies ahead, two rings.
        moves = {(clock + 2 - at * 55) << 5 | at % 2: n for at, n in moved.items()}
        often.move(ACCOUNT, moves, clock)
        once.move(ACCOUNT, moves, clock)
        if is_read:
            often.read(ACCOUNT, clock)
    assert often.read(ACCOUNT, clock) == once.read(ACCOUNT, clock)


def test_a_reader_in_another_thread_never_sees_half_a_move():
    """An account goes to and fro between two states; whoever looks finds it in one of them.

    With the interpreter's switch interval at its smallest, a reader comes in between any two
    steps that the writer takes.
    """
    events = [
        Happening(kind, hour, member=f"m{hour}", direction=direction)
        for hour in range(0, 600, 5)
        for kind, direction in (("reply", "inbound"), ("reply", "outbound"), ("follow", "inbound"))
    ]
    more = [replace(event, hours=event.hours + 24, id="2") for event in events]
    before, after = partition_after(*events), partition_after(*events, *more)
    clock = HOUR0 + 700
    there: dict[int, int] = {}
    for key, value in after.relationships.items():
        refile(there, before.relationships[key], value)
    back = {filed: -n for filed, n in there.items()}
    assert len(there) > 200
    census, finished = before.census, Event()
    states = [before.census.read(ACCOUNT, clock)]
    census.move(ACCOUNT, there, clock)
    states.append(census.read(ACCOUNT, clock))
    assert states[0] != states[1]

    def go_to_and_fro():
        for _ in range(2000):
            census.move(ACCOUNT, back, clock)
            census.move(ACCOUNT, there, clock)
        finished.set()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        writer = Thread(target=go_to_and_fro)
        writer.start()
        seen = [0, 0]
        while not finished.is_set():
            seen[states.index(census.read(ACCOUNT, clock))] += 1
        writer.join()
    finally:
        sys.setswitchinterval(interval)
    assert min(seen) > 0  # or nothing was proven
