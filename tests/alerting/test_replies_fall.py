"""Replies that fall while follows rise: when that is told, and when it is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.alerting.promtool import Case
from tests.alerting.stories import DIVERGES, DIVERGES_SLOWLY, FALL, HELD, SLOW, STEADY, month, week
from tests.alerting.world import DAY, HOUR, Account, Worker, on, one, then, together

pytestmark = pytest.mark.prometheus


def edges(alert: str, table: str, shape: Callable[..., Account], rise: float) -> list[Case]:
    """Both sides of each threshold of the two rules that differ in their window and one number."""
    risen = round(rise * 300)
    rows = [
        # replies, usual, follows, usual, whether it fires, threshold
        (160, 200, 400, 200, False, "replies_below"),  # 0.8 times the usual is not below it
        (159, 200, 400, 200, True, "replies_below"),
        (48, 64, 400, 200, False, "roots"),  # 64 - 2 * 8
        (47, 64, 400, 200, True, "roots"),
        (5, 19, 400, 200, False, "least_replies"),  # far enough by its roots, and yet too few
        (6, 20, 400, 200, True, "least_replies"),
        (100, 200, risen, 300, False, "follows_above"),  # so many times the usual is not above it
        (100, 200, risen + 1, 300, True, "follows_above"),
        (100, 200, 35, 25, False, "roots"),  # 25 + 2 * 5
        (100, 200, 36, 25, True, "roots"),
        (100, 200, 19, 4, False, "least_follows"),
        (100, 200, 20, 4, True, "least_follows"),
    ]
    return [
        Case(
            f"{alert}: {replies} replies for {usual}, {follows} follows for {usually}: "
            f"{'told' if fires else 'not told'}",
            alert,
            shape(replies, usual, follows, usually),
            HELD if fires else None,
            pins=f"thresholds.{table}.{threshold}",
        )
        for replies, usual, follows, usually, fires, threshold in rows
    ]


def rhythm(minute: int) -> Account:
    """Ten replies an hour on weekdays, one at week-ends; twice as many follows as ever."""
    hour = minute // HOUR + 7 * 24 * 10

    def replies(hours: range) -> int:
        return sum(1 if at // 24 % 7 >= 5 else 10 for at in hours)

    this, *before = (replies(range(hour - 168 * (n + 1), hour - 168 * n)) for n in range(5))
    today = replies(range(hour - 24, hour))
    return Account(replies=this, replies_before=tuple(before), replies_1d=today, follows=200)  # type: ignore[arg-type]


QUIET = [
    Case("a steady account is left in peace", FALL, STEADY, None),
    Case(
        "replies and follows that both rise are good news",
        FALL,
        week(200, 100, 200, 100),
        None,
    ),
    Case(
        "replies and follows that both fall are another story",
        FALL,
        week(50, 100, 50, 100),
        None,
    ),
    Case("replies alone that fall are another story", FALL, week(30, 100, 100, 100), None),
    Case("follows alone that rise are good news", FALL, week(100, 100, 300, 100), None),
    Case("eight replies that become none are too few to say", FALL, week(0, 8, 40, 8), None),
    Case(
        "one odd week in the baseline does not move it",
        FALL,
        replace(STEADY, replies_before=(100, 900, 100, 100), follows=200),
        None,
    ),
    Case(
        "one odd week that lies across two in the baseline does not move it",
        FALL,
        replace(STEADY, replies_before=(100, 175, 175, 100), follows=200),
        None,
    ),
    Case(
        "one week of few follows that lies across two in the baseline does not move it",
        FALL,
        replace(STEADY, replies=50, follows_before=(100, 40, 40, 100), follows=120),
        None,
    ),
    Case(
        "one odd week does not make a small account a large one",
        FALL,
        replace(STEADY, replies=0, replies_before=(15, 15, 15, 100), follows=200),
        None,
    ),
    Case(
        "a week-end is no fall",
        FALL,
        on("a", lambda minute: Worker(accounts={"acme": rhythm(minute)})(minute)),
        None,
        end=8 * DAY,
        tick=4 * HOUR,
    ),
    Case(
        "two weeks of history are not enough to compare with",
        FALL,
        replace(
            DIVERGES,
            replies=20,
            replies_before=(100, 100, 0, 0),
            follows_before=(100, 100, 0, 0),
        ),
        None,
    ),
    Case(
        "three weeks of history are not enough to compare with",
        FALL,
        replace(DIVERGES, replies_before=(100, 100, 100, 0), follows_before=(100, 100, 100, 0)),
        None,
        pins="trust.history_weeks",
    ),
    Case(
        "a month of history is enough, be its first week ever so thin",
        FALL,
        replace(DIVERGES, replies_before=(100, 100, 100, 0), follows_before=(100, 100, 100, 1)),
        HELD,
        pins="trust.history_weeks",
    ),
    Case("the month: a steady account is left in peace", SLOW, STEADY, None),
    Case("the month: both rise", SLOW, month(900, 400, 900, 400), None),
    Case("the month: replies alone fall", SLOW, month(200, 400, 400, 400), None),
    Case(
        "the month: three weeks of history are not enough",
        SLOW,
        replace(DIVERGES_SLOWLY, replies_before=(9, 9, 9, 0), follows_before=(9, 9, 9, 0)),
        None,
    ),
    Case(
        "the month: with replies behind nothing is said",
        SLOW,
        one(DIVERGES_SLOWLY, lag={"replies": 601}),
        None,
    ),
    Case("those who share _other are no account", FALL, one(DIVERGES, name="_other"), None),
]

LOUD = [
    Case(
        "replies fall to nothing while follows rise: told",
        FALL,
        on("a", Worker(accounts={"acme": week(0, 100, 200, 100), "other": STEADY})),
        HELD,
        labels={"account": "acme"},
    ),
    Case("the month: replies fall to nothing", SLOW, month(0, 400, 900, 400), HELD),
    Case(
        "an account is the sum of its partitions",
        FALL,
        together(
            on("a", Worker(partitions=[0], accounts={"acme": week(30, 40, 150, 30)})),
            on("b", Worker(partitions=[1], accounts={"acme": week(30, 60, 50, 70)})),
        ),
        HELD,
    ),
    Case(
        "an account that one worker knows nothing of is told all the same",
        FALL,
        together(
            on("a", Worker(partitions=[0], accounts={"acme": DIVERGES})),
            on("b", Worker(partitions=[1])),
        ),
        HELD,
    ),
    Case(
        "what is over for a day is over; that it comes and goes before is no news",
        FALL,
        then(
            one(DIVERGES),
            (3 * HOUR, one(STEADY)),
            (4 * HOUR, one(DIVERGES)),
            (5 * HOUR, one(STEADY)),
        ),
        HELD,
        over=29 * HOUR,
        tick=HOUR,
    ),
]

CASES = [
    *QUIET,
    *LOUD,
    *edges(FALL, "replies_fall", week, rise=1.3),
    *edges(SLOW, "replies_fall_slowly", month, rise=1.15),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.claim)
def test_replies_against_follows(case: Case, verdicts: dict[str, str]) -> None:
    """Silent until the very evaluation at which it should fire, or to the end."""
    assert verdicts.get(case.claim, "") == ""
