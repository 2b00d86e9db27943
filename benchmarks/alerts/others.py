"""Rules that are not shipped, to say what other thresholds would trade."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import msgspec

from benchmarks.alerts.trials import Rule
from streams.alerting.findings import FINDINGS
from streams.alerting.thresholds import DEFAULTS, Divergence, Settings
from streams.alerting.usual import usual

PAGE: Final = "RepliesFallWhileFollowsRise"
TICKET: Final = "RepliesFallWhileFollowsRiseSlowly"


class Choice(NamedTuple):
    """What could be shipped.

    Attributes:
        page, ticket: the limits of each.
        hold: how long both wait.
        settle: how long they must be gone to be over.
        median: whether weeks are compared with the median of the four before, instead of the second
            lowest and the second highest.
    """

    page: Divergence = DEFAULTS.thresholds.replies_fall
    ticket: Divergence = DEFAULTS.thresholds.replies_fall_slowly
    hold: str = DEFAULTS.trust.hold
    settle: str = DEFAULTS.trust.settle
    median: bool = False

    def named(self, alert: str) -> str:
        """The name of an alert under this choice."""
        return f"{alert} {list(CHOICES).index(self)}"

    def expr(self, alert: str) -> str:
        """What the alert would find: as shipped, with the ends of the band written out."""
        thresholds = msgspec.structs.replace(
            DEFAULTS.thresholds, replies_fall=self.page, replies_fall_slowly=self.ticket
        )
        settings = Settings(thresholds=thresholds)
        expr = FINDINGS[alert].expr(settings)
        for record in usual(settings):
            if record.record.endswith(("usual_least", "usual_most")):
                expr = expr.replace(record.record, f"({record.expr})")
        if self.median:
            expr = expr.replace("usual_low", "usual").replace("usual_high", "usual")
        return expr


_OLD: Final = Divergence(replies_below=0.7, roots=3.0)

CHOICES: Final = (
    Choice(),
    Choice(hold="6h"),
    Choice(settle=""),
    Choice(median=True),
    Choice(_OLD, _OLD, median=True),
    Choice(_OLD, _OLD),
    Choice(Divergence(roots=3.0), Divergence(follows_above=1.15, roots=3.0)),
    Choice(Divergence(replies_below=0.75), Divergence(follows_above=1.2)),
    Choice(Divergence(replies_below=0.85), Divergence(follows_above=1.1)),
)
"""What is compared; the first is shipped."""


def _rules() -> Iterator[tuple[str, Rule]]:
    for choice in CHOICES:
        for alert in (PAGE, TICKET):
            yield choice.named(alert), Rule(choice.expr(alert), choice.hold, choice.settle)


OTHERS: Final[Mapping[str, Rule]] = dict(_rules())
"""Both alerts under each choice, by name."""
