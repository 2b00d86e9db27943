"""What promtool finds of the cases of a module."""

from __future__ import annotations

import pytest

from tests.alerting.promtool import RULES, Trial, failures


@pytest.fixture(scope="module")
def verdicts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    """What does not hold; all are tried at once, for a start of promtool takes longest."""
    trial = Trial("built", RULES, request.module.CASES)
    return failures([trial], tmp_path_factory.mktemp("cases"))["built"]
