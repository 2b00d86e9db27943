"""The PromQL that panels share. It reads what `streams.alerting.recording` records."""

from collections.abc import Iterator
from typing import Final

from grafana.palette import USUAL
from grafana.panels import Line
from streams.alerting.thresholds import DEFAULTS, Divergence
from streams.metrics.accounts import OTHER

CHOSEN: Final = '{account="$account"}'
WEEKS: Final = '{account="$account",window="7d"}'

_LEAST_BASE: Final = 20
"""A base below this makes an index jump about."""

_LONGEST_RANGE: Final = 13
"""Weeks in 90 days, which is as far as Prometheus remembers by default."""


def info(*more: str) -> str:
    """What is known of each account that has series of its own."""
    matchers = [f'account!="{OTHER}"', *more]
    return f"account:closeknit_account_info:max{{{','.join(matchers)}}}"


def people(metric: str, ago: str = "", **labels: str | tuple[str, ...]) -> str:
    """A count of the chosen account, over all labels that are not given."""
    offset = f" offset {ago}" if ago else ""
    return f"sum({_selector(metric, labels)}{offset})"


def _selector(metric: str, labels: dict[str, str | tuple[str, ...]]) -> str:
    matchers = ['account="$account"']
    for name, value in labels.items():
        matchers.append(
            f'{name}="{value}"' if isinstance(value, str) else f'{name}=~"{"|".join(value)}"'
        )
    return f"account:closeknit_{metric}:sum{{{','.join(matchers)}}}"


def index(metric: str, other: str) -> str:
    """A count as an index, 100 in the first week of the range in which it and another had enough.

    `@ start()` is the beginning of the range, wherever on it a point lies, and an offset below zero
    looks ahead of it: so the n-th week of the range is one constant, the average over that week. A
    range may begin before anything was recorded, and an account small; then a later week is the
    base. Both counts must have enough in it, so that both are 100 in the same week.
    """
    weeks = "\n  or ".join(
        f"({_week(metric, n)} >= {_LEAST_BASE} and {_week(other, n)} >= {_LEAST_BASE})"
        for n in range(1, _LONGEST_RANGE + 1)
    )
    return f"100 * {people(metric)} / (\n  {weeks}\n)"


def _week(metric: str, number: int) -> str:
    """The average of a count over a week of the range, the first being 1."""
    return f"sum(avg_over_time({_selector(metric, {})}[1w] @ start() offset -{number}w))"


def band(metric: str, limits: Divergence) -> Iterator[Line]:
    """What is usual of a week of the chosen account, and the range about it."""
    yield Line("usual range", upper(metric, limits, WEEKS), USUAL, fill_to="lower end")
    yield Line("lower end", lower(metric, limits, WEEKS), USUAL, hidden=True)
    yield Line("a usual week", _usual(metric, WEEKS), USUAL, dashed=True)


# A finding needs both: a change by a share of what is usual, and by so many of its square roots. So
# the range within which nothing is found ends where the farther of the two does.


def _usual(metric: str, some: str) -> str:
    """The median of the weeks before, where there are enough of them for one."""
    weeks = f"account:closeknit_history_weeks:count >= {DEFAULTS.trust.history_weeks}"
    return f"(account:closeknit_{metric}:usual{some} and on (account) {weeks})"


def upper(metric: str, limits: Divergence, some: str) -> str:
    """The upper end of what is usual, for some selected accounts."""
    usual = _usual(metric, some)
    by_chance = f"({usual} + {limits.roots:g} * sqrt({usual}))"
    return f"({limits.follows_above:g} * {usual} > {by_chance}) or {by_chance}"


def lower(metric: str, limits: Divergence, some: str) -> str:
    """The lower end of what is usual, for some selected accounts."""
    usual = _usual(metric, some)
    by_chance = f"({usual} - {limits.roots:g} * sqrt({usual}))"
    return f"clamp_min(({limits.replies_below:g} * {usual} < {by_chance}) or {by_chance}, 0)"
