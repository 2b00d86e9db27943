"""A table that is only what a scrape sees of it, and a reader of the page."""

from collections.abc import Mapping

from prometheus_client.parser import text_string_to_metric_families

from streams.core.filing import ACTIVE, ALWAYS, CONNECTION, DATED, REPLIER, VISITOR, place
from streams.core.kinds import REPLY_IN
from streams.core.series import row
from streams.core.series import slots as slots_of
from streams.metrics.accounts import Accounts
from streams.metrics.collector import Page
from streams.metrics.meters import Meters
from streams.metrics.view import PartitionView

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


class FakeCensus:
    """Account to its count: so many connections that follow, as many that do not, all of now.

    And so many hollow followers.
    """

    def __init__(self, counts: Mapping[str, int], hollow: int = 0) -> None:
        self.counts = counts
        self.hollow = hollow

    def accounts(self):
        return self.counts.keys()

    def slots(self, account, clock):
        n = self.counts[account]
        rings = [REPLY_IN, *(ring + f for ring in (ACTIVE, REPLIER, CONNECTION) for f in (0, 1))]
        places = [place(clock, ring) for ring in rings]
        places += [place(ALWAYS, ring) for ring in (DATED + 1, VISITOR)]
        return slots_of({**dict.fromkeys(places, n), place(ALWAYS, DATED): self.hollow}, clock)


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
