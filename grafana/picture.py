"""A picture of panels 1 to 5 of *Engagement over growth*, where no Grafana can be run.

It asks a Prometheus the very queries of the built dashboard, and draws the answers in its colours,
under its titles, in its grid. It is no screenshot, and says so.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from grafana import svg
from grafana.palette import CALM
from grafana.svg import Box, Chart, Curve, Mark

FIRST: Final = "How many people talk with us?"
LAST: Final = "How many people begin to follow in a week?"
NAME_GIVING: Final = "Connecting or merely growing?"

_COLUMN: Final = 48
_UNIT: Final = 34
_GAP: Final = 8
_MARGIN: Final = 24
_HEAD: Final = 92
_FOOT: Final = 56

Json = dict[str, Any]


class Asked(NamedTuple):
    """A Prometheus, and what is chosen at the top of the dashboard.

    Attributes:
        now: an instant query to the values of its answer, at the end of the range.
        over: a range query to the lines of its answer, each with its labels.
        account, name: which one.
        start, end: the range, in seconds.
        source: where the numbers come from, in a sentence.
    """

    now: Callable[[str], list[float]]
    over: Callable[[str], list[tuple[Mapping[str, str], svg.Points]]]
    account: str
    name: str
    start: float
    end: float
    source: str

    def fill(self, expr: str) -> str:
        """A query as Grafana sends it."""
        return expr.replace("$account", self.account)


def picture(board: Json, asked: Asked) -> str:
    """The panels as SVG."""
    panels = _chosen(board["panels"])
    top = min(panel["gridPos"]["y"] for panel in panels)
    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels) - top
    marks = list(_alerts(board, asked))
    body = [
        svg.text(_MARGIN, 40, board["title"], 22, svg.INK, weight=600),
        svg.text(_MARGIN, 66, f"{asked.name} · {board['description']}", 14),
    ]
    for panel in panels:
        place = panel["gridPos"]
        if panel["title"] == FIRST:  # it has the row for itself, as number 0 is not drawn
            place = {**place, "x": 0, "w": 24}
        box = Box(
            _MARGIN + place["x"] * _COLUMN + (_GAP / 2 if place["x"] else 0),
            _HEAD + (place["y"] - top) * _UNIT,
            place["w"] * _COLUMN - (_GAP / 2 if place["w"] < 24 else 0),
            place["h"] * _UNIT - _GAP,
        )
        body += svg.frame(box, panel["title"])
        body += (
            _numbers(panel, box, asked)
            if panel["type"] == "stat"
            else _chart(panel, box, asked, marks)
        )
    bottom = _HEAD + height * _UNIT
    body.append(svg.text(_MARGIN, bottom + 20, asked.source, 12.5))
    body.append(
        svg.text(
            _MARGIN,
            bottom + 38,
            "Drawn by python -m tests.grafana.picture from these panels' own queries, answered by "
            "a real Prometheus; not a screenshot of Grafana. Red: an alert fires.",
            12.5,
        )
    )
    width = 2 * _MARGIN + 24 * _COLUMN
    return svg.page(width, bottom + _FOOT, f"{board['title']}: {asked.name}", body)


def _chosen(panels: list[Json]) -> list[Json]:
    titles = [panel["title"] for panel in panels]
    return panels[titles.index(FIRST) : titles.index(LAST) + 1]


def _alerts(board: Json, asked: Asked) -> Iterator[Mark]:
    """When each alert that is drawn into the charts fired, by its beginning."""
    (annotation,) = board["annotations"]["list"]
    found = asked.over(asked.fill(annotation["expr"]))
    yield from sorted(
        (Mark(labels["alertname"], points[0][0], points[-1][0]) for labels, points in found),
        key=lambda mark: mark.start,
    )


def _numbers(panel: Json, box: Box, asked: Asked) -> Iterator[str]:
    looks = _looks(panel)
    shown = []
    for target in panel["targets"]:
        (value,) = asked.now(asked.fill(target["expr"]))
        ink = looks.get(target["legendFormat"], {}).get("color", {}).get("fixedColor", CALM)
        sign = "+" if "against" in target["legendFormat"] and value > 0 else ""
        shown.append((target["legendFormat"], f"{sign}{value:,.0f}".replace("-", "−"), ink))
    yield from svg.numbers(box, shown)


def _chart(panel: Json, box: Box, asked: Asked, marks: list[Mark]) -> Iterator[str]:
    curves = list(_curves(panel, asked))
    defaults = panel["fieldConfig"]["defaults"]
    stacked = defaults["custom"].get("stacking", {}).get("mode") == "percent"
    unit = "percentunit" if stacked else defaults["unit"]
    values = _ends([0.0, 1.0] if unit == "percentunit" else _values(curves), defaults)
    chart = Chart(box, (asked.start, asked.end), values, unit)
    if stacked:
        yield from chart.layers(curves)
        yield from chart.axes()
    else:
        yield from chart.axes()
    yield from chart.marks(marks, named=panel["title"] == NAME_GIVING)
    if not stacked:
        yield from chart.lines(curves)
    yield from chart.legend(curves)


def _curves(panel: Json, asked: Asked) -> Iterator[Curve]:
    looks = _looks(panel)
    for target in panel["targets"]:
        name = target["legendFormat"]
        look = looks.get(name, {})
        for _, points in asked.over(asked.fill(target["expr"])):
            if any(value == value for _, value in points):  # noqa: PLR0124  not all of them nan
                yield Curve(
                    name,
                    look["color"]["fixedColor"],
                    points,
                    dashed="custom.lineStyle" in look,
                    fill_to=look.get("custom.fillBelowTo", ""),
                    hidden="custom.hideFrom" in look,
                )


def _looks(panel: Json) -> dict[str, Json]:
    """What is particular about each line, by its name."""
    return {
        override["matcher"]["options"]: {one["id"]: one["value"] for one in override["properties"]}
        for override in panel["fieldConfig"]["overrides"]
    }


def _values(curves: Iterable[Curve]) -> list[float]:
    return [value for curve in curves for _, value in curve.points if value == value]  # noqa: PLR0124


def _ends(values: list[float], defaults: Json) -> tuple[float, float]:
    """The ends of the axis: those that are set, and the data's own."""
    return defaults.get("min", min(values)), defaults.get("max", max(values))


def read(path: str) -> Json:
    """A built dashboard."""
    with open(path, encoding="utf-8") as file:  # noqa: PTH123
        document: Json = json.load(file)
    return document
