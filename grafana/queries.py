"""The PromQL that panels share. It reads what `streams.alerting.recording` records."""

from collections.abc import Iterator
from typing import Final

from grafana.palette import USUAL
from grafana.panels import Line
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


def band(metric: str) -> Iterator[Line]:
    """What is usual of a week of the chosen account, and the range about it."""
    median = f"account:closeknit_{metric}:usual{WEEKS}"
    yield Line("usual range", upper(metric, WEEKS), USUAL, fill_to="lower end")
    yield Line("lower end", lower(metric, WEEKS), USUAL, hidden=True)
    # The ends are there once there are weeks to compare with, and their middle without is none.
    yield Line("a usual week", f"{median} and {upper(metric, WEEKS)}", USUAL, dashed=True)


def upper(metric: str, some: str) -> str:
    """The upper end of what is usual, by each account's own thresholds."""
    return f"account:closeknit_{metric}:usual_most{some}"


def lower(metric: str, some: str) -> str:
    """The lower end of what is usual, by each account's own thresholds."""
    return f"account:closeknit_{metric}:usual_least{some}"
