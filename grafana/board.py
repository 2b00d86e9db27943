"""What every dashboard has: a data source to choose, links to the others, alerts drawn in, a grid."""

import json
from collections.abc import Sequence
from typing import Final

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard

from grafana.palette import ACT
from grafana.panels import SOURCE, Panel

TAG: Final = "closeknit"

ENGAGEMENT: Final = "closeknit-engagement"
ACCOUNTS: Final = "closeknit-accounts"
PIPELINE: Final = "closeknit-pipeline"
"""The uids: alerts and bookmarks lead to them, so they never change."""

Row = tuple[int, Sequence[tuple[int, Panel]]]
"""A height, and panels with their widths, 24 in all; a unit of height is 38 px."""


def board(
    uid: str,
    title: str,
    description: str,
    *rows: Row,
    variables: Sequence[builders.QueryVariable] = (),
    alerts: str,
    since: str,
    refresh: str,
) -> str:
    """A dashboard, as the JSON that Grafana reads.

    Args:
        variables: what can be chosen at the top, after the data source.
        alerts: a selector of the alerts that are drawn into its charts.
        since: how far back it looks at first, as in `now-28d`.
        refresh: how often it asks anew.
    """
    built = (
        builders.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags([TAG])
        .readonly()
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .timezone("browser")
        .time(since, "now")
        .refresh(refresh)
        .annotation(_alerts(alerts))
        .link(_others())
        .with_variable(
            builders.DatasourceVariable("datasource").label("Data source").type("prometheus")
        )
    )
    for variable in variables:
        built.with_variable(variable)
    number = 0
    for height, panels in rows:
        for width, panel in panels:
            number += 1
            built.with_panel(panel.id(number).height(height).span(width))
    document = json.loads(json.dumps(built.build(), cls=JSONEncoder))
    for link in document["links"]:
        # The kit puts links into a menu that has to be opened; without this they stand at the top.
        del link["placement"]
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def choice(
    name: str, label: str, metric: str, *, of: str, several: bool = False, all_of: str = ""
) -> builders.QueryVariable:
    """A variable: the values of a label of a metric; `all_of` matches more than all of them."""
    query = f"label_values({metric}, {of})"
    variable = (
        builders.QueryVariable(name)
        .label(label)
        .datasource(SOURCE)
        .query({"query": query, "refId": name})
        .definition(query)
        .refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(dashboard.VariableSort.ALPHABETICAL_CASE_INSENSITIVE_ASC)
    )
    if several:
        everything = dashboard.VariableOption(text="All", value="$__all", selected=True)
        variable.multi(True).include_all(True).current(everything)
    if all_of:
        variable.all_value(all_of)
    return variable


def _alerts(selector: str) -> builders.AnnotationQuery:
    return (
        builders.AnnotationQuery()
        .name("Alerts")
        .datasource(SOURCE)
        .enable(True)
        .icon_color(ACT)
        .expr(f'ALERTS{{alertstate="firing",{selector}}}')
        .step("5m")
        .title_format("{{alertname}}")
        .tag_keys("severity")
    )


def _others() -> builders.DashboardLink:
    return (
        builders.DashboardLink("Closeknit")
        .type(dashboard.DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .as_dropdown(False)
        .include_vars(True)
        .keep_time(True)
    )
