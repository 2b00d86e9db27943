"""The meters add up what the engine tells them, and no more."""

import pytest

from schemas.events import Reason
from streams.core.partition import Outcome
from streams.metrics.meters import FLUSH_BUCKETS, Meters, Reading


def test_outcomes_of_chunks_add_up_by_topic():
    """What happens to likes is not told of shares."""
    meters = Meters()
    meters.count("likes", {Outcome.APPLIED: 998, Outcome.LATE: 2})
    meters.count("likes", {Outcome.APPLIED: 1})
    assert meters.events["likes"]["applied"] == 999
    assert meters.events["likes"]["late"] == 2
    assert sum(meters.events["shares"].values()) == 0


def test_dead_letters_add_up_by_reason():
    """One at a time or many."""
    meters = Meters()
    meters.dead_letter(Reason.TOO_LARGE)
    meters.dead_letter(Reason.TOO_LARGE, 4)
    assert {reason: n for reason, n in meters.dead_letters.items() if n} == {"too_large": 5}


@pytest.mark.parametrize(
    ("seconds", "bucket"),
    [
        (0.0, 0),
        (0.001, 0),  # an upper bound belongs to its bucket
        (0.0011, 1),
        (10.0, len(FLUSH_BUCKETS) - 1),
        (11.0, len(FLUSH_BUCKETS)),  # beyond all bounds
    ],
)
def test_a_flush_falls_into_the_bucket_of_its_duration(seconds, bucket):
    """Bounds are inclusive, as `le` says."""
    meters = Meters()
    meters.flushed(seconds, records=3, size=70, now_ms=5)
    assert [i for i, n in enumerate(meters.flush_buckets) if n] == [bucket]
    assert (meters.flush_seconds, meters.flush_records, meters.flush_bytes) == (seconds, 3, 70)
    assert meters.last_flush_ms == 5


def test_the_last_event_time_never_goes_back():
    """Late events and chunks without a valid event leave it as it is."""
    meters = Meters()
    for at_ms in (-1, 5_000, 3_000, -1):
        meters.event_seen("likes", 3, at_ms)
    assert meters.last_event_ms == {("likes", 3): 5_000}


def test_a_topic_without_a_valid_event_has_no_last_event_time():
    """-1 is not a time."""
    meters = Meters()
    meters.event_seen("likes", 3, -1)
    assert meters.last_event_ms == {}


@pytest.mark.parametrize(
    ("position", "end", "written_ms", "reading"),
    [
        (7, 7, 40, Reading(0, 90)),  # caught up: all until now, however old the last record is
        (0, 0, None, Reading(0, 90)),  # an empty topic
        (5, 7, 40, Reading(2, 40)),  # two to read, both written after the last that was read
        (5, 7, None, Reading(2, 90)),  # nothing read yet: waiting at least since we looked
        (8, 7, 40, Reading(0, 90)),  # what we know of the end is older than our position
    ],
)
def test_a_position_tells_how_far_all_was_read(position, end, written_ms, reading):
    """In records, and up to which moment."""
    meters = Meters()
    meters.position("likes", 0, position=position, end=end, now_ms=90, written_ms=written_ms)
    assert meters.readings == {("likes", 0): reading}


def test_waiting_for_the_first_record_is_counted_from_the_first_look():
    """Or a reader that never starts would look as if it were always a moment behind."""
    meters = Meters()
    for now_ms in (90, 190, 290):
        meters.position("likes", 0, position=5, end=7, now_ms=now_ms)
    assert meters.readings["likes", 0].read_until_ms == 90


def test_losing_a_partition_forgets_its_readings_but_no_count():
    """A partition that comes back must not show what it was before; counters only rise."""
    meters = Meters()
    meters.count("likes", {Outcome.APPLIED: 1})
    for number in (0, 1):
        meters.event_seen("likes", number, 1)
        meters.position("likes", number, position=0, end=0, now_ms=1)
    meters.lost(0)
    assert meters.last_event_ms.keys() == meters.readings.keys() == {("likes", 1)}
    assert meters.events["likes"]["applied"] == 1
