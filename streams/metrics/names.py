"""Every metric that is not a census gauge, named once; dashboards, rules and docs follow it.

The census gauges (`closeknit_relationships` and its kin, all labelled `account`) are named the same
way by `streams.core.series.FAMILIES` and `SERIES`. No label anywhere holds a member.
"""

from typing import Final, Literal, NamedTuple

from schemas.events import TOPIC_OF

TOPICS: Final = tuple(TOPIC_OF.values())
"""The values of the label `topic`: topic names without their prefix."""

PARTS: Final = ("census", "pipeline", "process")
"""The values of the label `part`: what one scrape is made of, each failing alone."""


class Metric(NamedTuple):
    """One row of the table."""

    name: str
    type: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    help: str


_TABLE = (
    # Accounts and partitions: part "census", exported all together or not at all.
    Metric(
        "closeknit_account_info",
        "gauge",
        ("account", "name", "group"),
        "The name and group of an account that has series of its own; always 1",
    ),
    Metric(
        "closeknit_accounts_over_limit",
        "gauge",
        (),
        "1 while accounts beyond the limit share the series of _other",
    ),
    Metric(
        "closeknit_partition_ready",
        "gauge",
        ("partition",),
        "1 for each partition that this worker owns and has recovered; absent otherwise",
    ),
    Metric(
        "closeknit_partitions",
        "gauge",
        (),
        "Partitions that there are, over all workers",
    ),
    Metric(
        "closeknit_relationships_held",
        "gauge",
        ("partition",),
        "Relationships in memory, those in stage none included",
    ),
    Metric(
        "closeknit_accounts_held",
        "gauge",
        ("partition",),
        "Accounts with a count in memory, whether they have series of their own or not",
    ),
    Metric(
        "closeknit_dirty_relationships",
        "gauge",
        ("partition",),
        "Relationships changed since the last flush",
    ),
    Metric(
        "closeknit_clock_timestamp_seconds",
        "gauge",
        ("partition",),
        "The start of the hour that now is for the windows of a partition",
    ),
    # What was read: part "pipeline", as is all that follows unless it says otherwise.
    Metric(
        "closeknit_events_total",
        "counter",
        ("topic", "outcome"),
        "Records read, each once, by the first outcome that fits",
    ),
    Metric(
        "closeknit_dead_letters_total",
        "counter",
        ("reason",),
        "Records that could not be applied, kept in the dead letters",
    ),
    Metric(
        "closeknit_last_event_timestamp_seconds",
        "gauge",
        ("topic", "partition"),
        "The latest event time read by this worker; absent before the first event",
    ),
    Metric(
        "closeknit_consumer_lag_records",
        "gauge",
        ("topic", "partition"),
        "Records in the topic that are not yet read",
    ),
    Metric(
        # Grows by itself between two reads, so a stream that stands still shows.
        "closeknit_consumer_lag_seconds",
        "gauge",
        ("topic", "partition"),
        "Age of the moment up to which everything written had been read, by Kafka timestamps",
    ),
    # What was written.
    Metric(
        "closeknit_flush_duration_seconds",
        "histogram",
        (),
        "Time of one flush, filing and transaction together",
    ),
    Metric(
        "closeknit_flush_records_total",
        "counter",
        (),
        "Records written by flushes",
    ),
    Metric(
        "closeknit_flush_bytes_total",
        "counter",
        (),
        "Bytes of keys and values written by flushes",
    ),
    Metric(
        "closeknit_last_flush_timestamp_seconds",
        "gauge",
        (),
        "When the last flush was committed; absent before the first",
    ),
    # Coming and going of partitions. Recovery is the one thing told of a partition not yet ready.
    Metric(
        "closeknit_rebalances_total",
        "counter",
        (),
        "Rebalances of the group that this worker took part in",
    ),
    Metric(
        "closeknit_recovery_records_read",
        "gauge",
        ("partition",),
        "Changelog offsets passed by the recovery of a partition",
    ),
    Metric(
        "closeknit_recovery_records_to_read",
        "gauge",
        ("partition",),
        "Changelog offsets that the recovery of a partition passes in all",
    ),
    # What the next recovery begins with.
    Metric(
        "closeknit_snapshot_timestamp_seconds",
        "gauge",
        ("partition",),
        "When the local snapshot of a partition was taken; absent while there is none",
    ),
    Metric(
        "closeknit_snapshot_bytes",
        "gauge",
        ("partition",),
        "Size of the local snapshot of a partition",
    ),
    Metric(
        "closeknit_snapshot_failures_total",
        "counter",
        (),
        "Local snapshots that could not be written",
    ),
    Metric(
        "closeknit_build_info",
        "gauge",
        ("version", "python", "faust"),
        "The versions that this worker runs; always 1",
    ),
    # The scrape itself, told after the parts that it is about.
    Metric(
        "closeknit_scrape_success",
        "gauge",
        ("part",),
        "1 if this part of this very page is complete, 0 if it failed and is left out",
    ),
    Metric(
        "closeknit_scrape_duration_seconds",
        "gauge",
        ("part",),
        "Time taken by this part of this very page",
    ),
)

METRICS: Final = {metric.name: metric for metric in _TABLE}
"""The table, by name."""
