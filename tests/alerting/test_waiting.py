"""People who wait for an answer: when that is told, and when it is not."""

from __future__ import annotations

import pytest

from tests.alerting.promtool import Case
from tests.alerting.stories import HELD, STEADY, WAIT, answered
from tests.alerting.world import one

pytestmark = pytest.mark.prometheus

CASES = [
    Case("everybody was answered", WAIT, STEADY, None),
    Case("nobody is answered any more: told after two hours", WAIT, answered(0, 100), HELD),
    Case("an account that never answers is no news", WAIT, answered(0, 100, before=(0, 100)), None),
    Case(
        "an account that answers few, as ever, is no news",
        WAIT,
        answered(60, 300, before=(20, 100)),
        None,
    ),
    Case(
        "an account of which no earlier reply is known", WAIT, answered(0, 50, before=(0, 0)), None
    ),
    Case(
        "half of those who are usually answered is not below it",
        WAIT,
        answered(50, 200),
        None,
        pins="thresholds.waiting.answered_below",
    ),
    Case(
        "fewer than half of the usual are answered",
        WAIT,
        answered(49, 200),
        HELD,
        pins="thresholds.waiting.answered_below",
    ),
    Case(
        "10 answered for 25 may be chance",
        WAIT,
        answered(10, 50),
        None,
        pins="thresholds.waiting.roots",
    ),
    Case("9 answered for 25 is none", WAIT, answered(9, 50), HELD, pins="thresholds.waiting.roots"),
    Case(
        "nine and a half who would usually be answered are too few",
        WAIT,
        answered(0, 19),
        None,
        pins="thresholds.waiting.least_answered",
    ),
    Case(
        "ten who would usually be answered",
        WAIT,
        answered(0, 20),
        HELD,
        pins="thresholds.waiting.least_answered",
    ),
    Case(
        "who waits cannot be said while replies are not read",
        WAIT,
        one(answered(0, 100), lag={"replies": 601}),
        None,
    ),
    Case(
        "who waits in _other waits for no account", WAIT, one(answered(0, 100), name="_other"), None
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.claim)
def test_people_who_wait(case: Case, verdicts: dict[str, str]) -> None:
    """Silent until the very evaluation at which it should fire, or to the end."""
    assert verdicts.get(case.claim, "") == ""
