"""What is recorded: the accounts, summed over workers while every partition is counted once.

Charts and account alerts read these series and no others. All are in one group, because the rules
of a group are evaluated in their order and at one moment: each sees what those above it recorded.
"""

from collections.abc import Iterator

from streams.alerting.findings import FINDINGS
from streams.alerting.rules import Group, Record, query
from streams.alerting.thresholds import Pipeline, Settings, Trust
from streams.alerting.usual import usual
from streams.core.series import FAMILIES, SERIES

BURN_WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
"""Over which the freshness is averaged, for the burn rates of `streams.alerting.pipeline`."""

_COMPLETE = "and on () (closeknit:complete:bool == 1)"
_WEEK = 7 * 86_400


def recording(settings: Settings) -> Group:
    """Everything that is recorded."""
    rules = [
        *_census(),
        *usual(settings),
        *_topics(settings.trust),
        *(
            Record("account:closeknit_finding:value", finding.expr(settings), {"finding": name})
            for name, finding in FINDINGS.items()
        ),
        *_pipeline(settings.pipeline),
    ]
    return Group("closeknit-recording", rules)


def _census() -> Iterator[Record]:
    # Two conditions, for two faults can cancel each other: while a partition moves, one may be
    # exported twice and another not at all. Together they say that each is there exactly once.
    # The larger count of partitions holds, so that a worker with other settings silences, and is
    # never believed. Nobody there at all is 0, not absent.
    yield Record(
        "closeknit:complete:bool",
        query("""
            (sum(closeknit_partition_ready) == bool max(closeknit_partitions))
            * (
              count(count by (partition) (closeknit_partition_ready))
              == bool max(closeknit_partitions)
            )
            or vector(0)
        """),
    )
    yield Record("closeknit:accounts_over_limit:max", "max(closeknit_accounts_over_limit)")
    yield Record(
        # Not gated: an account that can be chosen stays so while its numbers are not there.
        "account:closeknit_account_info:max",
        "max by (account, group, name) (closeknit_account_info)",
    )
    for family in FAMILIES:
        labels = next(series.labels for series in SERIES if series.name == family)
        by = ", ".join(["account", *(name for name, _ in labels)])
        yield Record(f"account:{family}:sum", f"sum by ({by}) ({family})\n{_COMPLETE}")


def _topics(trust: Trust) -> Iterator[Record]:
    yield Record(
        "topic:closeknit_consumer_lag_seconds:max",
        "max by (topic) (closeknit_consumer_lag_seconds)",
    )
    yield Record(
        "topic:closeknit_last_event_timestamp_seconds:max",
        "max by (topic) (closeknit_last_event_timestamp_seconds)",
    )
    yield Record(
        # Against the tables' own clock, so that a replay of old events is judged by their time.
        # A worker forgets the last event when it restarts; Prometheus remembers it for a week.
        "topic:closeknit_silence:seconds",
        query("""
            max(closeknit_clock_timestamp_seconds)
            - on () group_right ()
              max_over_time(topic:closeknit_last_event_timestamp_seconds:max[7d])
        """),
    )
    yield Record(
        "topic:closeknit_events:usual_week",
        query("""
            quantile by (topic) (
              0.5,
              sum by (topic, ago) (
                label_replace(
                  label_replace(
                    account:closeknit_interactions_previous:sum{window="7d"},
                    "topic", "${1}s", "kind", "(like|share)"
                  ),
                  "topic", "replies", "kind", "reply"
                )
                or label_replace(
                  account:closeknit_follows_previous:sum{window="7d"}, "topic", "follows", "", ""
                )
              )
            )
        """),
    )
    yield Record(
        # Events that come by chance leave ten usual gaps empty once in e^10, 22,000, gaps.
        "topic:closeknit_silent:bool",
        query(f"""
            0 * topic:closeknit_events:usual_week + 1
            and (topic:closeknit_events:usual_week >= {trust.silent_least})
            unless (
              topic:closeknit_silence:seconds
              <= clamp_min(
                {trust.silent_gaps} * {_WEEK} / topic:closeknit_events:usual_week,
                {trust.silent_hours * 3600}
              )
            )
            or 0 * topic:closeknit_events:usual_week
        """),
    )
    yield Record(
        # The lag of every partition must be known. Follows that are read ahead of replies look
        # exactly like replies that fall while follows rise.
        # What a dead source did not deliver is missing until its week is over. A topic counts as
        # cut off a day after it was. A twentieth of the week more, and a fifth is missing: a fall.
        "topic:closeknit_current:bool",
        query(f"""
            0 * topic:closeknit_consumer_lag_seconds:max + 1
            and (topic:closeknit_consumer_lag_seconds:max <= {trust.most_lag})
            and (
              count by (topic) (closeknit_consumer_lag_seconds)
              == on () group_left () max(closeknit_partitions)
            )
            unless (topic:closeknit_silent:bool == 1)
            unless (avg_over_time(topic:closeknit_silent:bool[7d]) > 0.05)
            {_COMPLETE}
            or 0 * topic:closeknit_consumer_lag_seconds:max
        """),
    )


def _pipeline(pipeline: Pipeline) -> Iterator[Record]:
    yield Record(
        "topic:closeknit_events_total:invalid_ratio_1h",
        query("""
            sum by (topic) (increase(closeknit_events_total{outcome="invalid"}[1h]))
            / sum by (topic) (increase(closeknit_events_total{outcome!~"replayed|tick"}[1h]))
        """),
    )
    yield Record(
        "closeknit:fresh:bool",
        query(f"""
            closeknit:complete:bool
            * (max(topic:closeknit_consumer_lag_seconds:max) <= bool {pipeline.fresh_lag})
            or vector(0)
        """),
    )
    for window in BURN_WINDOWS:
        yield Record(
            f"closeknit:fresh:missed_ratio_{window}",
            f"1 - avg_over_time(closeknit:fresh:bool[{window}])",
        )
