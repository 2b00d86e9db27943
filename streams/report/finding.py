"""The finding: one headline about an account, and one sentence with the numbers that bear it out.

A change counts by the rules of the alerts (RepliesFallWhileFollowsRise, its slower companion, and
PeopleWaitForAnswers) and their default thresholds: a fall below a share of the second lowest of the
four weeks before, or a rise above a multiple of the second highest, by so many times the square
root of it, of at least so many. So small numbers are never news: of those it says that they are
small. The usual week that is named is the median of the four.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from math import sqrt
from statistics import median, quantiles
from typing import Final, NamedTuple

from streams.alerting.thresholds import DEFAULTS, Divergence
from streams.core.time import HORIZON
from streams.people.why import count
from streams.report.facts import WEEK, WEEKS_BACK, Facts, Week, share

_WEEK: Final = DEFAULTS.thresholds.replies_fall
_MONTH: Final = DEFAULTS.thresholds.replies_fall_slowly
_ANSWERS: Final = DEFAULTS.thresholds.waiting

ENOUGH: Final = _WEEK.least_replies
"""Below this many, a number is too small to draw a conclusion from."""

_ANSWERED_WELL, _HARDLY_ANSWERED = 0.75, 0.25
_HOLLOW = 0.25  # of those who came, so few have ever engaged


class Kind(StrEnum):
    """What an account's week amounts to; what needs attention most comes first."""

    GROWING = "growing, not connecting"
    UNANSWERED = "unanswered"
    QUIET = "going quiet"
    LEAVING = "losing followers"
    STEADY = "steady"
    CONNECTING = "connecting"
    TOO_LITTLE = "too little to tell"

    @property
    def alarming(self) -> bool:
        """Whether somebody should do something."""
        return self in {Kind.GROWING, Kind.UNANSWERED, Kind.QUIET, Kind.LEAVING}


class Finding(NamedTuple):
    """One headline and one sentence.

    Attributes:
        kind: what it amounts to.
        sentence: why, with numbers from the tables.
    """

    kind: Kind
    sentence: str

    @property
    def headline(self) -> str:
        """The kind as a headline."""
        return self.kind.capitalize()

    def __str__(self) -> str:
        return f"{self.headline}: {self.sentence}"


def finding(facts: Facts) -> Finding:
    """Draw the conclusion: the first kind that fits, in the order in which they are checked."""
    if facts.before is None:
        return Finding(Kind.TOO_LITTLE, _how_little_is_known(facts))
    for kind, says in _CHECKS:
        if sentence := says(facts):
            return Finding(kind, sentence)
    return Finding(Kind.STEADY, _steady(facts))


def by_urgency(found: Sequence[Facts]) -> list[tuple[Facts, Finding]]:
    """Every account with its finding: what needs attention first, then the larger audience."""
    kinds = list(Kind)
    return sorted(
        ((facts, finding(facts)) for facts in found),
        key=lambda each: (kinds.index(each[1].kind), -each[0].now.followers, each[0].account),
    )


def _growing(facts: Facts) -> str | None:
    now, joined = facts.now, facts.joined
    month, month_before = _months(facts, "replies")
    falls, fades = _fewer(facts, "replies"), _falls(month, month_before, _MONTH)
    rises = _more(facts, "follows") or _rises(*_months(facts, "follows"), _MONTH)
    engaged = share(joined.engaged, joined.came) or 0.0
    before = facts.joined_before
    once = share(before.engaged, before.came) if before else None
    hollow = joined.came >= ENOUGH and engaged < min(_HOLLOW, (once or 1.0) / 2)
    if not rises or not (falls or fades or hollow):
        return None
    came = (
        f"{count(joined.came, 'person')} followed in the last 28 days; {joined.left:,} left again "
        f"and {joined.spoke:,} {'has' if joined.spoke == 1 else 'have'} ever spoken."
    )
    if falls:
        replies = usual(facts, "replies")
        return f"{came} Replies fell from {replies:,} in a usual week to {now.replies:,}."
    if fades:
        return f"{came} Replies fell from {month_before:,} in the 28 days before to {month:,}."
    return f"{came} Of all of them, {joined.engaged:,} ever liked, shared or replied."


def _unanswered(facts: Facts) -> str | None:
    now, then = facts.now, _then(facts)
    shares = [week.answered_share for week in facts.weeks[:-1] if week.answered_share is not None]
    expected = now.repliers * median(shares) if shares else 0.0
    if now.repliers < ENOUGH:
        return None
    far_fewer = (
        now.answered < _ANSWERS.answered_below * expected
        and expected - now.answered > _ANSWERS.roots * sqrt(expected)
    )
    if now.answered >= _HARDLY_ANSWERED * now.repliers and not far_fewer:
        return None
    return (
        f"Of {count(now.repliers, 'person')} who replied this week, "
        f"{f'{now.answered:,}' if now.answered else 'nobody'} "
        f"{'have' if now.answered > 1 else 'has'} your answer; {ago(facts)} it was "
        f"{then.answered:,} of {then.repliers:,}. {count(now.waiting, 'person')} "
        f"{'is' if now.waiting == 1 else 'are'} waiting, {then.waiting:,} then."
    )


def _quiet(facts: Facts) -> str | None:
    now, then = facts.now, _then(facts)
    if not _fewer(facts, "replies") and not _falls(now.connections, then.connections, _WEEK):
        return None
    return (
        f"{count(now.replies, 'reply')} this week, {usual(facts, 'replies'):,} in a usual one; "
        f"{_connections(facts)}. You replied {times(now.our_replies)}, "
        f"{usual(facts, 'our_replies'):,} in a usual week."
    )


def _leaving(facts: Facts) -> str | None:
    now, left = facts.now, usual(facts, "unfollows")
    if now.unfollows <= now.follows or not _more(facts, "unfollows"):
        return None
    return (
        f"{count(now.unfollows, 'person')} left this week, {left:,} in a usual one; "
        f"{now.follows:,} came. {now.followers:,} follow now, "
        f"{_then(facts).followers:,} did {ago(facts)}."
    )


def _connecting(facts: Facts) -> str | None:
    now, then = facts.now, _then(facts)
    if now.connections < ENOUGH:
        return None
    least = 2 * sqrt(then.connections)  # half of them carry on from week to week: less is noise
    more = now.connections - then.connections > least and now.connections > 1.1 * then.connections
    as_many = then.connections - now.connections <= least
    answering = (now.answered_share or 0.0) >= _ANSWERED_WELL and now.repliers >= ENOUGH
    if not more and not (as_many and answering):
        return None
    return (
        f"{_connections(facts)}. Of {count(now.repliers, 'person')} who replied this week, "
        f"{now.answered:,} {'has' if now.answered == 1 else 'have'} your answer; of "
        f"{facts.joined.came:,} who followed in the last 28 days, {facts.joined.engaged:,} engaged "
        f"and {facts.joined.spoke:,} spoke."
    )


def _too_few(facts: Facts) -> str | None:
    now = facts.now
    largest = max(
        *(now.replies, usual(facts, "replies"), now.follows, usual(facts, "follows")),
        now.connections,
    )
    if largest >= ENOUGH:
        return None
    return (
        f"{count(now.replies, 'reply')} and {count(now.follows, 'follow')} this week, "
        f"{usual(facts, 'replies'):,} and {usual(facts, 'follows'):,} in a usual one; fewer than "
        f"{ENOUGH} are too few to compare."
    )


def _steady(facts: Facts) -> str:
    now = facts.now
    return (
        f"{count(now.replies, 'reply')} this week, {usual(facts, 'replies'):,} in a usual one; "
        f"{_connections(facts)}; {now.follows:,} followed and {now.unfollows:,} left."
    )


_CHECKS: tuple[tuple[Kind, Callable[[Facts], str | None]], ...] = (
    (Kind.GROWING, _growing),
    (Kind.UNANSWERED, _unanswered),
    (Kind.QUIET, _quiet),
    (Kind.LEAVING, _leaving),
    (Kind.CONNECTING, _connecting),
    (Kind.TOO_LITTLE, _too_few),
)


def usual(facts: Facts, what: str) -> int:
    """What happened in a usual week: the median of the four before, as far as they are known."""
    return round(median(_weeks(facts, what)))


def _weeks(facts: Facts, what: str) -> list[int]:
    """What happened in the weeks before this one that are known; a zero if none is."""
    weeks = facts.by_week(what)[-1 - WEEKS_BACK : -1]
    return [n for ago, n in enumerate(reversed(weeks), 2) if facts.known(ago * WEEK)] or [0]


def _fewer(facts: Facts, what: str) -> bool:
    """Whether less happened this week than in those before."""
    this, weeks = facts.by_week(what)[-1], _weeks(facts, what)
    return median(weeks) >= ENOUGH and _falls(this, _middle(weeks)[0], _WEEK)


def _more(facts: Facts, what: str) -> bool:
    """Whether more happened this week than in those before."""
    this, weeks = facts.by_week(what)[-1], _weeks(facts, what)
    return _rises(this, _middle(weeks)[1], _WEEK)


def _middle(weeks: Sequence[int]) -> tuple[float, float]:
    """The second lowest and the second highest of four weeks; of fewer, what is between them."""
    if len(weeks) == 1:
        return weeks[0], weeks[0]
    low, high = quantiles(weeks, n=3, method="inclusive")
    return low, high


def _months(facts: Facts, what: str) -> tuple[int, int]:
    """The last 28 days and the 28 before; as many, if those are not known."""
    weeks = facts.by_week(what)
    month = sum(weeks[-4:])
    return month, sum(weeks[-8:-4]) if facts.known(2 * HORIZON) else month


def _falls(n: float, base: float, limits: Divergence) -> bool:
    by_chance = limits.roots * sqrt(base)
    return base >= ENOUGH and n < limits.replies_below * base and base - n > by_chance


def _rises(n: float, base: float, limits: Divergence) -> bool:
    by_chance = limits.roots * sqrt(base)
    return n >= ENOUGH and n > limits.follows_above * base and n - base > by_chance


def _then(facts: Facts) -> Week:
    """Four weeks ago, or as long ago as is known."""
    return facts.weeks[0]


def ago(facts: Facts) -> str:
    """Return how long ago the earliest week is that is known: "four weeks ago"."""
    weeks = len(facts.weeks) - 1
    return "a week ago" if weeks == 1 else f"{('two', 'three', 'four')[weeks - 2]} weeks ago"


def _connections(facts: Facts) -> str:
    now, then = facts.now.connections, _then(facts).connections
    return f"{count(now, 'connection')}, {then:,} {ago(facts)}"


def _how_little_is_known(facts: Facts) -> str:
    if facts.since is None:
        return "nothing is known of this account yet."
    days = (facts.clock - facts.since) // 24 + 1
    are = "is" if days == 1 else "are"
    return f"{count(days, 'day')} of this account {are} known; a comparison takes {2 * WEEK // 24}."


def times(n: int) -> str:
    """Return "once", "2,000 times"."""
    return "once" if n == 1 else f"{n:,} times"
