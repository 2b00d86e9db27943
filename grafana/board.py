"""What every dashboard has: a data source to choose, links to the others, alerts, a grid."""

import json
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

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


class Alerts(NamedTuple):
    """Alerts that are drawn into charts.

    Attributes:
        name: of the switch at the top.
        selector: labels of the alerts.
        titles: of the panels that they are drawn into; all, if there are none.
    """

    name: str
    selector: str
    titles: Sequence[str] = ()


def board(
    uid: str,
    title: str,
    description: str,
    *rows: Row,
    variables: Sequence[builders.QueryVariable] = (),
    alerts: Sequence[Alerts],
    since: str,
    refresh: str,
) -> str:
    """A dashboard, as the JSON that Grafana reads.

    `variables` can be chosen at the top, after the data source; `alerts` are those that are drawn
    into charts; `since` is how far back it looks at first, `refresh` how often it asks.
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
        .link(_others())
        .with_variable(
            builders.DatasourceVariable("datasource").label("Data source").type("prometheus")
        )
    )
    for variable in variables:
        built.with_variable(variable)
    ids: dict[str, int] = {}
    for height, panels in rows:
        for width, panel in panels:
            number = len(ids) + 1
            ids[panel.build().title or ""] = number
            built.with_panel(panel.id(number).height(height).span(width))
    for drawn in alerts:
        built.annotation(_drawn(drawn, ids))
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


def _drawn(alerts: Alerts, ids: Mapping[str, int]) -> builders.AnnotationQuery:
    query = (
        builders.AnnotationQuery()
        .name(alerts.name)
        .datasource(SOURCE)
        .enable(True)
        .icon_color(ACT)
        .expr(f'ALERTS{{alertstate="firing",{alerts.selector}}}')
        .step("5m")
        .title_format("{{alertname}}")
        .tag_keys("severity")
    )
    if alerts.titles:
        chosen = [ids[title] for title in alerts.titles]
        query.filter(builders.AnnotationPanelFilter().exclude(False).ids(chosen))
    return query


def _others() -> builders.DashboardLink:
    return (
        builders.DashboardLink("Closeknit")
        .type(dashboard.DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .as_dropdown(False)
        .include_vars(True)
        .keep_time(True)
    )
