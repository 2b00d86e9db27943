"""A table that is only what a scrape sees of it, and a reader of the page."""

from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

from streams.core.filing import ALWAYS, DATED, place
from streams.core.kinds import LIKE_IN
from streams.core.series import row
from streams.core.series import slots as slots_of
from streams.metrics.accounts import Accounts
from streams.metrics.collector import Page
from streams.metrics.meters import Meters
from streams.metrics.view import PartitionView

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


class FakeCensus:
    """Account to its count: so many follow, as long ago as can be, and like something now."""

    def __init__(self, counts: Mapping[str, int]) -> None:
        self.counts = counts

    def accounts(self):
        return self.counts.keys()

    def slots(self, account, clock):
        n = self.counts[account]
        return slots_of({place(clock, LIKE_IN): n, place(ALWAYS, DATED): n}, clock)


def shown(n: int) -> list[int]:
    """Every series of an account with this count."""
    return row(FakeCensus({"a": n}).slots("a", 0))


def partition(number=0, counts=None, *, ready=True, clock=495_000, census=None) -> PartitionView:
    return PartitionView(
        number=number,
        ready=ready,
        clock=clock,
        census=census or FakeCensus(counts or {}),
        relationships=7,
        dirty=2,
        recovery_read=40,
        recovery_to_read=100,
    )


class FakeTable:
    """Whatever partitions the test puts into it."""

    def __init__(self, *partitions: PartitionView) -> None:
        self.partition_count = 12
        self.now = partitions

    def partitions(self):
        return self.now


def page(*partitions, listed=None, limit=500, meters=None, now=1_000_000.0) -> Page:
    return Page(
        FakeTable(*partitions), meters or Meters(), Accounts(listed, limit), now=lambda: now
    )


def samples(text: bytes) -> Samples:
    """Every sample of the page, by name and labels; a repeated one is refused."""
    found: Samples = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            key = sample.name, frozenset(sample.labels.items())
            assert key not in found, f"{key} is there twice"
            found[key] = sample.value
    return found


def value(found: Samples, name: str, /, **labels: str) -> float | None:
    return found.get((name, frozenset(labels.items())))


def label_values(found: Samples, label: str) -> set[str]:
    return {dict(labels)[label] for _, labels in found if label in dict(labels)}
