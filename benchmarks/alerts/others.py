"""Rules that are not shipped, to say what other thresholds would trade."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from benchmarks.alerts.trials import Rule
from streams.alerting.findings import FINDINGS
from streams.alerting.thresholds import Divergence, Settings, Thresholds

PAGE: Final = "RepliesFallWhileFollowsRise"
TICKET: Final = "RepliesFallWhileFollowsRiseSlowly"

_HOLD = 6


def _rules() -> Iterator[tuple[str, Rule]]:
    for limits in LIMITS:
        for alert, thresholds in (
            (PAGE, Thresholds(replies_fall=limits)),
            (TICKET, Thresholds(replies_fall_slowly=limits)),
        ):
            expr = FINDINGS[alert].expr(Settings(thresholds=thresholds))
            yield named(alert, limits), Rule(expr, _HOLD)


def named(alert: str, limits: Divergence) -> str:
    """The name of an alert with other limits."""
    below, above, roots = limits.replies_below, limits.follows_above, limits.roots
    return f"{alert}: below {below:g}, above {above:g}, {roots:g} roots"


LIMITS: Final = (
    Divergence(replies_below=0.65),
    Divergence(),
    Divergence(roots=2.0),
    Divergence(replies_below=0.75),
    Divergence(replies_below=0.75, roots=2.0),
    Divergence(replies_below=0.75, follows_above=1.2),
    Divergence(replies_below=0.8),
    Divergence(replies_below=0.8, follows_above=1.2),
    Divergence(replies_below=0.8, follows_above=1.2, roots=2.0),
)
"""The limits that are tried; those that are shipped are among them."""

PAIRS: Final = (*((limits, limits) for limits in LIMITS), (LIMITS[6], LIMITS[7]))
"""What is compared: for the page, and for the ticket."""

OTHERS: Final[Mapping[str, Rule]] = dict(_rules())
"""Both alerts with each of these limits, by name."""
