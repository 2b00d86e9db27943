"""A little fuzzing with every test run; `make fuzz` goes on for as long as it is told."""

import pytest
from hypothesis import HealthCheck, given, settings

from tests.fuzz.targets import TARGETS

EXAMPLES = 400


@pytest.mark.parametrize("name", TARGETS)
def test_hostile_input_is_refused_in_words_or_is_really_valid(name: str) -> None:
    """No crash, no hang, no wrong acceptance."""
    tried = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))(
        given(TARGETS[name].input)(TARGETS[name].claim)
    )
    tried()
