"""One relationship explained: the rule, the next step, how long it lasts, what it consists of."""

from __future__ import annotations

from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.core.kinds import LIKE_IN, REPLY_IN, REPLY_OUT, SHARE_IN
from streams.core.packing import hash_of
from streams.core.relationship import Relationship, Stage
from streams.core.time import HOUR_MS, format_ms
from streams.people import consists_of, lasts_until, next_step, rule, timeline
from tests.model import worlds as model
from tests.people.worlds import NOW, STRENGTH, after, changelog_after

_ids = count()


def relationship(story: str) -> Relationship:
    (value,) = after(f"ada: {story}").values.values()
    return Relationship.unpack(value)


@pytest.mark.parametrize(
    ("story", "because", "further"),
    [
        (
            "reply in 100h, reply out 50h",
            "replies both ways in the last 28 days, on 2 of them (2 are enough)",
            None,
        ),
        (
            "reply in 5h",  # today
            "they replied in the last 28 days, you did not",
            "your answer, and a reply on one more day, make it a connection",
        ),
        (
            "reply in 50h",  # another day: an answer today is a second one
            "they replied in the last 28 days, you did not",
            "your answer makes it a connection",
        ),
        (
            "reply out 700h, reply in 50h",  # ours was too long ago
            "they replied in the last 28 days, you did not",
            "your answer makes it a connection",
        ),
        (
            "reply in 5h, reply out 4h",
            "replies both ways in the last 28 days, but all on one day",
            "a reply on one more day, yours or theirs, makes it a connection",
        ),
        (
            "reply in 50h, reply out 49h",
            "replies both ways in the last 28 days, but all on one day",
            "one more reply, yours or theirs, makes it a connection",
        ),
        (
            "like in 50h",
            "they liked or shared in the last 28 days, and did not reply",
            "a reply from them makes it a conversation",
        ),
        (
            "like in 50h, reply out 40h",  # we have already spoken
            "they liked or shared in the last 28 days, and did not reply",
            "a reply from them makes it a connection",
        ),
        (
            "reply in 672h",
            "they engaged once, but not in the last 28 days",
            "a reply from them makes it a conversation, a like or share a fan",
        ),
        (
            "follow in 5h",
            "they follow, and never liked, shared or replied",
            "a reply from them makes it a conversation, a like or share a fan",
        ),
        (
            "reply out 50h",
            "they do not follow, and never liked, shared or replied",
            "a reply from them makes it a connection, a like or share a fan",
        ),
    ],
)
def test_the_rule_and_the_next_step(story: str, because: str, further: str | None) -> None:
    of = relationship(story)
    assert rule(of, NOW) == because
    assert next_step(of, NOW, STRENGTH) == further


def then(of: Relationship, code: int, clock: int) -> Relationship:
    """The relationship after one more interaction, in the hour of the clock."""
    changed = Relationship.unpack(of.pack())
    changed.add(hash_of(code, f"then-{next(_ids)}"), code, clock * HOUR_MS, clock, STRENGTH)
    return changed


@settings(max_examples=50)
@given(story=model.moves(), later=st.sampled_from(model.EDGES))
def test_what_is_promised_of_the_next_step_comes_true(story: list[model.Move], later: int) -> None:
    changelog = changelog_after(model.tell(story), 0)
    clock = changelog.clock + later
    for value in changelog.values.values():
        of = Relationship.unpack(value)
        stage, said = of.stage(clock), next_step(of, clock, STRENGTH)
        ours, theirs = then(of, REPLY_OUT, clock), then(of, REPLY_IN, clock)
        like, share = then(of, LIKE_IN, clock), then(of, SHARE_IN, clock)
        if stage is Stage.CONNECTION:
            assert said is None
            continue
        assert said is not None
        if stage is Stage.CONVERSATION:
            nearer = {
                "your answer makes it a connection": ours,
                "one more reply, yours or theirs, makes it a connection": theirs,
                "a reply on one more day, yours or theirs, makes it a connection": then(
                    of, REPLY_IN, clock + 24
                ),
                "your answer, and a reply on one more day, make it a connection": then(
                    ours, REPLY_IN, clock + 24
                ),
            }
            hour = clock + 24 if "day" in said else clock
            assert nearer[said].stage(hour) is Stage.CONNECTION
            if "yours or theirs" not in said:  # theirs alone would not do
                assert theirs.stage(clock) is Stage.CONVERSATION
        else:
            assert said.startswith(f"a reply from them makes it a {theirs.stage(clock)}")
            assert (stage is Stage.FAN) == ("like" not in said)
            assert like.stage(clock) is share.stage(clock) is Stage.FAN


@pytest.mark.parametrize(
    ("story", "until"),
    [
        ("reply in 500h, reply in 5h, reply out 4h", "2026-03-27T23:00"),  # of two days one is left
        ("reply in 50h, reply out 500h, reply in 5h", "2026-03-27T14:00"),  # ours is past
        ("reply in 500h, reply out 50h, reply out 5h", "2026-03-27T14:00"),  # theirs is past
        ("reply in 5h", "2026-04-17T05:00"),
        ("reply in 700h, like in 5h", "2026-04-17T05:00"),
    ],
)
def test_a_stage_lasts_until_what_it_needs_is_28_days_old(story: str, until: str) -> None:
    """To the hour; a day of replies lasts to its end."""
    end = lasts_until(relationship(story), NOW)
    assert end is not None
    assert format_ms(end)[:16] == until


@settings(max_examples=50)
@given(story=model.moves(), later=st.sampled_from(model.EDGES))
def test_a_stage_ends_when_it_is_said_to_and_not_before(
    story: list[model.Move], later: int
) -> None:
    changelog = changelog_after(model.tell(story), 0)
    clock = changelog.clock + later
    for value in changelog.values.values():
        of = Relationship.unpack(value)
        stage, until = of.stage(clock), lasts_until(of, clock)
        if until is None:
            assert of.stage(clock + 10_000) is stage
        else:
            assert until % HOUR_MS == 0
            assert of.stage(until // HOUR_MS - 1) is stage
            assert of.stage(until // HOUR_MS) is not stage


@settings(max_examples=50)
@given(story=model.moves(), later=st.sampled_from(model.EDGES))
def test_the_portions_of_a_strength_add_up_to_it(story: list[model.Move], later: int) -> None:
    changelog = changelog_after(model.tell(story), 0)
    clock = changelog.clock + later
    for value in changelog.values.values():
        of = Relationship.unpack(value)
        portions, evicted = consists_of(of, clock, STRENGTH)
        whole = sum(portion.strength for portion in portions) + evicted
        assert whole == pytest.approx(of.strength(clock, STRENGTH), rel=1e-9, abs=1e-12)


def test_the_timeline_tells_firsts_lasts_and_follows_in_order() -> None:
    """What fell on the same moment is one entry; follows that ended are known by the hour."""
    told = timeline(
        relationship(
            "follow in 700h, unfollow in 600h, follow in 500h, reply in 400h, reply out 300h, "
            "like in 200h, reply in 250h"
        )
    )
    assert [(format_ms(at)[:16], what) for at, what in told] == [
        ("2026-02-19T06:00", "followed"),
        ("2026-02-23T10:00", "unfollowed"),
        ("2026-02-27T14:30", "followed, and follows since"),
        ("2026-03-03T18:30", "first heard from them"),
        ("2026-03-07T22:30", "first heard from you; your last reply; last heard from you"),
        ("2026-03-10T00:30", "their last reply"),
        ("2026-03-12T02:30", "last heard from them"),
    ]


def test_the_timeline_of_one_who_was_always_there_is_empty() -> None:
    assert timeline(relationship("seeded in 5h")) == []
