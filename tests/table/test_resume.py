"""Where a source partition is read on: the decision, case by case."""

import pytest

from streams.core.partition_record import Position
from streams.table.halt import BrokenInvariant
from streams.table.resume import Log, resume

OLD, NEW = "topic-id-before", "topic-id-after"

CASES = [
    # stored position, what the broker has, the offset to read next, a word of the warning
    (None, Log(OLD, 0, 0), 0, ""),  # an empty topic, never read
    (None, Log(OLD, 7, 9), 7, ""),  # never read, and retention has already removed its start
    (Position(5, OLD), Log(OLD, 0, 9), 5, ""),  # the plain case
    (Position(9, OLD), Log(OLD, 0, 9), 9, ""),  # caught up
    (Position(9, OLD), Log(OLD, 9, 9), 9, ""),  # caught up, and all of it deleted since
    (Position(5, OLD), Log(OLD, 6, 9), 6, "retention"),  # one record gone unread
    (Position(5, OLD), Log(NEW, 0, 9), 0, "anew"),  # another topic of the same name, longer
    (Position(5, OLD), Log(NEW, 0, 2), 0, "anew"),  # another topic of the same name, shorter
    (Position(5), Log(None, 0, 2), 0, "anew"),  # no topic ids: too short is the only sign
    (Position(5), Log(None, 0, 9), 5, ""),  # no topic ids, and no sign
    (Position(5), Log(NEW, 0, 9), 5, ""),  # written before the broker had topic ids
]


@pytest.mark.parametrize(("stored", "log", "offset", "warning"), CASES)
def test_reading_resumes_at_the_stored_offset_of_the_same_topic_and_says_so_if_it_cannot(
    stored: Position | None, log: Log, offset: int, warning: str
) -> None:
    resumption = resume("likes/3", stored, log)
    assert resumption.offset == offset
    assert warning in resumption.warning
    assert bool(warning) == bool(resumption.warning)


def test_a_topic_that_lost_records_already_applied_stops_the_worker() -> None:
    """The same topic cannot end before what was read of it."""
    with pytest.raises(BrokenInvariant, match=r"likes/3 ends at offset 4.*closeknit reset"):
        resume("likes/3", Position(5, OLD), Log(OLD, 0, 4))
