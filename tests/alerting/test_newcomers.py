"""Newcomers who stay hollow: when that is told, and when it is not."""

from __future__ import annotations

import pytest

from tests.alerting.promtool import Case
from tests.alerting.stories import HALF, HELD, HOLLOW, STEADY, newcomers
from tests.alerting.world import one

pytestmark = pytest.mark.prometheus

CASES = [
    Case("newcomers as engaged as those before them", HOLLOW, STEADY, None),
    Case(
        "newcomers none of whom engages: told after two hours",
        HOLLOW,
        newcomers(0, 200, before=HALF),
        HELD,
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
        HELD,
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
        HELD,
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
        HELD,
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
        HELD,
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
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.claim)
def test_newcomers(case: Case, verdicts: dict[str, str]) -> None:
    """Silent until the very evaluation at which it should fire, or to the end."""
    assert verdicts.get(case.claim, "") == ""
