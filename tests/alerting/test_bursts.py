"""Many who follow at once: when that is told, and when it is not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.alerting.promtool import Case
from tests.alerting.stories import BURST, STEADY, burst
from tests.alerting.world import HOUR, one

pytestmark = pytest.mark.prometheus

# Told after an hour, and so looked at more often.
CASES = [
    case._replace(tick=HOUR, end=2 * HOUR)
    for case in (
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
        Case(
            "one lost week does not make an ordinary day a burst",
            BURST,
            replace(burst(300, 700, 0, 300), follows_before=(700, 700, 0, 700)),
            None,
        ),
    )
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.claim)
def test_a_burst_of_follows(case: Case, verdicts: dict[str, str]) -> None:
    """Silent until the very evaluation at which it should fire, or to the end."""
    assert verdicts.get(case.claim, "") == ""
