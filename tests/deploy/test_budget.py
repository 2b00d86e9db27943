"""How many series Prometheus has to keep: as many as the operator was told."""

import re

from schemas.events import TOPIC_OF
from streams.core.series import SERIES
from streams.metrics.accounts import OTHER
from streams.metrics.meters import Meters
from streams.settings import Settings
from tests.deploy.files import REPOSITORY
from tests.metrics.world import page, partition

SECTION = (REPOSITORY / "docs" / "operations.md").read_text().partition("### How many series")[2]
SAID = {
    what.strip(): int(number)
    for what, number in re.findall(r"^\| (\w.*?) \| (\d+)[ \w]* \|$", SECTION, re.M)
}
PER_ACCOUNT, ELSE, RECORDED = SAID.values()
PARTITIONS = Settings().partitions


def _busy() -> Meters:
    """A worker's meters when every topic of every partition has been read, and flushed."""
    meters = Meters()
    meters.flushed(0.1, 1, 1, 1)
    for number in range(PARTITIONS):
        meters.snapshot_taken(number, 1, 1)
    for topic in TOPIC_OF.values():
        for number in range(PARTITIONS):
            meters.event_seen(topic, number, 1)
            meters.position(topic, number, position=1, end=1, now_ms=1)
    return meters


def _exported(accounts: int) -> int:
    """Samples on a worker's page that holds every partition and so many accounts."""
    counts = {f"account-{number}": 1 for number in range(accounts)}
    first, *others = range(PARTITIONS)
    held = [partition(first, counts), *map(partition, others)]
    text = page(*held, limit=Settings().max_accounts, meters=_busy())().decode()
    return len([line for line in text.splitlines() if not line.startswith("#")])


def test_an_account_costs_a_worker_as_many_series_as_is_said():
    """Its name, and every count."""
    nobody = _exported(0)
    assert nobody <= ELSE
    assert _exported(10) - nobody == 10 * PER_ACCOUNT == 10 * (len(SERIES) + 1)


def test_accounts_beyond_the_limit_cost_nothing():
    """They share the series of one more."""
    limit = Settings().max_accounts
    assert _exported(limit + 1) == _exported(limit + 50) == _exported(0) + (limit + 1) * PER_ACCOUNT
    assert b'account="%s"' % OTHER.encode() in page(partition(0, {"a": 1, "b": 1}), limit=1)()


def test_the_sum_that_is_stated_is_right():
    """Two workers, as many accounts as have series of their own, and what is recorded of them."""
    limit = Settings().max_accounts
    total = 2 * ((limit + 1) * PER_ACCOUNT + ELSE) + (limit + 1) * RECORDED
    (stated,) = re.findall(r"are some ([\d,]+) series", SECTION)
    assert abs(total - int(stated.replace(",", ""))) < 1000
