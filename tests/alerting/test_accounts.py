"""What is told about an account, and what is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.alerting.promtool import RULES, Case, Trial, failures
from tests.alerting.world import (
    DAY,
    HOUR,
    Account,
    Samples,
    Worker,
    nobody,
    on,
    one,
    then,
    together,
)

pytestmark = pytest.mark.prometheus

STEADY = Account()
FALL, SLOW = "RepliesFallWhileFollowsRise", "RepliesFallWhileFollowsRiseSlowly"
HOLLOW, BURST = "NewFollowersStayHollow", "FollowBurstWithoutEngagement"
WAIT = "PeopleWaitForAnswers"

AFTER_6H = 6 * HOUR


def week(replies: float, usual_replies: float, follows: float, usual_follows: float) -> Account:
    return Account(
        replies=replies,
        replies_before=(usual_replies,) * 4,
        follows=follows,
        follows_before=(usual_follows,) * 4,
    )


def month(replies: float, replies_before: float, follows: float, follows_before: float) -> Account:
    return Account(
        replies_28d=replies,
        replies_28d_before=replies_before,
        follows_28d=follows,
        follows_28d_before=follows_before,
    )


DIVERGES = week(60, 100, 200, 100)


def edges(alert: str, table: str, shape) -> list[Case]:
    """Both sides of each threshold of the two rules that differ only in their window."""
    rows = [
        # replies, usual, follows, usual, whether it fires, threshold
        (140, 200, 400, 200, False, "replies_below"),  # 0.7 times the usual is not below it
        (139, 200, 400, 200, True, "replies_below"),
        (40, 64, 400, 200, False, "roots"),  # 64 - 3 * 8
        (39, 64, 400, 200, True, "roots"),
        (5, 19, 400, 200, False, "least_replies"),  # far enough by its roots, and yet too few
        (6, 20, 400, 200, True, "least_replies"),
        (100, 200, 260, 200, False, "follows_above"),  # 1.3 times the usual is not above it
        (100, 200, 261, 200, True, "follows_above"),
        (100, 200, 88, 64, False, "roots"),  # 64 + 3 * 8
        (100, 200, 89, 64, True, "roots"),
        (100, 200, 19, 4, False, "least_follows"),
        (100, 200, 20, 4, True, "least_follows"),
    ]
    return [
        Case(
            f"{alert}: {replies} replies for {usual}, {follows} follows for {usually}: "
            f"{'told' if fires else 'not told'}",
            alert,
            shape(replies, usual, follows, usually),
            AFTER_6H if fires else None,
            pins=f"thresholds.{table}.{threshold}",
        )
        for replies, usual, follows, usually, fires, threshold in rows
    ]


# -- the numbers are right, and nothing is amiss


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
        "one lost week of follows does not move the baseline",
        FALL,
        replace(STEADY, replies=50, follows_before=(100, 100, 0, 100), follows=120),
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
        AFTER_6H,
        pins="trust.history_weeks",
    ),
    Case("the month: a steady account is left in peace", SLOW, STEADY, None),
    Case("the month: both rise", SLOW, month(900, 400, 900, 400), None),
    Case("the month: replies alone fall", SLOW, month(200, 400, 400, 400), None),
    Case(
        "the month: three weeks of history are not enough",
        SLOW,
        replace(
            month(200, 400, 900, 400), replies_before=(9, 9, 9, 0), follows_before=(9, 9, 9, 0)
        ),
        None,
    ),
    Case(
        "the month: with replies behind nothing is said",
        SLOW,
        one(month(200, 400, 900, 400), lag={"replies": 601}),
        None,
    ),
    Case("those who share _other are no account", FALL, one(DIVERGES, name="_other"), None),
]

LOUD = [
    Case(
        "replies fall to nothing while follows rise: told",
        FALL,
        on("a", Worker(accounts={"acme": week(0, 100, 200, 100), "other": STEADY})),
        AFTER_6H,
        labels={"account": "acme"},
    ),
    Case("the month: replies fall to nothing", SLOW, month(0, 400, 900, 400), AFTER_6H),
    Case(
        "an account is the sum of its partitions",
        FALL,
        together(
            on("a", Worker(partitions=[0], accounts={"acme": week(30, 40, 150, 30)})),
            on("b", Worker(partitions=[1], accounts={"acme": week(30, 60, 50, 70)})),
        ),
        AFTER_6H,
    ),
    Case(
        "an account that one worker knows nothing of is told all the same",
        FALL,
        together(
            on("a", Worker(partitions=[0], accounts={"acme": DIVERGES})),
            on("b", Worker(partitions=[1])),
        ),
        AFTER_6H,
    ),
    Case(
        "replies fall while follows rise: told after six hours, and no more soon after its end",
        FALL,
        then(one(DIVERGES), (7 * HOUR, one(STEADY))),
        AFTER_6H,
        over=7 * HOUR + 20,
        tick=10,
    ),
]

# -- the numbers are not to be trusted

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
    """Thirty hours without a reply, after which hardly anybody replies."""
    last = {"replies": 0} if minute < 30 * HOUR else {}
    return Worker(accounts={"acme": DIVERGES if minute >= 30 * HOUR else STEADY}, last_event=last)(
        minute
    )


def source_dies_late(minute: int) -> Samples:
    """After a week like any other, few replies, and soon none."""
    gone = max(0, minute - 7 * DAY)
    account = week(84 - 100 * gone / (7 * DAY), 100, 200, 100) if gone else STEADY
    last = {"replies": 7 * DAY * 60} if gone else {}
    return Worker(accounts={"acme": account}, last_event=last)(minute)


UNTRUSTED = [
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
        36 * HOUR,
        tick=3 * HOUR,
    ),
    Case(
        "a topic ten minutes behind is near enough",
        FALL,
        one(DIVERGES, lag={"replies": 600}),
        AFTER_6H,
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
        AFTER_6H,
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
            (SLOW, month(200, 400, 900, 400)),
            (HOLLOW, replace(STEADY, engaged_7_28d=(0, 200))),
            (BURST, replace(STEADY, follows_1d=500, engaged_0_7d=(0, 500))),
            (WAIT, replace(STEADY, waiting=(25, 25))),
        )
    ),
    Case(
        "a gap of ten minutes does not begin the wait anew",
        FALL,
        then(one(DIVERGES), (3 * HOUR, nobody), (3 * HOUR + 10, one(DIVERGES))),
        AFTER_6H,
        tick=10,
    ),
    Case(
        "a gap of half an hour does",
        FALL,
        then(one(DIVERGES), (3 * HOUR, nobody), (3 * HOUR + 30, one(DIVERGES))),
        9 * HOUR + 30,
        tick=10,
    ),
]

# -- the other findings


def newcomers(engaged: float, of: float, *, before: tuple[float, float]) -> Account:
    """Followers of one to four weeks, and those who came before them: engaged, in all."""
    earlier, all_earlier = before
    return replace(
        STEADY,
        engaged_7_28d=(engaged, of - engaged),
        engaged_28_90d=(earlier, all_earlier - earlier),
    )


def burst(follows: float, usual_week: float, engaged: float, of: float) -> Account:
    return replace(
        STEADY,
        follows_1d=follows,
        follows_before=(usual_week,) * 4,
        engaged_0_7d=(engaged, of - engaged),
    )


def unanswered(waiting: float, of: float) -> Account:
    """People who replied one to seven days ago; ten more did so today."""
    return replace(STEADY, waiting=(waiting - 5, 5), repliers=(10, 10 + of))


HALF = (100, 200)

OTHERS = [
    Case("newcomers as engaged as those before them", HOLLOW, STEADY, None),
    Case(
        "newcomers none of whom engages: told after six hours",
        HOLLOW,
        newcomers(0, 200, before=HALF),
        AFTER_6H,
    ),
    Case(
        "few followers, all hollow: too few to say",
        HOLLOW,
        newcomers(0, 30, before=HALF),
        None,
    ),
    Case(
        "half of the usual is not below it",
        HOLLOW,
        newcomers(50, 200, before=HALF),
        None,
        pins="thresholds.hollow.engaged_below",
    ),
    Case(
        "less than half of the usual",
        HOLLOW,
        newcomers(49, 200, before=HALF),
        AFTER_6H,
        pins="thresholds.hollow.engaged_below",
    ),
    Case(
        "10 for 25 may be chance",
        HOLLOW,
        newcomers(10, 50, before=HALF),
        None,
        pins="thresholds.hollow.roots",
    ),
    Case(
        "9 for 25 is none",
        HOLLOW,
        newcomers(9, 50, before=HALF),
        AFTER_6H,
        pins="thresholds.hollow.roots",
    ),
    Case(
        "19 who should have engaged are too few",
        HOLLOW,
        newcomers(0, 38, before=HALF),
        None,
        pins="thresholds.hollow.least_engaged",
    ),
    Case(
        "20 who should have engaged",
        HOLLOW,
        newcomers(0, 40, before=HALF),
        AFTER_6H,
        pins="thresholds.hollow.least_engaged",
    ),
    Case(
        "19 earlier ones say too little",
        HOLLOW,
        newcomers(0, 200, before=(19, 38)),
        None,
        pins="thresholds.hollow.least_engaged",
    ),
    Case(
        "20 earlier ones",
        HOLLOW,
        newcomers(0, 200, before=(20, 40)),
        AFTER_6H,
        pins="thresholds.hollow.least_engaged",
    ),
    Case(
        "an account without earlier followers has nothing to compare with",
        HOLLOW,
        newcomers(0, 200, before=(0, 0)),
        None,
    ),
    Case(
        "newcomers cannot be judged while likes are not read",
        HOLLOW,
        one(newcomers(0, 200, before=HALF), lag={"likes": 601}),
        None,
    ),
    Case("an ordinary day", BURST, STEADY, None),
    Case("bought followers: told after an hour", BURST, burst(500, 100, 3, 500), HOUR),
    Case("a viral post brings people who engage", BURST, burst(500, 100, 150, 500), None),
    Case(
        "three times a usual day is not above it",
        BURST,
        burst(300, 700, 0, 300),
        None,
        pins="thresholds.burst.follows_above",
    ),
    Case(
        "more than three times a usual day",
        BURST,
        burst(301, 700, 0, 301),
        HOUR,
        pins="thresholds.burst.follows_above",
    ),
    Case(
        "99 a day are no burst",
        BURST,
        burst(99, 70, 0, 99),
        None,
        pins="thresholds.burst.least_follows",
    ),
    Case(
        "100 a day are",
        BURST,
        burst(100, 70, 0, 100),
        HOUR,
        pins="thresholds.burst.least_follows",
    ),
    Case(
        "a tenth of whom engaged",
        BURST,
        burst(500, 100, 50, 500),
        None,
        pins="thresholds.burst.engaged_below",
    ),
    Case(
        "less than a tenth of whom engaged",
        BURST,
        burst(500, 100, 49, 500),
        HOUR,
        pins="thresholds.burst.engaged_below",
    ),
    Case(
        "a burst cannot be judged while shares are not read",
        BURST,
        one(burst(500, 100, 0, 500), lag={"shares": 601}),
        None,
    ),
    Case("everybody was answered", WAIT, STEADY, None),
    Case("people wait: told after six hours", WAIT, unanswered(100, 100), AFTER_6H),
    Case(
        "seven of ten wait",
        WAIT,
        unanswered(70, 100),
        None,
        pins="thresholds.waiting.share_above",
    ),
    Case(
        "more than seven of ten wait",
        WAIT,
        unanswered(71, 100),
        AFTER_6H,
        pins="thresholds.waiting.share_above",
    ),
    Case("19 wait", WAIT, unanswered(19, 19), None, pins="thresholds.waiting.least_members"),
    Case("20 wait", WAIT, unanswered(20, 20), AFTER_6H, pins="thresholds.waiting.least_members"),
    Case(
        "who waits cannot be said while replies are not read",
        WAIT,
        one(unanswered(100, 100), lag={"replies": 601}),
        None,
    ),
]

# Told after an hour, and so looked at more often.
OTHERS = [
    case._replace(tick=HOUR, end=2 * HOUR) if case.alert == BURST else case for case in OTHERS
]

CASES = [
    *QUIET,
    *LOUD,
    *edges(FALL, "replies_fall", week),
    *edges(SLOW, "replies_fall_slowly", month),
    *UNTRUSTED,
    *OTHERS,
]


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What does not hold; all cases are tried at once, for a start of promtool takes longest."""
    trial = Trial("built", RULES, CASES)
    return failures([trial], tmp_path_factory.mktemp("accounts"))["built"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.claim)
def test_an_account(case: Case, verdicts: dict[str, str]) -> None:
    """Silent until the very evaluation at which it should fire, or to the end."""
    assert verdicts.get(case.claim, "") == ""
