"""The kinds of panels: a question, an answer for people, queries, and a look."""

from collections.abc import Mapping, Sequence
from textwrap import dedent
from typing import Final, NamedTuple

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.builders import prometheus, stat, table, text, timeseries
from grafana_foundation_sdk.models import common, dashboard
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue as Property
from grafana_foundation_sdk.models.prometheus import PromQueryFormat
from grafana_foundation_sdk.models.text import TextMode

from grafana.palette import CALM

SOURCE: Final = common.DataSourceRef(type_val="prometheus", uid="${datasource}")
"""Whichever Prometheus is chosen at the top of the dashboard."""

NUMBER: Final = "locale"
"""A count: 12,345."""

SHARE: Final = "percentunit"
"""From 0 to 1, shown as per cent."""

SECONDS: Final = "s"

Panel = stat.Panel | table.Panel | text.Panel | timeseries.Panel


class Line(NamedTuple):
    """A query, and how its answer is shown.

    Attributes:
        name: the legend; `{{label}}` for as many lines as there are values.
        expr: the query, in PromQL.
        colour: of the one line that it is.
        dashed: something to compare with.
        fill_to: the name of another line; the space between them is filled, and neither is drawn.
        unit: if it is not that of the panel.
        limits: in a number: the values from which on it has another colour.
        words: in a number: what a value is called instead.
    """

    name: str
    expr: str
    colour: str = ""
    dashed: bool = False
    fill_to: str = ""
    hidden: bool = False
    unit: str = ""
    decimals: int | None = None
    limits: Sequence[tuple[float | None, str]] = ()
    words: Mapping[int, tuple[str, str]] = {}
    none: str = ""


def lines(
    title: str,
    description: str,
    *queries: Line,
    unit: str = NUMBER,
    decimals: int = 0,
    least: float | None = 0,
    most: float | None = None,
    limit: tuple[float, str] | None = None,
    none: str = "No data in this range",
    interval: str = "",
) -> timeseries.Panel:
    """Lines over time.

    `least` and `most` are the ends of the axis, which None leaves to the data; `limit` is a value
    that is drawn across, and its colour; `none` stands there without data; `interval` is how often
    there is something new, every scrape unless it says otherwise.
    """
    panel = (
        timeseries.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit(unit)
        .decimals(decimals)
        .no_value(none)
        .draw_style(common.GraphDrawStyle.LINE)
        .line_width(2)
        .fill_opacity(0)
        .show_points(common.VisibilityMode.AUTO)
        .point_size(4)
        .span_nulls(False)
        .legend(_legend())
        .tooltip(
            common_builders.VizTooltipOptions()
            .mode(common.TooltipDisplayMode.MULTI)
            .sort(common.SortOrder.NONE)
        )
    )
    if least is not None:
        panel.min(least)
    if most is not None:
        panel.max(most)
    if interval:
        panel.interval(interval)
    if limit:
        panel.thresholds(_thresholds([(None, CALM), limit])).thresholds_style(
            common_builders.GraphThresholdsStyleConfig().mode(
                common.GraphThresholdsStyleMode.DASHED
            )
        )
    _ask(panel, queries)
    for line in queries:
        if look := _look(line):
            panel.override_by_name(line.name, look)
    return panel


def layers(
    title: str,
    description: str,
    *queries: Line,
    share: bool = False,
    unit: str = NUMBER,
    decimals: int = 0,
    none: str = "No data in this range",
    interval: str = "",
) -> timeseries.Panel:
    """Parts of a whole over time, the first at the bottom; with `share` they fill the panel."""
    mode = common.StackingMode.PERCENT if share else common.StackingMode.NORMAL
    return (
        lines(
            title, description, *queries, unit=unit, decimals=decimals, none=none, interval=interval
        )
        .line_width(1)
        .fill_opacity(75)
        .show_points(common.VisibilityMode.NEVER)
        .stacking(common_builders.StackingConfig().mode(mode).group("A"))
    )


def numbers(
    title: str, description: str, *queries: Line, unit: str = NUMBER, decimals: int = 0
) -> stat.Panel:
    """Numbers as of now, side by side. They are asked for now: an old one would look like one."""
    panel = (
        stat.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit(unit)
        .decimals(decimals)
        .no_value("?")
        .color_mode(common.BigValueColorMode.VALUE)
        .graph_mode(common.BigValueGraphMode.NONE)
        .justify_mode(common.BigValueJustifyMode.CENTER)
        .text_mode(common.BigValueTextMode.VALUE_AND_NAME)
        .orientation(common.VizOrientation.VERTICAL)
        .reduce_options(common_builders.ReduceDataOptions().calcs(["lastNotNull"]))
        .thresholds(_thresholds([(None, CALM)]))
        .color_scheme(builders.FieldColor().mode(dashboard.FieldColorModeId.THRESHOLDS))
    )
    _ask(panel, queries, now=True)
    for line in queries:
        if look := _reading(line):
            panel.override_by_name(line.name, look)
    return panel


def rows(
    title: str,
    description: str,
    *columns: Line,
    labels: Mapping[str, str],
    links: Mapping[str, tuple[str, str]] = {},
) -> table.Panel:
    """A table as of now: a row for each set of labels, a column for each query.

    `labels` are those that are columns too, with their headings, in their order; `links` say where
    a click on a label leads: what is said of it, and the address.
    """
    refs = {f"Value #{_ref(at)}": column.name for at, column in enumerate(columns)}
    named = {**labels, **{value: name for value, name in refs.items() if name}}
    panel = (
        table.Panel()
        .title(title)
        .description(description)
        .datasource(SOURCE)
        .unit(NUMBER)
        .decimals(0)
        .no_value("-")
        .filterable(True)
        .color_scheme(builders.FieldColor().mode(dashboard.FieldColorModeId.THRESHOLDS))
        .thresholds(_thresholds([(None, CALM)]))
        .with_transformation(dashboard.DataTransformerConfig(id_val="merge", options={}))
        .with_transformation(
            dashboard.DataTransformerConfig(
                id_val="organize",
                options={
                    "excludeByName": {
                        "Time": True,
                        **{value: True for value, name in refs.items() if not name},
                    },
                    "indexByName": {name: at for at, name in enumerate(named)},
                    "renameByName": named,
                },
            )
        )
    )
    _ask(panel, columns, now=True, form=PromQueryFormat.TABLE)
    for label, heading in labels.items():
        properties = [Property("custom.align", "left")]
        if label in links:
            said, url = links[label]
            properties.append(Property("links", [{"title": said, "url": url}]))
        panel.override_by_name(heading, properties)
    for column in columns:
        if column.name and (look := _reading(column, cell=True)):
            panel.override_by_name(column.name, look)
    return panel


def words(title: str, description: str, markdown: str) -> text.Panel:
    """Something to read."""
    return (
        text.Panel()
        .title(title)
        .description(description)
        .mode(TextMode.MARKDOWN)
        .content(dedent(markdown).strip())
    )


def _ask(
    panel: timeseries.Panel | stat.Panel | table.Panel,
    queries: Sequence[Line],
    *,
    now: bool = False,
    form: PromQueryFormat = PromQueryFormat.TIME_SERIES,
) -> None:
    for at, line in enumerate(queries):
        query = (
            prometheus.Dataquery()
            .ref_id(_ref(at))
            .datasource(SOURCE)
            .expr(dedent(line.expr).strip())
            .legend_format(line.name)
            .format(form)
        )
        panel.with_target(query.instant() if now else query.range())


def _ref(at: int) -> str:
    return chr(ord("A") + at)


def _look(line: Line) -> list[Property]:
    """What is particular about a line."""
    found = []
    if line.colour:
        found.append(Property("color", {"mode": "fixed", "fixedColor": line.colour}))
    if line.dashed:
        found.append(Property("custom.lineStyle", {"fill": "dash", "dash": [8, 6]}))
        found.append(Property("custom.lineWidth", 1))
    if line.fill_to:
        found.append(Property("custom.fillBelowTo", line.fill_to))
        found.append(Property("custom.fillOpacity", 18))
    if line.fill_to or line.hidden:
        found.append(Property("custom.lineWidth", 0))
        found.append(Property("custom.showPoints", "never"))
    if line.hidden:
        hidden = {"legend": True, "tooltip": False, "viz": False}
        found.append(Property("custom.hideFrom", hidden))
    if line.unit:
        found.append(Property("unit", line.unit))
    return found


def _reading(line: Line, *, cell: bool = False) -> list[Property]:
    """What is particular about a number."""
    found = []
    if line.unit:
        found.append(Property("unit", line.unit))
    if line.decimals is not None:
        found.append(Property("decimals", line.decimals))
    if line.none:
        found.append(Property("noValue", line.none))
    if line.words:
        options = {
            f"{value:g}": {"text": word, "color": colour, "index": at}
            for at, (value, (word, colour)) in enumerate(line.words.items())
        }
        found.append(Property("mappings", [{"type": "value", "options": options}]))
    if line.limits:
        found.append(Property("thresholds", _thresholds(line.limits).build()))
    elif line.colour:
        found.append(Property("color", {"mode": "fixed", "fixedColor": line.colour}))
    if cell and (line.words or line.limits or line.colour):
        found.append(Property("custom.cellOptions", {"type": "color-text"}))
    return found


def _thresholds(steps: Sequence[tuple[float | None, str]]) -> builders.ThresholdsConfig:
    return (
        builders.ThresholdsConfig()
        .mode(dashboard.ThresholdsMode.ABSOLUTE)
        .steps([dashboard.Threshold(value=value, color=colour) for value, colour in steps])
    )


def _legend() -> common_builders.VizLegendOptions:
    return (
        common_builders.VizLegendOptions()
        .display_mode(common.LegendDisplayMode.LIST)
        .placement(common.LegendPlacement.BOTTOM)
        .show_legend(True)
        .calcs([])
    )
