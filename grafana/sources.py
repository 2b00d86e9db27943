"""The rows about live sources, on the dashboard *Pipeline health*."""

from typing import Final

from grafana.palette import ACT
from grafana.panels import SECONDS, Line, layers, lines
from streams.alerting.thresholds import DEFAULTS

_NO_SOURCE: Final = "No live source is scraped"

_HEARD = lines(
    "How long since each source heard its platform?",
    "Any sign of life counts, an answer to a ping too, so a quiet platform stays low and a broken "
    "connection rises. Above the line for two minutes SourceSilent opens a ticket. A line that "
    "ends is a source that is not running.",
    Line(
        "{{source}}",
        "time() - max by (source) (closeknit_source_heartbeat_timestamp_seconds)",
    ),
    unit=SECONDS,
    limit=(DEFAULTS.pipeline.source_silent, ACT),
    none=_NO_SOURCE,
)

_DELIVERED = layers(
    "What do the sources deliver?",
    "Events that live sources have committed to the topics in a second, by source and kind. What "
    "is taken back is an event too.",
    Line(
        "{{source}} {{kind}}",
        "sum by (source, kind) (rate(closeknit_source_events_total[$__rate_interval]))",
    ),
    unit="eps",
    decimals=1,
    none=_NO_SOURCE,
)

_COMMITTED = lines(
    "How long since each source committed anything?",
    "Events, or where to read on: a source that is connected commits its place every few seconds "
    "even if nothing concerns us. A gateway for webhooks commits only what is pushed.",
    Line(
        "{{source}}",
        "time() - max by (source) (closeknit_source_last_delivery_timestamp_seconds > 0)",
    ),
    unit=SECONDS,
    none=_NO_SOURCE,
)

_TURNED_AWAY = layers(
    "What do the sources refuse, and why?",
    "Things a second that were no event, by source and reason. Those of a platform are dead "
    "letters; those of a gateway were refused to their sender, who has the reason.",
    Line(
        "{{source}} {{reason}}",
        "sum by (source, reason) (rate(closeknit_source_refused_total[$__rate_interval])) > 0",
    ),
    unit="eps",
    decimals=3,
    none="Nothing is refused",
)

_LEFT_OUT = lines(
    "What do the sources leave out?",
    "Well-formed things a second that made no event, by reason: of strangers, of a kind that is "
    "not counted, or a deletion of something that nobody remembers. A line that rises alone is "
    "worth a look.",
    Line(
        "{{source}} {{reason}}",
        "sum by (source, reason) (rate(closeknit_source_left_out_total[$__rate_interval]))",
    ),
    unit="eps",
    decimals=2,
    none="Nothing is left out",
)

_UNSTEADY = lines(
    "How steady are the connections of the sources?",
    "Times in an hour that a source lost its connection and sought it again. Each costs seconds "
    "and no event; a steady line is a platform, or a network, that ails.",
    Line("{{source}}", "sum by (source) (increase(closeknit_source_reconnects_total[1h]))"),
    decimals=1,
    none=_NO_SOURCE,
)

_LOST = lines(
    "How much time is lost for good?",
    "Time of which a platform no longer tells what happened in it, since the source was started. "
    "Anything above 0 is SourceLostTime: counts miss what came and went then.",
    Line("{{source}}", "max by (source) (closeknit_source_lost_seconds_total)"),
    unit=SECONDS,
    limit=(1, ACT),
    none=_NO_SOURCE,
)

OF_SOURCES: Final = (
    (8, [(6, _HEARD), (6, _COMMITTED), (6, _UNSTEADY), (6, _LOST)]),
    (8, [(8, _DELIVERED), (8, _TURNED_AWAY), (8, _LEFT_OUT)]),
)
