"""The finding: on both sides of every threshold, and right about a world whose truth is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from streams.report.facts import DAYS, WEEK, Facts, Joined, Week
from streams.report.finding import Kind, by_urgency, finding, usual

CLOCK = 500_000


def week(**numbers: int) -> Week:
    """A week in which nothing is so but this."""
    return Week(**(dict.fromkeys(Week._fields, 0) | numbers))


def by_day(weeks: list[int]) -> tuple[int, ...]:
    return tuple(day for n in weeks for day in (n, *[0] * 6))


@dataclass
class Account:
    """What may differ between the accounts of these tests; otherwise nothing happens.

    Replies and follows are those of eight weeks, followed by those of the last one.
    """

    replies: int = 0
    replies_before: int = 0
    follows: int = 0
    follows_before: int = 0
    unfollows: int = 0
    joined: Joined | None = None
    joined_before: Joined | None = None
    now: dict[str, int] | None = None
    then: dict[str, int] | None = None
    known: int = 2 * DAYS * 24

    def facts(self) -> Facts:
        happened = {
            "replies": by_day([self.replies_before] * 7 + [self.replies]),
            "follows": by_day([self.follows_before] * 7 + [self.follows]),
            "unfollows": by_day([0] * 7 + [self.unfollows]),
            "our_replies": (0,) * DAYS,
        }
        now = {
            **{"replies": self.replies, "follows": self.follows, "unfollows": self.unfollows},
            **(self.now or {}),
        }
        weeks = tuple(week(**(self.then or {})) for _ in range(4))
        return Facts(
            account="acme",
            clock=CLOCK,
            since=CLOCK - self.known,
            weeks=(*weeks, week(**now)) if self.known > 2 * WEEK else (week(**now),),
            joined=self.joined or Joined(),
            joined_before=self.joined_before,
            by_day=happened,
        )


FALL: dict[str, Any] = {"replies_before": 100, "replies": 79}
RISE: dict[str, Any] = {"follows_before": 100, "follows": 131}
SAME: dict[str, Any] = {"replies_before": 100, "replies": 100}
ACTIVE = Joined(came=100, engaged=60, spoke=20)


@pytest.mark.parametrize(
    ("account", "expected"),
    [
        # Replies fall while follows rise, by the rule of the alert.
        (Account(**FALL, **RISE, joined=ACTIVE), Kind.GROWING),
        (Account(replies_before=100, replies=80, **RISE, joined=ACTIVE), Kind.STEADY),
        (Account(**FALL, follows_before=100, follows=130, joined=ACTIVE), Kind.QUIET),
        # To nothing is a fall too.
        (Account(replies_before=100, replies=0, **RISE), Kind.GROWING),
        # 20 is enough, 19 is not; and 8 of 20 could be chance (twice the root is 8.9).
        (Account(replies_before=20, replies=11, follows_before=5, follows=20), Kind.GROWING),
        (Account(replies_before=19, replies=5, follows_before=5, follows=20), Kind.STEADY),
        (Account(replies_before=20, replies=12, follows=20, joined=ACTIVE), Kind.STEADY),
        # Replies hold, but who comes is hollow: fewer than a quarter engaged.
        (Account(**SAME, **RISE, joined=Joined(100, 0, 24, 0)), Kind.GROWING),
        (Account(**SAME, **RISE, joined=Joined(100, 0, 25, 0)), Kind.STEADY),
        # That is so of every follower of this account.
        (
            Account(**SAME, **RISE, joined=Joined(100, 0, 20, 0), joined_before=Joined(50, 0, 20)),
            Kind.STEADY,
        ),
        # Not answering: fewer than a quarter, of 20 at least; or far fewer than usual.
        (Account(**SAME, now={"repliers": 20, "answered": 4}), Kind.UNANSWERED),
        (Account(**SAME, now={"repliers": 20, "answered": 5}), Kind.STEADY),
        (Account(**SAME, now={"repliers": 19, "answered": 0}), Kind.STEADY),
        (
            Account(
                **SAME,
                now={"repliers": 100, "answered": 39},
                then={"repliers": 100, "answered": 80},
            ),
            Kind.UNANSWERED,
        ),
        (
            Account(
                **SAME,
                now={"repliers": 100, "answered": 40},
                then={"repliers": 100, "answered": 80},
            ),
            Kind.STEADY,
        ),
        # Going quiet: replies, or connections.
        (Account(**FALL), Kind.QUIET),
        (Account(**SAME, now={"connections": 79}, then={"connections": 100}), Kind.QUIET),
        (Account(**SAME, now={"connections": 80}, then={"connections": 100}), Kind.STEADY),
        # People leave, and fewer come.
        (Account(**SAME, unfollows=20, follows=19, follows_before=19), Kind.LEAVING),
        (Account(**SAME, unfollows=20, follows=20, follows_before=20), Kind.STEADY),
        (Account(**SAME, unfollows=19), Kind.STEADY),
        # Connecting: more connections than chance would give, or as many and answering well.
        (Account(**SAME, now={"connections": 121}, then={"connections": 100}), Kind.CONNECTING),
        (Account(**SAME, now={"connections": 120}, then={"connections": 100}), Kind.STEADY),
        (
            Account(
                **SAME,
                now={"connections": 80, "repliers": 20, "answered": 15},
                then={"connections": 100},
            ),
            Kind.CONNECTING,
        ),
        (
            Account(
                **SAME,
                now={"connections": 79, "repliers": 20, "answered": 15},
                then={"connections": 100},
            ),
            Kind.QUIET,
        ),
        # Small numbers are never news.
        (Account(replies=19, replies_before=5, now={"connections": 19}), Kind.TOO_LITTLE),
        (Account(replies=20, replies_before=5), Kind.STEADY),
        (Account(now={"connections": 20}, then={"connections": 20}), Kind.STEADY),
        # Less than two weeks are known.
        (Account(**FALL, **RISE, known=300), Kind.TOO_LITTLE),
    ],
)
def test_the_finding_is(account: Account, expected: Kind) -> None:
    found = finding(account.facts())
    assert found.kind is expected, found
    assert found.sentence.endswith(".")


def test_a_usual_week_is_the_median_of_the_four_before() -> None:
    """One odd week changes nothing; weeks that are not known do not count as empty ones."""
    account = Account().facts()
    account = account._replace(by_day={"likes": by_day([0, 0, 0, 30, 10, 999, 20, 7])})
    assert usual(account, "likes") == 25
    three_weeks = account._replace(since=CLOCK - 3 * WEEK)
    assert usual(three_weeks, "likes") == round((20 + 999) / 2)


@pytest.mark.parametrize(
    ("account", "sentence"),
    [
        (
            Account(**FALL, **RISE, joined=Joined(1914, 128, 60, 54)),
            "1,914 people followed in the last 28 days; 128 left again and 54 have ever spoken. "
            "Replies fell from 100 in a usual week to 79.",
        ),
        (
            Account(**SAME, **RISE, joined=Joined(100, 1, 2, 1)),
            "100 people followed in the last 28 days; 1 left again and 1 has ever spoken. "
            "Of all of them, 2 ever liked, shared or replied.",
        ),
        (
            Account(
                **SAME,
                now={"repliers": 61, "waiting": 58},
                then={"repliers": 50, "answered": 40, "waiting": 9},
            ),
            "Of 61 people who replied this week, nobody has your answer; four weeks ago it was "
            "40 of 50. 58 people are waiting, 9 then.",
        ),
        (
            Account(replies=1, follows=2, now={"connections": 3}),
            "1 reply and 2 follows this week, 0 and 0 in a usual one; fewer than 20 are too few "
            "to compare.",
        ),
        (Account(known=8 * 24), "9 days of this account are known; a comparison takes 14."),
    ],
)
def test_the_sentence_has_the_numbers(account: Account, sentence: str) -> None:
    assert finding(account.facts()).sentence == sentence


def test_one_odd_week_among_those_before_makes_no_fall_and_no_rise() -> None:
    """It lies across two of them, in which it makes more replies, and fewer follows."""
    account = Account(joined=ACTIVE).facts()
    happened = {
        "replies": by_day([100, 100, 100, 100, 175, 175, 100, 100]),
        "follows": by_day([100, 100, 100, 100, 40, 40, 100, 100]),
    }
    assert finding(account._replace(by_day={**account.by_day, **happened})).kind is Kind.STEADY


def test_a_fall_that_only_the_month_shows_is_told_by_the_month() -> None:
    """By now a usual week is as low: beside that one nothing fell."""
    account = Account(**RISE, joined=ACTIVE, now={"replies": 60}).facts()
    replies = by_day([100, 100, 100, 100, 60, 60, 60, 60])
    found = finding(account._replace(by_day={**account.by_day, "replies": replies}))
    assert found.kind is Kind.GROWING
    assert found.sentence.endswith(" Replies fell from 400 in the 28 days before to 240.")


def test_of_an_account_that_nobody_knows_it_says_so() -> None:
    nothing = Account(known=0).facts()._replace(since=None)
    assert str(finding(nothing)) == "Too little to tell: nothing is known of this account yet."


def test_the_demo_is_found_out(demo_facts: list[Facts]) -> None:
    """The begging, the silence, the talk and the honest growth; what needs attention first."""
    assert [(one.account, found.kind) for one, found in by_urgency(demo_facts)] == [
        ("peak-sneakers", Kind.GROWING),
        ("inkwell-books", Kind.UNANSWERED),
        ("summit-bikes", Kind.CONNECTING),
        ("harbour-coffee", Kind.CONNECTING),
    ]


def test_what_needs_attention_comes_first() -> None:
    """Then the larger audience; equals by their ids."""
    accounts: dict[str, Any] = {
        "a-quiet": Account(**FALL),
        "b-steady": Account(**SAME, now={"followers": 5}),
        "c-steady": Account(**SAME, now={"followers": 7}),
        "d-steady": Account(**SAME, now={"followers": 5}),
        "e-growing": Account(**FALL, **RISE),
    }
    found = [account.facts()._replace(account=id) for id, account in accounts.items()]
    ordered = [facts.account for facts, _ in by_urgency(found)]
    assert ordered == ["e-growing", "a-quiet", "c-steady", "b-steady", "d-steady"]
