"""What may be found about an account: the conditions of the account alerts.

Each finding is a recorded series `account:closeknit_finding:value`, there while its conditions
hold: so charts can mark it, and an alert can bridge the minute in which a partition moves. None is
there while the numbers cannot be trusted.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from streams.alerting.thresholds import Divergence, Settings, Thresholds
from streams.alerting.variants import variants

Conditions = Callable[[Thresholds, str], list[str]]
"""Thresholds, and a selector of the accounts that have them, to conditions that all must hold.

The value of the first is the value of the finding, and only it needs the selector.
"""


class Finding(NamedTuple):
    """Conditions, and the topics that must be up to date to judge them."""

    conditions: Conditions
    topics: tuple[str, ...]

    def expr(self, settings: Settings) -> str:
        """The accounts of which it is so, in PromQL."""
        by_thresholds = [
            "\nand on (account) ".join(f"({one})" for one in self.conditions(thresholds, accounts))
            for accounts, thresholds in variants(settings)
        ]
        found = "\nor ".join(by_thresholds)
        trusted = [
            "and on () (closeknit:accounts_over_limit:max == 0)",
            f'and on () (sum(topic:closeknit_current:bool{{topic=~"{"|".join(self.topics)}"}})'
            f" == {len(self.topics)})",
        ]
        return "\n".join([f"(\n{found}\n)" if len(by_thresholds) > 1 else found, *trusted])


def _diverges(limits: Divergence, accounts: str, window: str) -> list[str]:
    replies, follows = "account:closeknit_replies", "account:closeknit_follows"
    some, of_window = f'{{{accounts},window="{window}"}}', f'{{window="{window}"}}'
    return [
        f"{replies}:sum{some} < {replies}:usual_least",
        f"{replies}:usual{of_window} >= {limits.least_replies}",
        f"{follows}:sum{of_window} > {follows}:usual_most",
        f"{follows}:sum{of_window} >= {limits.least_follows}",
    ]


def _fewer(metric: str, accounts: str, below: float, roots: float) -> list[str]:
    """A count of people is below a share of the usual, and by more than chance explains."""
    return [
        f"{metric}:sum{{{accounts}}} < {below:g} * {metric}:usual",
        f"{metric}:usual - {metric}:sum > {roots:g} * sqrt({metric}:usual)",
    ]


def _replies_fall(thresholds: Thresholds, accounts: str) -> list[str]:
    return _diverges(thresholds.replies_fall, accounts, "7d")


def _replies_fall_slowly(thresholds: Thresholds, accounts: str) -> list[str]:
    return _diverges(thresholds.replies_fall_slowly, accounts, "28d")


def _hollow(thresholds: Thresholds, accounts: str) -> list[str]:
    limits = thresholds.hollow
    engaged = "account:closeknit_newcomers_engaged"
    earlier = 'account:closeknit_followers_by_tenure:sum{engaged="yes",tenure="28-90d"}'
    return [
        *_fewer(engaged, accounts, limits.engaged_below, limits.roots),
        f"{engaged}:usual >= {limits.least_engaged}",
        f"{earlier} >= {limits.least_engaged}",
    ]


def _burst(thresholds: Thresholds, accounts: str) -> list[str]:
    limits = thresholds.burst
    follows, day = "account:closeknit_follows", 'window="1d"'
    newcomers = 'account:closeknit_followers_by_tenure:engaged_ratio{tenure="0-7d"}'
    return [
        f"{follows}:sum{{{accounts},{day}}} > {limits.follows_above:g} * {follows}:usual",
        f"{follows}:sum{{{day}}} >= {limits.least_follows}",
        f"{newcomers} < {limits.engaged_below:g}",
    ]


def _waiting(thresholds: Thresholds, accounts: str) -> list[str]:
    limits = thresholds.waiting
    answered = "account:closeknit_answered_members"
    return [
        *_fewer(answered, accounts, limits.answered_below, limits.roots),
        f"{answered}:usual >= {limits.least_answered}",
    ]


_ALL = ("follows", "likes", "replies", "shares")

FINDINGS: Final = {
    "RepliesFallWhileFollowsRise": Finding(_replies_fall, ("follows", "replies")),
    "RepliesFallWhileFollowsRiseSlowly": Finding(_replies_fall_slowly, ("follows", "replies")),
    "NewFollowersStayHollow": Finding(_hollow, _ALL),
    "FollowBurstWithoutEngagement": Finding(_burst, _ALL),
    "PeopleWaitForAnswers": Finding(_waiting, ("replies",)),
}
"""Every finding, by the name of its alert."""
