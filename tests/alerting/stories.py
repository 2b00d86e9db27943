"""What may be the matter with an account, and what is told then."""

from __future__ import annotations

from dataclasses import replace

from tests.alerting.world import HOUR, Account

FALL, SLOW = "RepliesFallWhileFollowsRise", "RepliesFallWhileFollowsRiseSlowly"
HOLLOW, BURST = "NewFollowersStayHollow", "FollowBurstWithoutEngagement"
WAIT = "PeopleWaitForAnswers"

STEADY = Account()
HALF = (100, 200)

HELD = 2 * HOUR
"""How long it must be so before it is told."""


def week(replies: float, usual_replies: float, follows: float, usual_follows: float) -> Account:
    """The last 7 days; four weeks before it were all alike."""
    return Account(
        replies=replies,
        replies_before=(usual_replies,) * 4,
        follows=follows,
        follows_before=(usual_follows,) * 4,
    )


def month(replies: float, replies_before: float, follows: float, follows_before: float) -> Account:
    """The last 28 days, and the 28 before."""
    return Account(
        replies_28d=replies,
        replies_28d_before=replies_before,
        follows_28d=follows,
        follows_28d_before=follows_before,
    )


DIVERGES = week(60, 100, 200, 100)
DIVERGES_SLOWLY = month(200, 400, 900, 400)


def newcomers(engaged: float, of: float, *, before: tuple[float, float]) -> Account:
    """Followers of one to four weeks, and those who came before them: engaged, in all."""
    earlier, all_earlier = before
    return replace(
        STEADY,
        engaged_7_28d=(engaged, of - engaged),
        engaged_28_90d=(earlier, all_earlier - earlier),
    )


def burst(follows: float, usual_week: float, engaged: float, of: float) -> Account:
    """Follows of a day; how many of the week's new followers engaged."""
    return replace(
        STEADY,
        follows_1d=follows,
        follows_before=(usual_week,) * 4,
        engaged_0_7d=(engaged, of - engaged),
    )


def answered(some: float, of: float, *, before: tuple[float, float] = HALF) -> Account:
    """People who replied one to seven days ago, and one to four weeks ago: answered, in all."""
    earlier, all_earlier = before
    return replace(
        STEADY,
        waiting=(of - some - 5, 5),
        waiting_7_28d=all_earlier - earlier,
        repliers=(10, 10 + of, 10 + of + all_earlier),
    )
