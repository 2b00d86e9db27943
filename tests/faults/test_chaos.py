"""Everything at once, on real Apache Kafka: faults drawn by seed, composed at random.

`CLOSEKNIT_CHAOS_SEED=7 pytest tests/faults/test_chaos.py` draws others; the history of a run that
failed says which seed it had. `make soak` does the same for an hour.
"""

import pytest

from tests.brokers.kafka import Kafka
from tests.faults.chaos import LEFT, Chaos, seed_of_the_day
from tests.faults.conftest import NewTrial
from tests.faults.topics import HARD_COMPACTION, alter

pytestmark = pytest.mark.kafka

STEPS = 9  # about a minute; `make soak` has the time for more


def test_faults_composed_at_random_leave_the_same_tables(
    breakable: Kafka, new_trial: NewTrial
) -> None:
    seed = seed_of_the_day(1)
    short = {"transaction_timeout": "4"}
    with new_trial(breakable, seed=seed, size=3, rate=600, **short) as trial:
        alter(trial.system, trial.system.settings.changelog, HARD_COMPACTION)
        chaos = Chaos(trial, breakable, seed, outage=5)
        with chaos.told():
            for _ in range(STEPS):
                chaos.step()
            chaos.calm()
            trial.end(*LEFT)
