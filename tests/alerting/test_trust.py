"""While the numbers cannot be trusted nothing is told of any account."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.alerting.promtool import Case
from tests.alerting.stories import (
    BURST,
    DIVERGES,
    DIVERGES_SLOWLY,
    FALL,
    HELD,
    HOLLOW,
    SLOW,
    STEADY,
    WAIT,
    answered,
    week,
)
from tests.alerting.world import DAY, HOUR, Samples, Worker, nobody, on, one, then, together

pytestmark = pytest.mark.prometheus

# As a whole, nothing happens: one half of the people falls silent and begins to follow, the other
# half does the reverse. Whoever sees only the first half sees the pattern.
FIRST = Worker(partitions=[0], accounts={"acme": week(10, 60, 150, 50)})
SECOND = Worker(partitions=[1], accounts={"acme": week(90, 40, 50, 150)})
BOTH = together(on("a", FIRST), on("b", SECOND))


def catching_up(minute: int) -> Samples:
    """Follows are read at once, replies in eight hours: the tables lack what is not yet read."""
    behind = max(0, 12 * HOUR - minute * 1.5)
    account = week(50 if behind else 100, 100, 200, 100)
    return Worker(accounts={"acme": account}, lag={"replies": behind * 60})(minute)


def source_dies(minute: int) -> Samples:
    """No reply after minute 0, from anybody; follows come in as never before."""
    account = week(100 * max(0, 1 - minute / (7 * DAY)), 100, 200, 100)
    return Worker(accounts={"acme": account}, last_event={"replies": 0})(minute)


def source_returns(minute: int) -> Samples:
    """Three days without a reply, and what was not delivered is lost; follows as never before."""
    gone = min(minute, 3 * DAY) - max(0, minute - 7 * DAY)
    account = week(100 * (1 - max(0, gone) / (7 * DAY)), 100, 200, 100)
    last = {"replies": 0} if minute < 3 * DAY else {}
    return Worker(accounts={"acme": account}, last_event=last)(minute)


def short_outage(minute: int) -> Samples:
    """After a week like any other, thirty hours without a reply, and then few replies."""
    begins, ends = 7 * DAY, 7 * DAY + 30 * HOUR
    last = {"replies": begins * 60} if begins <= minute < ends else {}
    return Worker(accounts={"acme": DIVERGES if minute >= ends else STEADY}, last_event=last)(
        minute
    )


def source_dies_late(minute: int) -> Samples:
    """After a week like any other, few replies, and soon none."""
    gone = max(0, minute - 7 * DAY)
    account = week(95 - 100 * gone / (7 * DAY), 100, 200, 100) if gone else STEADY
    last = {"replies": 7 * DAY * 60} if gone else {}
    return Worker(accounts={"acme": account}, last_event=last)(minute)


CASES = [
    Case("halves that make up for each other are a steady whole", FALL, BOTH, None),
    Case("a worker is down", FALL, then(BOTH, (HOUR, on("a", FIRST))), None, end=12 * HOUR),
    Case(
        "a partition moves, and its new owner takes hours to recover it",
        FALL,
        then(BOTH, (HOUR, together(on("a", FIRST), on("b", Worker(partitions=[]))))),
        None,
        end=12 * HOUR,
    ),
    Case(
        "a partition is exported twice",
        FALL,
        together(on("a", FIRST), on("b", SECOND), on("c", FIRST), on("d", FIRST)),
        None,
    ),
    Case(
        "one partition is exported twice and another not at all",
        FALL,
        together(on("a", FIRST), on("c", FIRST)),
        None,
    ),
    Case(
        "a worker that starts with other settings silences, and is not believed",
        FALL,
        together(on("a", replace(FIRST, of=1)), on("b", Worker(partitions=[], of=2))),
        None,
    ),
    Case("the tables catch up after 12 hours", FALL, on("a", catching_up), None, end=20 * HOUR),
    Case(
        "the source of replies is dead while follows flow",
        FALL,
        on("a", source_dies),
        None,
        end=6 * DAY,
        tick=3 * HOUR,
    ),
    Case(
        "the source of replies dies in a week of few",
        FALL,
        on("a", source_dies_late),
        None,
        end=9 * DAY,
        tick=3 * HOUR,
    ),
    Case(
        "a source that was dead for days is back, and the week still lacks them",
        FALL,
        on("a", source_returns),
        None,
        end=11 * DAY,
        tick=3 * HOUR,
    ),
    Case(
        "a source that was dead for a day and a bit is back: what is lost makes no fall",
        FALL,
        on("a", short_outage),
        7 * DAY + 33 * HOUR,
        tick=3 * HOUR,
    ),
    Case(
        "a topic ten minutes behind is near enough",
        FALL,
        one(DIVERGES, lag={"replies": 600}),
        HELD,
        pins="trust.most_lag",
    ),
    *(
        Case(
            f"with {topic} further behind nothing is said",
            FALL,
            one(DIVERGES, lag={topic: 601}),
            None,
            pins="trust.most_lag",
        )
        for topic in ("replies", "follows")
    ),
    Case(
        "likes that are far behind do not matter to replies",
        FALL,
        one(DIVERGES, lag={"likes": 1e9}),
        HELD,
    ),
    Case(
        "while the lag of a topic is not known nothing is said",
        FALL,
        together(
            on("a", Worker(partitions=[0], accounts={"acme": DIVERGES})),
            on("b", Worker(partitions=[1], lag_unknown=["replies"])),
        ),
        None,
    ),
    *(
        Case(
            f"with accounts over the limit there is no {alert}",
            alert,
            one(account, over_limit=True),
            None,
        )
        for alert, account in (
            (FALL, DIVERGES),
            (SLOW, DIVERGES_SLOWLY),
            (HOLLOW, replace(STEADY, engaged_7_28d=(0, 200))),
            (BURST, replace(STEADY, follows_1d=500, engaged_0_7d=(0, 500))),
            (WAIT, answered(0, 200)),
        )
    ),
    Case(
        "a gap of ten minutes does not begin the wait anew",
        FALL,
        then(one(DIVERGES), (HOUR, nobody), (HOUR + 10, one(DIVERGES))),
        HELD,
        tick=10,
    ),
    Case(
        "a gap of half an hour does",
        FALL,
        then(one(DIVERGES), (HOUR, nobody), (HOUR + 30, one(DIVERGES))),
        3 * HOUR + 30,
        tick=10,
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.claim)
def test_an_account_that_cannot_be_judged(case: Case, verdicts: dict[str, str]) -> None:
    """Silent until the very evaluation at which it should fire, or to the end."""
    assert verdicts.get(case.claim, "") == ""
