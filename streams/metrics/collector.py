"""One scrape: the page of Prometheus text that `/metrics` answers.

The page has parts (`streams.metrics.names.PARTS`), and each is there whole or not at all:

- `census`: the accounts, and which partitions they were summed over. A sum over some of the
  partitions would look like people falling silent, so the readiness of the partitions, on which
  every account alert waits, is exported with the sums or not at all.
- `pipeline`: what the engine counted.
- `process`: memory, CPU, garbage collection.

A part that raises is logged with its traceback and left out, and `closeknit_scrape_success` says
so at once; the others stay, for they are what explains the failure. A census that contradicts
itself (a negative count, a missing series) is such a failure: it is never drawn as a number.
"""

import logging
import threading
import time
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from itertools import accumulate
from platform import python_version

from prometheus_client import (
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.utils import floatToGoString

from streams.core.series import FAMILIES, SERIES, SLOTS, Series, both, row
from streams.core.time import HOUR_MS
from streams.metrics.accounts import Accounts
from streams.metrics.meters import FLUSH_BUCKETS, Meters
from streams.metrics.names import METRICS
from streams.metrics.view import PartitionView, View

log = logging.getLogger(__name__)

Samples = Iterable[tuple[tuple[str, ...], float]]
"""Label values, in the order of the metric's labels, and the value."""

Rows = Mapping[str, Sequence[int]]
"""The census by account label, each row aligned with `SERIES`."""


class Page:
    """Renders scrapes, one at a time; call it from any thread but the stream's.

    Args:
        view: The table.
        meters: What the engine counted.
        accounts: Which accounts have series of their own.
        now: The wall clock, in seconds since the epoch.
        only: The names of the metrics that are rendered beside the census; None is all.
    """

    def __init__(
        self,
        view: View,
        meters: Meters,
        accounts: Accounts,
        now: Callable[[], float] = time.time,
        only: Container[str] | None = None,
    ) -> None:
        self._view = view
        self._meters = meters
        self._accounts = accounts
        self._now = now
        self._only = only
        self._process = CollectorRegistry()
        if only is None:
            for collector in ProcessCollector, PlatformCollector, GCCollector:
                collector(registry=self._process)
        self._census_text = _CensusText([], b"")
        self._one_at_a_time = threading.Lock()

    def __call__(self) -> bytes:
        """The whole page, UTF-8."""
        parts: dict[str, Callable[[], list[bytes]]] = {
            "census": self._census,
            "pipeline": lambda: [self._text(self._pipeline())],
            "process": lambda: [generate_latest(self._process)],
        }
        page: list[bytes] = []
        success: list[tuple[tuple[str, ...], float]] = []
        duration: list[tuple[tuple[str, ...], float]] = []
        with self._one_at_a_time:
            for part, render in parts.items():
                start = time.perf_counter()
                try:
                    page += render()
                    failed = False
                except Exception:
                    log.exception("The part %r of /metrics failed and is left out", part)
                    failed = True
                success.append(((part,), not failed))
                duration.append(((part,), time.perf_counter() - start))
        page.append(
            self._text(
                [
                    _family("closeknit_scrape_success", success),
                    _family("closeknit_scrape_duration_seconds", duration),
                ]
            )
        )
        return b"".join(page)

    def _census(self) -> list[bytes]:
        """The part "census": every account, summed over the partitions that are ready."""
        ready = [partition for partition in self._view.partitions() if partition.ready]
        # A list or set of a live dictionary's keys is made in one step, before they can change.
        held = {partition.number: list(partition.census.accounts()) for partition in ready}
        seen = set().union(*held.values())
        self._accounts.admit(seen)
        rows = self._sum(ready, held)
        pages = [
            _single("closeknit_accounts_over_limit", self._accounts.over_limit(seen)),
            _single("closeknit_partitions", self._view.partition_count),
            _by_partition("closeknit_partition_ready", ((p.number, 1) for p in ready)),
            _by_partition(
                "closeknit_relationships_held", ((p.number, p.relationships) for p in ready)
            ),
            _by_partition(
                "closeknit_accounts_held", ((number, len(here)) for number, here in held.items())
            ),
            _by_partition("closeknit_dirty_relationships", ((p.number, p.dirty) for p in ready)),
            _by_partition(
                "closeknit_clock_timestamp_seconds",
                ((p.number, p.clock * HOUR_MS // 1000) for p in ready if p.clock >= 0),
            ),
        ]
        if not rows:
            return [self._text(pages)]
        if self._census_text.accounts != (accounts := list(rows)):
            about = (((label, *self._accounts.info(label)[1:]), 1) for label in accounts)
            info = self._text([_family("closeknit_account_info", about)])
            self._census_text = _CensusText(accounts, info)
        return [self._text(pages), *self._census_text.render(rows.values())]

    def _text(self, families: Iterable[Family]) -> bytes:
        only = self._only
        if only is not None:
            families = (family for family in families if _exposed(family) in only)
        return generate_latest(_Families(families))

    def _sum(self, ready: Sequence[PartitionView], held: Mapping[int, Iterable[str]]) -> Rows:
        """One row per account label; those always exported come first, with zeros if need be."""
        summed: dict[str, list[int] | None] = dict.fromkeys(self._accounts.always())
        for partition in ready:
            for account in held[partition.number]:
                slots = _slots(partition, account)
                label = self._accounts.label(account)
                others = summed.get(label)
                summed[label] = slots if others is None else both(others, slots)
        return {label: _row(label, slots) for label, slots in summed.items()}

    def _pipeline(self) -> Iterator[Family]:
        """The part "pipeline": the meters; the readings of ready partitions only."""
        meters = self._meters
        partitions = self._view.partitions()
        ready = {partition.number for partition in partitions if partition.ready}
        readings = {
            (topic, str(number)): reading
            for (topic, number), reading in meters.readings.copy().items()
            if number in ready
        }
        yield _family(
            "closeknit_events_total",
            (
                ((topic, outcome), n)
                for topic, outcomes in meters.events.items()
                for outcome, n in outcomes.items()
            ),
        )
        yield _family(
            "closeknit_dead_letters_total",
            (((reason,), n) for reason, n in meters.dead_letters.items()),
        )
        yield _family(
            "closeknit_last_event_timestamp_seconds",
            (
                ((topic, str(number)), at / 1000)
                for (topic, number), at in meters.last_event_ms.copy().items()
                if number in ready
            ),
        )
        yield _family(
            "closeknit_consumer_lag_records",
            ((place, reading.lag_records) for place, reading in readings.items()),
        )
        now = self._now()
        yield _family(
            "closeknit_consumer_lag_seconds",
            (
                (place, max(0.0, now - reading.read_until_ms / 1000))
                for place, reading in readings.items()
            ),
        )
        yield _flush_durations(meters)
        yield _single("closeknit_flush_records_total", meters.flush_records)
        yield _single("closeknit_flush_bytes_total", meters.flush_bytes)
        flushed = meters.last_flush_ms
        yield _family(
            "closeknit_last_flush_timestamp_seconds",
            [] if flushed is None else [((), flushed / 1000)],
        )
        yield _single("closeknit_rebalances_total", meters.rebalances)
        yield _by_partition(
            "closeknit_recovery_records_read", ((p.number, p.recovery_read) for p in partitions)
        )
        yield _by_partition(
            "closeknit_recovery_records_to_read",
            ((p.number, p.recovery_to_read) for p in partitions),
        )
        snapshots = sorted(meters.snapshots.copy().items())
        yield _by_partition(
            "closeknit_snapshot_timestamp_seconds", ((n, s.taken_ms / 1000) for n, s in snapshots)
        )
        yield _by_partition("closeknit_snapshot_bytes", ((n, s.size) for n, s in snapshots))
        yield _single("closeknit_snapshot_failures_total", meters.snapshot_failures)
        yield _family(
            "closeknit_build_info",
            [((_version("closeknit"), python_version(), _version("faust-streaming")), 1)],
        )


def _slots(partition: PartitionView, account: str) -> list[int]:
    """One account's counts in one partition: as some settle left them, never half of one."""
    slots = partition.census.slots(account, partition.clock)
    if len(slots) != SLOTS or min(slots) < 0:
        raise _contradiction(f"{account!r} in partition {partition.number}", slots)
    return slots


def _row(label: str, slots: Sequence[int] | None) -> Sequence[int]:
    counts = row(slots or (0,) * SLOTS)
    if min(counts) < 0:
        raise _contradiction(repr(label), counts)
    return counts


def _contradiction(of: str, counts: Sequence[int]) -> ValueError:
    return ValueError(
        f"the census of account {of} contradicts itself: {list(counts)}. Restart the worker, which "
        "rebuilds it from the changelog, and report this as a bug"
    )


class _CensusText:
    """The census families of these accounts, with places for the numbers, and who they are.

    client_python takes 8 µs a sample, and a thousand accounts have a hundred thousand samples; so
    all but the numbers is written once: a text for each series over all accounts.
    """

    def __init__(self, accounts: Sequence[str], info: bytes) -> None:
        self.accounts = accounts
        self._info = info
        escaped = [_escape(account).replace("%", "%%") for account in accounts]
        self._families: list[tuple[bytes, list[tuple[int, bytes]]]] = []
        for family, text in FAMILIES.items():
            lines = [
                (at, "".join([f"{_head(series, account)} %d\n" for account in escaped]).encode())
                for at, series in enumerate(SERIES)
                if series.name == family
            ]
            head = f"# HELP {family} {text}\n# TYPE {family} gauge\n".encode()
            self._families.append((head, lines))

    def render(self, rows: Iterable[Sequence[int]]) -> Iterator[bytes]:
        """The text, with the rows of the accounts in their order."""
        yield self._info
        columns = list(zip(*rows, strict=True))
        for head, lines in self._families:
            yield head
            for at, line in lines:
                yield line % columns[at]


def _head(series: Series, account: str) -> str:
    labels = "".join(f',{name}="{value}"' for name, value in series.labels)
    return f'{series.name}{{account="{account}"{labels}}}'


def _escape(value: str) -> str:
    """A label value as the text format wants it."""
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


class _Families:
    """Families in the shape in which client_python renders them."""

    def __init__(self, families: Iterable[Family]) -> None:
        self._families = families

    def collect(self) -> Iterable[Family]:
        return self._families


def _exposed(family: Family) -> str:
    """Its name as in the table: client_python takes the end of a counter's off."""
    return f"{family.name}_total" if family.type == "counter" else family.name


def _family(name: str, samples: Samples) -> Family:
    """A counter or gauge of the table in `streams.metrics.names`, with its samples."""
    metric = METRICS[name]
    kind = CounterMetricFamily if metric.type == "counter" else GaugeMetricFamily
    family = kind(name, metric.help, labels=metric.labels)
    for labels, value in samples:
        family.add_metric(labels, value)
    return family


def _single(name: str, value: float) -> Family:
    return _family(name, [((), value)])


def _by_partition(name: str, values: Iterable[tuple[int, float]]) -> Family:
    return _family(name, (((str(number),), value) for number, value in values))


def _flush_durations(meters: Meters) -> Family:
    bounds = [*map(floatToGoString, FLUSH_BUCKETS), "+Inf"]
    metric = METRICS["closeknit_flush_duration_seconds"]
    family = HistogramMetricFamily(metric.name, metric.help)
    family.add_metric(
        [],
        list(zip(bounds, accumulate(meters.flush_buckets.copy()), strict=True)),
        meters.flush_seconds,
    )
    return family


@cache
def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        # Run from a checkout that was never installed.
        return "unknown"
