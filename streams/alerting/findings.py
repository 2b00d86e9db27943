"""What may be found about an account: the conditions of the account alerts.

Each finding is a recorded series `account:closeknit_finding:value`, there while its conditions
hold: so charts can mark it, and an alert can bridge the minute in which a partition moves. None is
there while the numbers cannot be trusted.
"""

import json
import re
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from streams.alerting.thresholds import Divergence, Settings, Thresholds
from streams.metrics.accounts import OTHER

Conditions = Callable[[Thresholds, str], list[str]]
"""Thresholds, and a selector of the accounts that have them, to conditions that all must hold.

The value of the first is the value of the finding, and only it needs the selector.
"""


class Finding(NamedTuple):
    """Conditions, and the topics that must be up to date to judge them."""

    conditions: Conditions
    topics: tuple[str, ...]
    history: bool = False
    """Whether it needs weeks to compare with."""

    def expr(self, settings: Settings) -> str:
        """The accounts of which it is so, in PromQL."""
        variants = [
            "\nand on (account) ".join(f"({one})" for one in self.conditions(thresholds, accounts))
            for accounts, thresholds in _variants(settings)
        ]
        found = "\nor ".join(variants)
        trusted = [
            "and on () (closeknit:accounts_over_limit:max == 0)",
            f'and on () (sum(topic:closeknit_current:bool{{topic=~"{"|".join(self.topics)}"}})'
            f" == {len(self.topics)})",
        ]
        if self.history:
            weeks = settings.trust.history_weeks
            trusted.insert(
                0, f"and on (account) (account:closeknit_history_weeks:count >= {weeks})"
            )
        return "\n".join([f"(\n{found}\n)" if len(variants) > 1 else found, *trusted])


def _variants(settings: Settings) -> Iterator[tuple[str, Thresholds]]:
    """The accounts by their thresholds: those for all, then each that has its own."""
    others = "|".join(re.escape(account) for account in (OTHER, *settings.accounts))
    yield f"account!~{_quoted(others)}", settings.thresholds
    for account, thresholds in settings.accounts.items():
        yield f"account={_quoted(account)}", thresholds


def _quoted(text: str) -> str:
    """A string of PromQL."""
    return json.dumps(text, ensure_ascii=False)


# A count strays from what is usual by its square root, by chance alone: a change that is smaller
# than a few of these roots is none.


def _falls(metric: str, some: str, below: float, roots: float) -> list[str]:
    now = f"{metric}:sum{{{some}}}"
    return [
        f"{now} < {below:g} * {metric}:usual",
        f"{metric}:usual - {now} > {roots:g} * sqrt({metric}:usual)",
    ]


def _rises(metric: str, some: str, above: float, roots: float) -> list[str]:
    now = f"{metric}:sum{{{some}}}"
    return [
        f"{now} > {above:g} * {metric}:usual",
        f"{now} - {metric}:usual > {roots:g} * sqrt({metric}:usual)",
    ]


def _diverges(limits: Divergence, accounts: str, window: str) -> list[str]:
    replies, follows = "account:closeknit_replies", "account:closeknit_follows"
    of_window = f'window="{window}"'
    return [
        *_falls(replies, f"{accounts},{of_window}", limits.replies_below, limits.roots),
        f"{replies}:usual{{{of_window}}} >= {limits.least_replies}",
        *_rises(follows, of_window, limits.follows_above, limits.roots),
        f"{follows}:sum{{{of_window}}} >= {limits.least_follows}",
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
        *_falls(engaged, accounts, limits.engaged_below, limits.roots),
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
    return [
        f"account:closeknit_waiting_members:sum{{{accounts}}} >= {limits.least_members}",
        f"account:closeknit_waiting_members:ratio > {limits.share_above:g}",
    ]


_ALL = ("follows", "likes", "replies", "shares")

FINDINGS: Final = {
    "RepliesFallWhileFollowsRise": Finding(_replies_fall, ("follows", "replies"), history=True),
    "RepliesFallWhileFollowsRiseSlowly": Finding(
        _replies_fall_slowly, ("follows", "replies"), history=True
    ),
    "NewFollowersStayHollow": Finding(_hollow, _ALL),
    "FollowBurstWithoutEngagement": Finding(_burst, _ALL),
    "PeopleWaitForAnswers": Finding(_waiting, ("replies",)),
}
"""Every finding, by the name of its alert."""
