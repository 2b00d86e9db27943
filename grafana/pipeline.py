"""*Pipeline health*: for whoever runs the workers."""

from typing import Final

from grafana.board import PIPELINE, Alerts, board, choice
from grafana.palette import ACT, CALM, TALK, USUAL
from grafana.panels import SECONDS, SHARE, Line, layers, lines, numbers, rows
from grafana.sources import OF_SOURCES
from streams.alerting.thresholds import DEFAULTS

_LIMITS: Final = DEFAULTS.pipeline
_WORKER: Final = '{instance=~"$worker"}'
_PLACE: Final = "instance, partition"

SERIES_BUDGET: Final = 60_000
"""Samples on one page of a worker: 500 accounts and 12 partitions stay below."""


def _of_workers(metric: str) -> str:
    return f"{metric}{_WORKER}"


def _rate(metric: str, labels: str = "") -> str:
    matchers = ",".join(['instance=~"$worker"', *filter(None, [labels])])
    return f"rate({metric}{{{matchers}}}[$__rate_interval])"


_NUMBERS = numbers(
    "Is every partition counted, and in time?",
    "Counts of people are whole only while each partition is counted exactly once. Fresh means "
    "whole, and no topic further behind than the objective allows. If a number is red: runbook of "
    "EngagementDataStale, FreshnessBurnRate or WorkerDown.",
    Line(
        "every partition once",
        "closeknit:complete:bool",
        words={0: ("no", ACT), 1: ("yes", CALM)},
        none="no",
    ),
    Line("partitions counted", "sum(closeknit_partition_ready)", none="0"),
    Line("partitions in all", "max(closeknit_partitions)", none="?"),
    Line(
        "fresh in the last 3 days",
        "1 - closeknit:fresh:missed_ratio_3d",
        unit=SHARE,
        decimals=2,
        limits=[(None, ACT), (_LIMITS.fresh_objective, CALM)],
    ),
    Line(
        "workers that answer",
        f"count(up{_WORKER} == 1)",
        limits=[(None, ACT), (1, CALM)],
        none="0",
    ),
    Line(
        "accounts without series",
        "closeknit:accounts_over_limit:max",
        words={0: ("none", CALM), 1: ("some", ACT)},
    ),
)

_LAG = lines(
    "How far behind is each topic?",
    "The age of the moment up to which everything written to the topic has been read, in its "
    "worst partition. It grows by itself while nothing is read. Above the line the numbers are "
    "not fresh.",
    Line("{{topic}}", "topic:closeknit_consumer_lag_seconds:max"),
    unit=SECONDS,
    limit=(_LIMITS.fresh_lag, ACT),
)

_BACKLOG = lines(
    "How many records wait to be read?",
    "Records in each topic that are not yet read, over all partitions. A backlog that falls is a "
    "worker catching up; one that grows while events are read asks for more workers.",
    Line("{{topic}}", "sum by (topic) (closeknit_consumer_lag_records)"),
)

_EVENT_AGE = lines(
    "How old is the newest event of each topic?",
    "By the event's own time, so a replay of old events is old here though nothing is wrong. A "
    "topic that ages alone is a source cut off; account alerts wait for it.",
    Line("{{topic}}", "time() - topic:closeknit_last_event_timestamp_seconds:max"),
    unit=SECONDS,
)

_CURRENT = lines(
    "Which topics are too stale to judge accounts by?",
    "1: the topic is read to its end in every partition, and not silent for longer than chance "
    "explains. 0: account alerts that need it are silent until it is 1 again.",
    Line("{{topic}}", "topic:closeknit_current:bool"),
    most=1,
)

_OUTCOMES = layers(
    "What becomes of the records?",
    "Records read in a second, each by one outcome. Duplicates and replayed records are harmless. "
    "Late ones are too old for any window. Rerouted ones came from a producer that places keys by "
    "another hash. Invalid ones are dead letters.",
    Line("{{outcome}}", f"sum by (outcome) ({_rate('closeknit_events_total')})"),
    unit="eps",
    decimals=1,
)

_TOPICS = layers(
    "How much comes in from each topic?",
    "Records read in a second, by topic, ticks not counted. A topic at nothing while the others "
    "flow is a source that is cut off.",
    Line(
        "{{topic}}",
        "sum by (topic) (" + _rate("closeknit_events_total", 'outcome!="tick"') + ")",
    ),
    unit="eps",
    decimals=1,
)

_DEAD = layers(
    "What is refused, and why?",
    "Dead letters in a second, by reason. Each is kept, and can be sent again when its cause is "
    "gone: closeknit dead-letters list, show, redrive.",
    Line("{{reason}}", f"sum by (reason) ({_rate('closeknit_dead_letters_total')}) > 0"),
    unit="eps",
    decimals=3,
    none="Nothing is refused",
)

_REFUSED = lines(
    "How large a part of each topic is refused?",
    "Of the records of the last hour, those that became dead letters. Above the line "
    "DeadLetterRatio opens a ticket.",
    Line("{{topic}}", "topic:closeknit_events_total:invalid_ratio_1h"),
    unit=SHARE,
    decimals=2,
    limit=(_LIMITS.dead_letters_above, ACT),
    none="Nothing was read in the last hour",
)

_FLUSH = lines(
    "How long does a flush take?",
    "One flush files what has changed and commits it in one transaction. Half of them are faster "
    "than the lower line, 99 of 100 faster than the upper one. A slow broker shows here first.",
    *(
        Line(
            name,
            f"histogram_quantile({quantile}, sum by (le) ("
            f"{_rate('closeknit_flush_duration_seconds_bucket')}))",
            colour,
        )
        for name, quantile, colour in (("99 of 100", 0.99, TALK), ("half", 0.5, USUAL))
    ),
    unit=SECONDS,
    decimals=3,
    none="No flush in this range",
)

_LAST_FLUSH = lines(
    "How long since the last commit?",
    "A worker commits when something has changed. Long silence while records are read is "
    "FlushFailing; without anything to read it is nothing.",
    Line("{{instance}}", f"time() - {_of_workers('closeknit_last_flush_timestamp_seconds')}"),
    unit=SECONDS,
)

_WRITTEN = lines(
    "How many records are written?",
    "Changed relationships, partition records and dead letters that flushes write in a second. "
    "Fewer than records read, since a relationship that changes often is written once.",
    Line("{{instance}}", f"sum by (instance) ({_rate('closeknit_flush_records_total')})"),
    unit="wps",
    decimals=1,
)

_BYTES = lines(
    "How many bytes are written?",
    "Keys and values of what flushes write in a second, before compression. The changelog is "
    "compacted, so it does not grow at this rate.",
    Line("{{instance}}", f"sum by (instance) ({_rate('closeknit_flush_bytes_total')})"),
    unit="Bps",
)

_RECOVERY = lines(
    "How far has each recovery come?",
    "A partition that a worker takes over is read back from the changelog, and is counted when "
    "that has come to 100 %. A line that stands still below is a recovery that is stuck.",
    Line(
        "{{instance}}, partition {{partition}}",
        f"{_of_workers('closeknit_recovery_records_read')} "
        f"/ {_of_workers('closeknit_recovery_records_to_read')}",
    ),
    unit=SHARE,
    most=1,
)

_SNAPSHOT_AGE = lines(
    "How old is each snapshot?",
    "A worker keeps a copy of each of its partitions beside it, and a restart that finds one reads "
    "only what came after. It is renewed as changes add up, so a partition that rests keeps an old "
    "one. Without any, a restart reads the whole changelog: slower, never wrong.",
    Line(
        "{{instance}}, partition {{partition}}",
        f"time() - {_of_workers('closeknit_snapshot_timestamp_seconds')}",
    ),
    unit=SECONDS,
    none="No worker has a snapshot",
)

_SNAPSHOT_SIZE = lines(
    "How much disk do snapshots take?",
    "Bytes of all snapshots of each worker, which hold what its partitions hold. While one is "
    "renewed, the old one stays until the new one is whole.",
    Line("{{instance}}", f"sum by (instance) ({_of_workers('closeknit_snapshot_bytes')})"),
    unit="bytes",
    none="No worker has a snapshot",
)

_SNAPSHOT_FAILURES = lines(
    "Can snapshots be written?",
    "Snapshots of each worker that failed in an hour. A full disk, mostly: the log of the worker "
    "says it. Counting goes on meanwhile; the next restart takes longer.",
    Line("{{instance}}", f"increase({_of_workers('closeknit_snapshot_failures_total')}[1h])"),
    decimals=1,
)

_REBALANCES = lines(
    "How often do partitions change hands?",
    "Rebalances of the group in an hour, as each worker took part in them. One for each worker "
    "that comes or goes is usual; a steady line is a worker that is thrown out again and again.",
    Line("{{instance}}", f"increase({_of_workers('closeknit_rebalances_total')}[1h])"),
    decimals=1,
)

_MEMORY = lines(
    "How much memory does each worker use?",
    "Resident memory of the process. It grows with the relationships that the worker holds, which "
    "the table below counts by partition.",
    Line("{{instance}}", _of_workers("process_resident_memory_bytes")),
    unit="bytes",
)

_CPU = lines(
    "How busy is each worker?",
    "Seconds of processor in a second; 1 is a core, and more than one a worker cannot use. At 1 "
    "with a growing backlog, add workers up to the number of partitions.",
    Line("{{instance}}", _rate("process_cpu_seconds_total")),
    decimals=2,
    limit=(0.9, ACT),
)

_SERIES = lines(
    "How many series does each worker export?",
    "Samples on the page that Prometheus reads. Above the line it is over its budget: list the "
    "accounts that need series of their own.",
    Line("{{instance}}", _of_workers("scrape_samples_scraped")),
    limit=(SERIES_BUDGET, ACT),
)

_SCRAPE = lines(
    "How long does a page take?",
    "Time that a worker takes for each part of its page, the slowest worker's. A part that fails "
    "is left out, and shows in the table of workers as 0.",
    Line("{{part}}", f"max by (part) ({_of_workers('closeknit_scrape_duration_seconds')})"),
    unit=SECONDS,
    decimals=3,
)

_PLACES = rows(
    "Which worker holds which partition, and how is it?",
    "One row for each partition that a worker owns and has recovered. A partition that is here "
    "twice, or not at all, is why the numbers of accounts have a gap. The clock is the hour that "
    "windows end in; behind by more than an hour in live use, nothing has told it the time.",
    *(
        Line(name, f"sum by ({_PLACE}) ({expr})", unit=unit)
        for name, expr, unit in (
            ("Ready", _of_workers("closeknit_partition_ready"), ""),
            ("Relationships", _of_workers("closeknit_relationships_held"), ""),
            ("Accounts", _of_workers("closeknit_accounts_held"), ""),
            ("Not yet flushed", _of_workers("closeknit_dirty_relationships"), ""),
            ("Records to read", _of_workers("closeknit_consumer_lag_records"), ""),
            (
                "Clock behind",
                f"time() - {_of_workers('closeknit_clock_timestamp_seconds')}",
                SECONDS,
            ),
        )
    ),
    labels={"instance": "Worker", "partition": "Partition"},
)

_VERSIONS = rows(
    "Which versions run, and is each page whole?",
    "One row for each worker. Different versions side by side are usual during a deployment only. "
    "A part of its page that fails is 0; the log of the worker has the traceback.",
    Line("", _of_workers("closeknit_build_info")),
    *(
        Line(
            part.capitalize(),
            f'sum by (instance) (closeknit_scrape_success{{instance=~"$worker",part="{part}"}})',
            words={0: ("failed", ACT), 1: ("whole", CALM)},
        )
        for part in ("census", "pipeline", "process")
    ),
    labels={
        "instance": "Worker",
        "version": "Closeknit",
        "faust": "Faust",
        "python": "Python",
    },
)


def pipeline() -> str:
    """The dashboard, as JSON."""
    return board(
        PIPELINE,
        "Pipeline health",
        "Are the workers counting everybody, in time, and at what cost?",
        (4, [(24, _NUMBERS)]),
        (8, [(8, _LAG), (8, _BACKLOG), (8, _EVENT_AGE)]),
        (8, [(8, _TOPICS), (8, _OUTCOMES), (8, _CURRENT)]),
        (8, [(12, _DEAD), (12, _REFUSED)]),
        (8, [(6, _FLUSH), (6, _LAST_FLUSH), (6, _WRITTEN), (6, _BYTES)]),
        *OF_SOURCES,
        (8, [(12, _RECOVERY), (12, _REBALANCES)]),
        (8, [(8, _SNAPSHOT_AGE), (8, _SNAPSHOT_SIZE), (8, _SNAPSHOT_FAILURES)]),
        (8, [(6, _MEMORY), (6, _CPU), (6, _SERIES), (6, _SCRAPE)]),
        (9, [(14, _PLACES), (10, _VERSIONS)]),
        variables=[choice("worker", "Worker", "closeknit_build_info", of="instance", several=True)],
        alerts=[Alerts("Alerts of the pipeline", 'about="pipeline"')],
        since="now-6h",
        refresh="30s",
    )
