"""Admission decides what becomes of a record; nothing is lost without a reason."""

import pytest

from schemas.events import Event, Reason
from streams.core.admission import (
    REROUTED_FROM,
    Misplaced,
    Outcome,
    PassedBy,
    Refused,
    Rules,
    admit,
)
from streams.core.placement import partition_of, relationship_key
from streams.core.time import HOUR_MS
from tests.core.worlds import T0, Happening, Record, tick

PARTITIONS = 4
KEY = relationship_key("brand", "ann")
HOME = partition_of(KEY, PARTITIONS)
AWAY = (HOME + 1) % PARTITIONS
RULES = Rules(PARTITIONS, ignored_members=frozenset({"bot"}), max_value_bytes=3000)
RESENT = ((REROUTED_FROM, b"likes/3/77"),)


def decide(record, number=HOME, rules=RULES, known=(), now_ms=T0, kind="like"):
    """What is to be done with one record of the likes."""
    ([what], [at], _) = admit([record], kind, number, rules, known, now_ms)
    assert (at == -1) == isinstance(what, Refused)
    return what


def like(**fields):
    """A like, somehow different."""
    return Happening("like", 0, extra=fields).record()


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (Record(None), Reason.EMPTY),  # a tombstone
        (Record(b""), Reason.EMPTY),  # no bytes
        (Record(b"x" * 3001), Reason.TOO_LARGE),  # not even looked into
        (Record(b"like"), Reason.NOT_JSON),
        (Record(b'{"kind":"visit","at":"2026-01-01T00:00:00Z"}'), Reason.UNKNOWN_KIND),
        (Happening("share", 0).record(), Reason.KIND_MISMATCH),  # a share among the likes
        (like(at="2026-07-04T14:38:07"), Reason.INVALID_TIME),  # naive
        (Record(b'{"kind":"tick","at":"soon"}'), Reason.INVALID_TIME),  # a tick has a time too
        (like(id=""), Reason.INVALID_ID),  # empty
        (like(id="x" * 513), Reason.INVALID_ID),  # long
        (like(account=""), Reason.INVALID_ACCOUNT),  # empty
        (like(account="a" * 257), Reason.INVALID_ACCOUNT),  # long
        (like(account="two words"), Reason.INVALID_ACCOUNT),  # its key would be ambiguous
        (like(member="no\u00a0break"), Reason.INVALID_MEMBER),  # Unicode white space
        (like(member="bell\u0007"), Reason.INVALID_MEMBER),  # a control character
        (like(member="next\u0085line"), Reason.INVALID_MEMBER),  # a C1 control character
        (like(member="bot\n"), Reason.INVALID_MEMBER),  # invalid before ignored
        (like(member="brand"), Reason.SELF_INTERACTION),
    ],
)
def test_what_cannot_be_applied_is_refused_with_its_reason(record, reason):
    """Wherever it was read: an invalid record is never re-sent."""
    for number in range(PARTITIONS):
        verdict = decide(record, number)
        assert isinstance(verdict, Refused)
        assert (verdict.record, verdict.reason) == (record, reason)
        assert verdict.detail


@pytest.mark.parametrize(
    "fields",
    [
        {"id": "x" * 512},  # the longest id
        {"id": "has spaces"},  # only accounts and members may not
        {"member": "m" * 256},  # the longest member
        {"member": "👩‍🚀"},  # characters, not bytes, and joiners are neither space nor control
        {"member": "Brand"},  # another case is another identity
        {"surprise": {"deep": [1, 2]}},  # unknown fields are ignored
    ],
)
def test_what_is_unusual_but_valid_is_admitted(fields):
    """At the edge of the rules, on the right side."""
    record = like(**fields)
    member = fields.get("member", "ann")
    home = partition_of(relationship_key("brand", member), PARTITIONS)
    ([event], [at], [key]) = admit([record], "like", home, RULES, (), T0)
    assert isinstance(event, Event)
    assert key == relationship_key("brand", member)
    assert at == T0


@pytest.mark.parametrize(
    ("record", "number", "known", "expected"),
    [
        # a tick belongs to every partition of every topic
        (tick(0), HOME, (), PassedBy(Outcome.TICK)),
        (tick(0), AWAY, (), PassedBy(Outcome.TICK)),
        # ignored before misplaced, and even if it was known before it was ignored
        (like(member="bot"), HOME, (), PassedBy(Outcome.IGNORED)),
        (like(member="bot"), AWAY, (), PassedBy(Outcome.IGNORED)),
        (like(member="bot"), HOME, {relationship_key("brand", "bot")}, PassedBy(Outcome.IGNORED)),
    ],
)
def test_what_changes_nothing_is_passed_by(record, number, known, expected):
    """It is valid and moves the clock."""
    assert decide(record, number, known=known) == expected


def test_a_record_in_the_wrong_partition_is_resent_once():
    """To its partition, under its canonical key; removals too."""
    for op in ("add", "remove"):
        record = Happening("like", 0, op=op).record()
        verdict = decide(record, AWAY)
        assert verdict == PassedBy(Outcome.REROUTED, Misplaced(record, HOME, KEY))


def test_misplaced_again_it_is_refused_and_says_where_it_came_from():
    """Or it would go round for ever, when topics have different numbers of partitions."""
    verdict = decide(Happening("like", 0).record(headers=RESENT), AWAY)
    assert isinstance(verdict, Refused)
    assert verdict.reason is Reason.MISPLACED
    assert "likes/3/77" in verdict.detail


def test_a_resent_record_is_admitted_at_home():
    """The header only matters where the record is misplaced."""
    assert isinstance(decide(Happening("like", 0).record(headers=RESENT), HOME), Event)


def test_a_known_relationship_is_not_judged_again():
    """It was admitted here before: its ids and its place are right."""
    assert isinstance(decide(Happening("like", 0).record(), AWAY, known={KEY}), Event)


@pytest.mark.parametrize(
    ("at_hours", "timestamp", "now_hours", "refused"),
    [
        (0, T0, 0, False),  # now
        (1, T0, 0, False),  # an hour ahead of both is allowed
        (1.001, T0, 0, True),  # more is not
        (1.001, T0 + HOUR_MS, 0, True),  # ahead of the wall clock
        (1.001, T0, 5, True),  # ahead of when it was written, though past by now
        (1.001, -1, 1, False),  # a record without a timestamp has only the wall clock
        (-9999, T0, 0, False),  # however old
    ],
)
def test_a_clock_ahead_of_ours_is_refused_in_live_use_only(at_hours, timestamp, now_hours, refused):
    """One bad clock must not age everybody; in a replay the events are the clock."""
    record = Happening("like", at_hours).record(timestamp=timestamp)
    now_ms = T0 + int(now_hours * HOUR_MS)
    verdict = decide(record, rules=RULES._replace(clock="wall"), now_ms=now_ms)
    assert isinstance(verdict, Refused) == refused
    if refused:
        assert verdict.reason is Reason.IN_FUTURE
    assert isinstance(decide(record, now_ms=now_ms), Event)
