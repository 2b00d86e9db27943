"""What the lists ask of a relationship: since when it waits, how strong it was when last heard."""

from __future__ import annotations

from itertools import pairwise

import pytest

from streams import people
from streams.core.relationship import Relationship
from streams.core.time import HOUR_MS
from streams.people import strength_when_last_heard, waiting
from tests.people.worlds import NOW, STRENGTH, after, at


def relationship(story: str) -> Relationship:
    (value,) = after(f"ada: {story}").values.values()
    return Relationship.unpack(value)


def test_nobody_has_waited_since_before_our_answer() -> None:
    """Six of these replies are known by the hour only, which is also that of our answer."""
    wait = waiting(relationship("70 reply in 100h, reply out 100h, reply in 5h"), NOW)
    assert wait is not None
    assert at(100) < wait.since <= at(100) + HOUR_MS
    assert wait.last == at(5)


@pytest.mark.parametrize(
    ("story", "strength"),
    [
        ("like in 201h", 1.0),
        ("like in 201h, reply out 201h", 5.0),  # up to the end of the hour
        ("like in 201h, reply out 200h", 1.0),  # what we did since is left out
        ("like in 201h, reply out 5h", 1.0),
        ("like in 2000h, like out 5h", 1.0),
        ("70 like in 300h", 70.0),  # evicted or not
        ("70 like in 300h, 70 reply out 200h", 70.0),
        ("70 like in 300h, 70 reply out 300h, 70 share out 200h", 350.0),
    ],
)
def test_strength_when_last_heard(story: str, strength: float) -> None:
    """Aged to that day, without anything later."""
    of = strength_when_last_heard(relationship(story), NOW, STRENGTH)
    assert of == pytest.approx(strength, rel=1e-12)


def test_who_was_never_heard_was_never_strong() -> None:
    assert strength_when_last_heard(relationship("reply out 5h"), NOW, STRENGTH) is None


def test_the_order_of_arrival_never_decides_who_comes_first() -> None:
    """Evicted strengths are summed as they leave: equal sums may differ in their last digits."""
    forth = ", ".join(f"like in {hours}h" for hours in range(290, 170, -1))
    back = ", ".join(reversed(forth.split(", ")))
    story = "\n".join(
        f"{name}: {likes}" for name, likes in zip("abcd", (forth, back, back, forth), strict=True)
    )
    others = "\n".join(f"other-{i:02}: like in 300h" for i in range(20))
    changelog = after(f"{story}\n{others}")
    exact = [
        strength_when_last_heard(Relationship.unpack(value), NOW, STRENGTH)
        for key, value in changelog.values.items()
        if key in {b"acme a", b"acme b", b"acme c", b"acme d"}
    ]
    assert any(one != other for one, other in pairwise(exact)), "the case is none"
    assert [person.member for person in people.cooling(changelog, NOW)][:4] == list("abcd")
