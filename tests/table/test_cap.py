"""The cap: a worker stops rather than divert most of a topic, and says what and why."""

from typing import NamedTuple

import pytest

from schemas.events import Reason
from streams.core.partition import Refused
from streams.table.cap import Cap, Watch

CAP = Cap(percent=50, window=10)


class Record(NamedTuple):
    offset: int
    value: bytes = b""
    timestamp: int = -1
    headers: tuple[tuple[str, bytes], ...] = ()


def refused(*offsets: int, reason: Reason = Reason.NOT_JSON, detail: str = "bad") -> list[Refused]:
    return [Refused(Record(offset), reason, detail) for offset in offsets]


@pytest.mark.parametrize(
    ("invalid", "stops"),
    [(0, False), (5, False), (6, True), (10, True)],  # half is still allowed
)
def test_a_worker_stops_when_more_than_the_cap_is_invalid(invalid: int, stops: bool) -> None:
    """Both sides of the limit, in one chunk."""
    assert (Watch(CAP).judge("likes", 0, 10, refused(*range(invalid))) is not None) is stops


def test_fewer_records_than_the_window_are_not_judged() -> None:
    """The first record of a day may be a bad one."""
    watch = Watch(CAP)
    assert watch.judge("likes", 0, 9, refused(*range(9))) is None
    assert watch.judge("likes", 1, 1, []) is None  # nothing was refused now: nothing to divert
    assert watch.judge("likes", 0, 1, refused(9)) is not None


def test_a_topic_is_judged_by_itself_over_all_its_partitions() -> None:
    """One broken producer does not hide behind three that are fine, nor blame them."""
    watch = Watch(CAP)
    for number in range(20):
        assert watch.judge("replies", number % 4, 10, []) is None
        stop = watch.judge("likes", number % 4, 1, refused(number))
        assert (stop is None) is (number < 9)
        if stop:
            break
    assert watch.judge("replies", 0, 1, refused(7)) is None


def test_what_was_read_long_ago_does_not_count() -> None:
    """A million good records do not buy a thousand bad ones, nor the other way round."""
    watch = Watch(CAP)
    assert watch.judge("likes", 0, 1_000_000, []) is None
    assert watch.judge("likes", 0, 10, refused(*range(10))) is not None
    watch = Watch(CAP)
    watch.judge("likes", 0, 5, refused(*range(5)))
    assert watch.judge("likes", 0, 10, refused(5)) is None


def test_a_cap_of_100_percent_is_none() -> None:
    """How to go on, for once, with what is there."""
    assert Watch(Cap(percent=100, window=1)).judge("likes", 0, 5, refused(*range(5))) is None


def test_the_message_has_counts_three_examples_of_different_reasons_and_no_member() -> None:
    """Enough to know whose fault it is, and what to do."""
    watch = Watch(CAP)
    watch.judge("likes", 3, 5, refused(*range(4), detail="the value is not JSON"))
    own = refused(8, reason=Reason.SELF_INTERACTION, detail="account and member are both 'ada'")
    stop = watch.judge("likes", 2, 5, [*own, *refused(9, reason=Reason.EMPTY, detail="no bytes")])
    assert stop is not None
    assert stop.code == 65
    message = str(stop)
    assert "6 of the last 10 records of likes are invalid" in message
    assert "(4 not_json, 1 self_interaction, 1 empty)" in message
    for example in (
        "likes/3/0 not_json: the value is not JSON",
        "likes/2/8 self_interaction: account and member are the same",
        "likes/2/9 empty: no bytes",
    ):
        assert example in message
    assert "ada" not in message
    assert "CLOSEKNIT_MAX_INVALID_PERCENT=100 closeknit worker --until-caught-up" in message
