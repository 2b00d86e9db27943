"""The alerts about the pipeline: for those who run the workers."""

from collections.abc import Iterator

from streams.alerting.rules import Alert, Group, Severity, query
from streams.alerting.thresholds import Settings

_BURNS: tuple[tuple[float, str, str, str, Severity], ...] = (
    # How many times as fast as allowed, over a long and a short window, held for so long: "The Site
    # Reliability Workbook", chapter 5, with the waits of kubernetes-mixin. At 14.4 times, what is
    # allowed for 30 days is used up in two.
    (14.4, "1h", "5m", "2m", "page"),
    (6, "6h", "30m", "15m", "page"),
    (3, "1d", "2h", "1h", "ticket"),
    (1, "3d", "6h", "3h", "ticket"),
)


def pipeline_alerts(settings: Settings) -> Group:
    """Every alert about the pipeline."""
    alerts = [
        *_numbers(settings),
        *_workers(settings),
        *_reading(settings),
        *_records(settings),
        *_sources(settings),
    ]
    return Group("closeknit-pipeline", alerts)


def _alert(
    settings: Settings,
    name: str,
    severity: Severity,
    hold: str,
    expr: str,
    summary: str,
    description: str,
    **labels: str,
) -> Alert:
    return Alert(
        alert=name,
        expr=query(expr),
        hold=hold,
        severity=severity,
        about="pipeline",
        summary=summary,
        description=description,
        runbook_url=f"{settings.links.runbooks}#{name.lower()}",
        dashboard_url=f"{settings.links.dashboards}/d/closeknit-pipeline",
        labels=labels,
    )


def _numbers(settings: Settings) -> Iterator[Alert]:
    """Whether the numbers of the accounts can be believed."""
    stale = "EngagementDataStale"
    consequence = "Until that is mended, account alerts are silent"
    yield _alert(
        settings,
        stale,
        "page",
        "15m",
        "closeknit:complete:bool == 0",
        "Not every partition is counted once",
        "Partitions that are counted: {{ with query `sum(closeknit_partition_ready)` }}"
        "{{ . | first | value }}{{ else }}0{{ end }}, of "
        "{{ with query `max(closeknit_partitions)` }}{{ . | first | value }}"
        f"{{{{ else }}}}an unknown number{{{{ end }}}}. {consequence}, and charts have a gap.",
        reason="incomplete",
    )
    yield _alert(
        settings,
        stale,
        "ticket",
        "1h",
        f"topic:closeknit_consumer_lag_seconds:max > {settings.trust.most_lag}",
        "The numbers are behind: {{ $labels.topic }}",
        "What was written to the topic {{ $labels.topic }} in the last "
        f"{{{{ $value | humanizeDuration }}}} is not yet counted. {consequence}.",
        reason="behind",
    )
    yield _alert(
        settings,
        stale,
        "ticket",
        "1h",
        """
        topic:closeknit_silence:seconds and on (topic) (topic:closeknit_silent:bool == 1)
        or 0 * topic:closeknit_events:usual_week and on (topic) (topic:closeknit_silent:bool == 1)
        """,
        "Nothing comes from the topic {{ $labels.topic }}",
        "The last event of the topic {{ $labels.topic }} is "
        "{{ if eq $value 0.0 }}more than a week{{ else }}{{ $value | humanizeDuration }}{{ end }} "
        "old, where a usual week brings "
        "{{ with printf `topic:closeknit_events:usual_week{topic=%q}` $labels.topic | query }}"
        '{{ . | first | value | printf "%.0f" }}{{ end }}: the source is cut off, or everybody '
        f"fell silent at once. {consequence}.",
        reason="silent",
    )
    yield _alert(
        settings,
        "AccountsOverLimit",
        "ticket",
        "15m",
        "closeknit:accounts_over_limit:max == 1",
        "There are more accounts than the limit allows",
        "Accounts beyond CLOSEKNIT_MAX_ACCOUNTS share the series of _other, and workers may "
        "differ in which. Account alerts are silent until the limit is raised or the accounts are "
        "listed.",
    )
    for burn, long, short, hold, severity in _BURNS:
        budget = round(1 - settings.pipeline.fresh_objective, 9)
        limit = round(burn * budget, 9)
        yield _alert(
            settings,
            "FreshnessBurnRate",
            severity,
            hold,
            f"""
            closeknit:fresh:missed_ratio_{long} > {limit:g}
            and closeknit:fresh:missed_ratio_{short} > {limit:g}
            """,
            f"The numbers were not fresh for too much of the last {long}",
            f"For {{{{ $value | humanizePercentage }}}} of the last {long} the numbers were "
            f"incomplete or more than {settings.pipeline.fresh_lag} s behind; {budget * 100:g}% is "
            f"allowed in the long run, and {limit * 100:g}% over {long}.",
            window=long,
        )


def _workers(settings: Settings) -> Iterator[Alert]:
    job = f'job="{settings.job}"'
    yield _alert(
        settings,
        "WorkerDown",
        "ticket",
        "5m",
        f"""
        up{{{job}}} == 0
        or absent(up{{{job}}}) - 1
        """,
        "A worker does not answer: {{ or $labels.instance `all of them` }}",
        "Prometheus cannot read /metrics of {{ or $labels.instance `any worker` }}. "
        f"Workers that answer: {{{{ with query `count(up{{{job}}} == 1)` }}}}"
        "{{ . | first | value }}{{ else }}0{{ end }}. Where others have taken over its partitions, "
        "only capacity is missing.",
    )
    yield _alert(
        settings,
        "WorkerRestarts",
        "ticket",
        "0m",
        f"changes(process_start_time_seconds{{{job}}}[15m]) >= {settings.pipeline.restarts}",
        "A worker starts again and again: {{ $labels.instance }}",
        "{{ $labels.instance }} started {{ $value }} times in 15 minutes. The last line of its log "
        "and its exit code say why.",
    )
    yield _alert(
        settings,
        "FlushFailing",
        "page",
        "5m",
        """
        sum by (instance) (increase(closeknit_events_total[5m])) > 0
        unless on (instance) (time() - closeknit_last_flush_timestamp_seconds < 300)
        """,
        "{{ $labels.instance }} applies records and commits nothing",
        "{{ $labels.instance }} applied {{ $value | humanize }} records in 5 minutes, and its last "
        "commit is older than that. Nothing is lost: what is not committed will be read again. A "
        "worker whose flush fails ends with code 76 and recovers.",
    )


def _reading(settings: Settings) -> Iterator[Alert]:
    pipeline = settings.pipeline
    lag = "topic:closeknit_consumer_lag_seconds:max"
    yield _alert(
        settings,
        "PipelineStalled",
        "page",
        "5m",
        """
        sum by (topic) (closeknit_consumer_lag_records) > 0
        and on (topic) (sum by (topic) (increase(closeknit_events_total[10m])) == 0)
        """,
        "Nobody reads the topic {{ $labels.topic }}",
        "{{ $value | humanize }} records of the topic {{ $labels.topic }} wait, and for 10 minutes "
        "none was read.",
    )
    yield _alert(
        settings,
        "LagGrowing",
        "ticket",
        "15m",
        f"""
        {lag} > {pipeline.lag_above}
        and {lag} - {lag} offset 15m > {pipeline.lag_growth}
        """,
        "The workers fall behind: {{ $labels.topic }}",
        "The topic {{ $labels.topic }} is read {{ $value | humanizeDuration }} late, and later "
        "than 15 minutes ago: more comes in than the workers apply.",
    )
    yield _alert(
        settings,
        "UnevenCatchUp",
        "ticket",
        "15m",
        f"max({lag}) - min({lag}) > {pipeline.uneven_lag}",
        "Some topics are read far ahead of others",
        "One topic is {{ $value | humanizeDuration }} further behind than another: "
        f"{{{{ range query `sort_desc({lag})` }}}}"
        "{{ .Labels.topic }} {{ .Value | humanizeDuration }}; {{ end }}"
        "charts that set one against the other mislead until that is over. Account alerts are "
        "silent.",
    )


def _records(settings: Settings) -> Iterator[Alert]:
    pipeline = settings.pipeline
    reasons = "topk(3, sum by (reason) (increase(closeknit_dead_letters_total[1h])) > 0)"
    yield _alert(
        settings,
        "DeadLetterRatio",
        "ticket",
        "5m",
        f"""
        topic:closeknit_events_total:invalid_ratio_1h > {pipeline.dead_letters_above:g}
        and on (topic) (
          sum by (topic) (increase(closeknit_events_total{{outcome="invalid"}}[1h]))
          >= {pipeline.least_dead_letters}
        )
        """,
        "Too many records are refused: {{ $labels.topic }}",
        "{{ $value | humanizePercentage }} of the records of the topic {{ $labels.topic }} in the "
        "last hour became dead letters. In all topics, the commonest reasons were: "
        f"{{{{ range query `{reasons}` }}}}"
        '{{ .Labels.reason }} {{ .Value | printf "%.0f" }}; {{ end }}'
        "each is kept.",
    )


def _sources(settings: Settings) -> Iterator[Alert]:
    lost = "closeknit_source_lost_seconds_total"
    yield _alert(
        settings,
        "SourceSilent",
        "ticket",
        "2m",
        f"""
        time() - max by (source) (closeknit_source_heartbeat_timestamp_seconds)
        > {settings.pipeline.source_silent}
        """,
        "The source {{ $labels.source }} hears nothing from its platform",
        "The process of the source {{ $labels.source }} runs, and its platform has given no sign "
        "of life {{ if gt $value 1e9 }}since it was started{{ else }}for "
        "{{ $value | humanizeDuration }}{{ end }}. It goes on trying, and will read on where it "
        "was for as long as the platform still has that.",
    )
    yield _alert(
        settings,
        "SourceLostTime",
        "ticket",
        "0m",
        # A source learns of it when it is started, before Prometheus has seen its counter: such a
        # one has not grown.
        f"""
        max by (source) (increase({lost}[1h])) > 0
        or max by (source) ({lost} unless {lost} offset 1h) > 0
        """,
        "Events of the source {{ $labels.source }} are lost",
        "Of {{ $value | humanizeDuration }} the platform of the source {{ $labels.source }} no "
        "longer tells what happened in it: we were away for too long. Counts miss what came and "
        "went in that time.",
    )
