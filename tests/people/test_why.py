"""Why somebody is on a list: each sentence, with its singulars and plurals."""

from __future__ import annotations

import pytest

from streams.core.relationship import Relationship
from streams.people import LISTINGS, why
from tests.people.worlds import NOW, after, at


def reason(name: str, story: str) -> str:
    """Why the one member of a story is on the list."""
    (person,) = LISTINGS[name].find(after(f"ada: {story}"), NOW)
    return person.why


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        ("reply in 0h", "waiting under 1 h: 1 reply unanswered; you never replied"),
        ("reply in 1h", "waiting 1 h: 1 reply unanswered; you never replied"),
        ("reply in 47h", "waiting 47 h: 1 reply unanswered; you never replied"),
        ("reply in 48h", "waiting 2 d: 1 reply unanswered; you never replied"),
        (
            "reply in 216h, reply in 50h, reply in 100h",  # the last in time, not to arrive
            "waiting 9 d: 3 replies unanswered, the last 2 d ago; you never replied",
        ),
        (
            "9 reply in 300h, 12 reply out 250h, 2 reply in 5h",  # answered ones are not counted
            "waiting 5 h: 2 replies unanswered, the last 5 h ago; you replied 12 times before",
        ),
        (
            "reply in 300h, reply out 250h, reply in 5h",
            "waiting 5 h: 1 reply unanswered; you replied once before",
        ),
        (
            "reply in 300h, 2 reply out 250h, reply in 5h",
            "waiting 5 h: 1 reply unanswered; you replied twice before",
        ),
        (
            "reply in 60h, reply out 60h, reply in 5h",  # in the same moment is not later
            "waiting 5 h: 1 reply unanswered; you replied once before",
        ),
        (
            "reply in 672h, reply in 5h",  # what is past the horizon no longer waits
            "waiting 5 h: 1 reply unanswered; you never replied",
        ),
        (
            "reply in 671h, reply in 5h",
            "waiting 27 d: 2 replies unanswered, the last 5 h ago; you never replied",
        ),
        (
            "90 reply in 100h, reply in 5h",  # those that were evicted count as well
            "waiting 4 d: 91 replies unanswered, the last 5 h ago; you never replied",
        ),
    ],
)
def test_awaiting(story: str, expected: str) -> None:
    assert reason("awaiting", story) == expected


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        (
            "10 reply in 500h, 4 reply in 264h, 12 reply out 250h",
            "14 replies on 2 days; you replied 12 times; last heard 11 d ago",
        ),
        (
            "reply in 264h",
            "1 reply on 1 day; you never replied; last heard 11 d ago; waiting 11 d for an answer",
        ),
        ("like in 264h", "1 like on 1 day; last heard 11 d ago"),  # nothing to answer
        ("like in 264h, reply out 1h", "1 like on 1 day; you replied once; last heard 11 d ago"),
        (
            "like in 500h, 2 like in 300h, share in 264h",
            "1 share and 3 likes on 3 days; last heard 11 d ago",
        ),
        (
            "reply in 400h, reply out 390h, 2 share in 300h, 2,000 like in 264h",
            "1 reply, 2 shares and 2,000 likes on 3 days; you replied once; last heard 11 d ago",
        ),
        (
            # More than is remembered one by one, and longer ago than by the hour.
            "like in 3000h, like in 2900h, 64 like in 264h",
            "66 likes on at least 1 day; last heard 11 d ago",
        ),
    ],
)
def test_cooling(story: str, expected: str) -> None:
    assert reason("cooling", story.replace("2,000", "2000")) == expected


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        (
            "5 like in 500h, follow in 120h, 4 reply in 60h, 2 like in 1h, reply out 50h",
            "followed 5 d ago; since then 4 replies and 2 likes on 2 days; you replied once",
        ),
        (
            "follow in 30h, reply in 20h",
            "followed 30 h ago; since then 1 reply on 1 day; waiting 20 h for an answer",
        ),
        (
            "follow in 120h, share in 60h",
            "followed 5 d ago; since then 1 share on 1 day; you never replied",
        ),
        (
            "follow in 120h, 70 like in 60h",  # those that were evicted count as well
            "followed 5 d ago; since then 70 likes on 1 day; you never replied",
        ),
        (
            "follow in 120h, 70 like in 120h",  # also in the hour of the follow
            "followed 5 d ago; since then 70 likes on 1 day; you never replied",
        ),
    ],
)
def test_promising(story: str, expected: str) -> None:
    assert reason("promising", story) == expected


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        (
            "reply in 100h, reply out 50h",
            "1 reply on 1 day; you replied once; last heard 4 d ago",
        ),
        (
            "reply in 100h, reply out 90h, reply in 50h",
            "2 replies on 2 days; you replied once; last heard 2 d ago; waiting 2 d for an answer",
        ),
    ],
)
def test_connections(story: str, expected: str) -> None:
    assert reason("connections", story) == expected


@pytest.mark.parametrize(
    ("story", "expected"),
    [
        ("follow in 288h", "followed 12 d ago; never a like, share or reply"),
        ("follow in 1h", "followed 1 h ago; never a like, share or reply"),
        ("seeded in 1h", "followed before we looked; never a like, share or reply"),
        (
            "follow in 288h, 2 reply out 200h",
            "followed 12 d ago; never a like, share or reply; you replied twice",
        ),
        ("follow in 48000h", "followed 2,000 d ago; never a like, share or reply"),
    ],
)
def test_hollow(story: str, expected: str) -> None:
    assert reason("hollow", story) == expected


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"reply": 1, "share": 0, "like": 0}, "1 reply"),
        ({"reply": 2, "share": 0, "like": 1}, "2 replies and 1 like"),
        ({"reply": 0, "share": 1, "like": 2}, "1 share and 2 likes"),
        ({"reply": 1234, "share": 2, "like": 3}, "1,234 replies, 2 shares and 3 likes"),
        ({"reply": 0, "share": 0, "like": 0}, "nothing"),
    ],
)
def test_what_weighs_most_comes_first(counts: dict[str, int], expected: str) -> None:
    assert why.listed(counts) == expected


def test_an_event_of_the_hour_after_the_clock_was_just_now() -> None:
    """With a wall clock that may be."""
    assert why.ago(at(-1), NOW) == "under 1 h ago"


def test_of_nobody_we_say_that_we_never_replied() -> None:
    assert why.replied(Relationship()) == "you never replied"
