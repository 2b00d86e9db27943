"""A picture of panels 0 to 5 of *Engagement over growth*, where no Grafana can be run.

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
    height = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
    marks = _alerts(board, asked)
    body = [
        svg.text(_MARGIN, 40, board["title"], 22, svg.INK, weight=600),
        svg.text(_MARGIN, 66, f"{asked.name} · {board['description']}", 14),
    ]
    for panel in panels:
        place = panel["gridPos"]
        box = Box(
            _MARGIN + place["x"] * _COLUMN + (_GAP / 2 if place["x"] else 0),
            _HEAD + place["y"] * _UNIT,
            place["w"] * _COLUMN - (_GAP / 2 if place["w"] < 24 else 0),
            place["h"] * _UNIT - _GAP,
        )
        body += svg.frame(box, panel["title"])
        body += (
            _numbers(panel, box, asked)
            if panel["type"] == "stat"
            else _chart(panel, box, asked, marks.get(panel["id"], []))
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
    return panels[: titles.index(LAST) + 1]


def _alerts(board: Json, asked: Asked) -> dict[int, list[Mark]]:
    """When each alert fired that is drawn into a panel, by the panel's id and its beginning."""
    marks: dict[int, list[Mark]] = {}
    for annotation in board["annotations"]["list"]:
        found = sorted(
            (
                Mark(labels["alertname"], points[0][0], points[-1][0])
                for labels, points in asked.over(asked.fill(annotation["expr"]))
            ),
            key=lambda mark: mark.start,
        )
        for id in annotation["filter"]["ids"]:
            marks.setdefault(id, []).extend(found)
    return marks


def _numbers(panel: Json, box: Box, asked: Asked) -> Iterator[str]:
    looks = _looks(panel)
    shown = []
    for target in panel["targets"]:
        name = target["legendFormat"]
        (value,) = asked.now(asked.fill(target["expr"]))
        shown.append((name, *_reading(value, looks.get(name, {}))))
    yield from svg.numbers(box, shown)


def _reading(value: float, look: Json) -> tuple[str, str]:
    """A number as words, and its colour."""
    for mapping in look.get("mappings", ()):
        if word := mapping["options"].get(f"{value:g}"):
            return word["text"], word["color"]
    unit, ink = look.get("unit", ""), look.get("color", {}).get("fixedColor", CALM)
    for step in look.get("thresholds", {}).get("steps", ()):
        if step["value"] is None or value >= step["value"]:
            ink = step["color"]
    if unit == "s":
        return (f"{value / 60:.0f} min" if value >= 60 else f"{value:.0f} s"), ink
    return f"{value:,.0f}{unit.removeprefix('suffix:')}", ink


def _chart(panel: Json, box: Box, asked: Asked, marks: list[Mark]) -> Iterator[str]:
    curves = list(_curves(panel, asked))
    defaults = panel["fieldConfig"]["defaults"]
    stacked = defaults["custom"].get("stacking", {}).get("mode") == "percent"
    unit = "percentunit" if stacked else defaults["unit"]
    values = _ends([0.0, 1.0] if unit == "percentunit" else _values(curves), defaults)
    chart = Chart(box, (asked.start, asked.end), values, unit)
    yield from chart.axes()
    yield from chart.layers(curves) if stacked else ()
    yield from chart.marks(marks, named=panel["title"] == NAME_GIVING)
    yield from () if stacked else chart.lines(curves)
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
