"""Charts as SVG, in the manner of Grafana in the dark."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from itertools import groupby
from math import floor, isnan, log10
from typing import Final, NamedTuple

Points = Sequence[tuple[float, float]]
"""Times in seconds, and values; nan for none."""

CANVAS: Final = "#111217"
PANEL: Final = "#181b1f"
EDGE: Final = "#2c2f36"
GRID: Final = "#2a2d34"
INK: Final = "#d5d6dc"
SOFT: Final = "#9ea3ad"

_NAMED: Final = {
    "dark-green": "#37872d",
    "light-green": "#96d98d",
    "yellow": "#fade2a",
    "orange": "#ff9830",
    "red": "#f2495c",
    "text": INK,
}
"""Grafana's names for the colours that are drawn here."""

_DAY: Final = 86_400


class Box(NamedTuple):
    """A rectangle on the page."""

    x: float
    y: float
    width: float
    height: float


class Curve(NamedTuple):
    """A line, or a layer."""

    name: str
    colour: str
    points: Points
    dashed: bool = False
    fill_to: str = ""
    hidden: bool = False


class Mark(NamedTuple):
    """A stretch of time that something is said of."""

    name: str
    start: float
    end: float


def colour(name: str) -> str:
    """A colour of Grafana as one of SVG."""
    return name if name.startswith("#") else _NAMED[name]


def text(
    x: float,
    y: float,
    words: str,
    size: float = 12,
    fill: str = SOFT,
    anchor: str = "start",
    weight: int = 400,
    halo: bool = False,
) -> str:
    """Words on the page; a halo keeps lines behind them off."""
    around = f' stroke="{PANEL}" stroke-width="4" paint-order="stroke"' if halo else ""
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" fill="{fill}" text-anchor="{anchor}" '
        f'font-weight="{weight}"{around}>{escape(words)}</text>'
    )


def frame(box: Box, title: str) -> Iterator[str]:
    """A panel without anything in it but its question."""
    yield (
        f'<rect x="{box.x:g}" y="{box.y:g}" width="{box.width:g}" height="{box.height:g}" rx="4" '
        f'fill="{PANEL}" stroke="{EDGE}"/>'
    )
    yield text(box.x + 14, box.y + 25, title, 14, INK, weight=600)


def numbers(box: Box, shown: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    """Numbers side by side: what each is, its value as text, its colour."""
    width = box.width / len(shown)
    for at, (name, value, ink) in enumerate(shown):
        middle = box.x + width * (at + 0.5)
        yield text(middle, box.y + box.height * 0.6, value, 36, colour(ink), "middle", 500)
        yield text(middle, box.y + box.height * 0.6 + 28, name, 13, SOFT, "middle")


class Chart:
    """A chart in its panel: scales, axes, legend, and whatever is drawn between them."""

    def __init__(self, box: Box, span: tuple[float, float], values: tuple[float, float], unit: str):
        left = box.x + (52 if unit == "percentunit" else 56)
        self._plot = Box(left, box.y + 44, box.x + box.width - 26 - left, box.height - 104)
        self._box, self._span, self._unit = box, span, unit
        self._step = _nice((values[1] - values[0]) / 4)
        low = floor(values[0] / self._step) * self._step
        ticks = 0
        while low + ticks * self._step < values[1] - self._step * 1e-6:
            ticks += 1
        self._values = low, low + max(ticks, 1) * self._step

    def axes(self) -> Iterator[str]:
        """The grid, with its numbers and dates."""
        low, high = self._values
        plot = self._plot
        for at in range(round((high - low) / self._step) + 1):
            value = low + at * self._step
            y = self._y(value)
            yield _rule(plot.x, y, plot.x + plot.width, y, GRID)
            yield text(plot.x - 8, y + 4, _tick(value, self._unit), 11.5, anchor="end")
        start, end = self._span
        for moment in range(int(-(-start // _DAY)) * _DAY, int(end) + 1, 7 * _DAY):
            date = datetime.fromtimestamp(moment, UTC)
            x = self._x(moment)
            yield _rule(x, plot.y, x, plot.y + plot.height, GRID)
            label = f"{date.day} {date:%b}"
            yield text(x, plot.y + plot.height + 18, label, 11.5, anchor="middle")

    def marks(self, marks: Sequence[Mark], *, named: bool = False) -> Iterator[str]:
        """Alerts: a dashed line where one begins to fire, and a bar for as long as it does."""
        plot, red = self._plot, colour("red")
        bottom = plot.y + plot.height
        for at, mark in enumerate(marks):
            left, right = self._x(mark.start), self._x(mark.end)
            yield (
                f'<rect x="{left:.1f}" y="{bottom - 3:g}" width="{right - left:.1f}" height="3" '
                f'fill="{red}" fill-opacity="0.8"/>'
            )
            yield _rule(left, plot.y, left, bottom, red, "4 4")
            if named:
                y = plot.y + 14 + 17 * at
                yield text(left - 7, y, mark.name, 12, red, "end", halo=True)

    def layers(self, curves: Sequence[Curve]) -> Iterator[str]:
        """Curves upon each other, as shares of their sum."""
        below: Mapping[float, float] = {}
        wholes: dict[float, float] = {}
        for curve in curves:
            for moment, value in curve.points:
                wholes[moment] = wholes.get(moment, 0) + value
        for curve in curves:
            above = {
                moment: below.get(moment, 0) + value / (wholes[moment] or 1)
                for moment, value in curve.points
            }
            yield self._between(above, below, curve.colour, 0.85)
            below = above

    def lines(self, curves: Sequence[Curve], fill: float = 0) -> Iterator[str]:
        """Curves as lines, with the space to another where they have one."""
        by_name = {curve.name: curve for curve in curves}
        for curve in curves:
            if curve.fill_to:
                other = dict(by_name[curve.fill_to].points)
                yield self._between(dict(curve.points), other, curve.colour, 0.22)
        for curve in curves:
            if not curve.hidden and not curve.fill_to:
                if fill:
                    nothing = dict.fromkeys((moment for moment, _ in curve.points), 0.0)
                    yield self._between(dict(curve.points), nothing, curve.colour, fill)
                yield from self._line(curve)

    def legend(self, curves: Sequence[Curve]) -> Iterator[str]:
        """What is what, from left to right."""
        x, y = self._plot.x - 38, self._box.y + self._box.height - 17
        for curve in curves:
            if curve.hidden:
                continue
            ink = colour(curve.colour)
            if curve.fill_to:
                yield (
                    f'<rect x="{x:g}" y="{y - 10:g}" width="16" height="12" rx="2" fill="{ink}" '
                    'fill-opacity="0.35"/>'
                )
            else:
                dash = ' stroke-dasharray="5 3"' if curve.dashed else ""
                yield (
                    f'<path d="M{x:g} {y - 4:g}h16" stroke="{ink}" stroke-width="4" fill="none"'
                    f"{dash}/>"
                )
            yield text(x + 22, y, curve.name, 12)
            x += 22 + 6.3 * len(curve.name) + 20

    def _line(self, curve: Curve) -> Iterator[str]:
        dash, width = (' stroke-dasharray="8 6"', 1.3) if curve.dashed else ("", 2.2)
        for there, points in groupby(curve.points, lambda point: not isnan(point[1])):
            if there:
                path = "L".join(f"{self._x(t):.1f} {self._y(value):.1f}" for t, value in points)
                yield (
                    f'<path d="M{path}" fill="none" stroke="{colour(curve.colour)}" '
                    f'stroke-width="{width}" stroke-linejoin="round"{dash}/>'
                )

    def _between(
        self, upper: Mapping[float, float], lower: Mapping[float, float], ink: str, opacity: float
    ) -> str:
        there = [moment for moment, value in upper.items() if not isnan(value)]
        over = [f"{self._x(t):.1f} {self._y(upper[t]):.1f}" for t in there]
        under = [f"{self._x(t):.1f} {self._y(lower.get(t, 0)):.1f}" for t in reversed(there)]
        return (
            f'<path d="M{"L".join(over + under)}Z" fill="{colour(ink)}" fill-opacity="{opacity}"/>'
        )

    def _x(self, moment: float) -> float:
        start, end = self._span
        return self._plot.x + (moment - start) / (end - start) * self._plot.width

    def _y(self, value: float) -> float:
        low, high = self._values
        return self._plot.y + (high - value) / (high - low) * self._plot.height


def page(width: float, height: float, title: str, body: Sequence[str]) -> str:
    """The whole picture."""
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" '
            f'width="{width:g}" height="{height:g}" role="img" aria-labelledby="title" '
            "font-family=\"Inter, system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', "
            'Arial, sans-serif">',
            f'<title id="title">{escape(title)}</title>',
            f'<rect width="{width:g}" height="{height:g}" rx="8" fill="{CANVAS}"/>',
            *body,
            "</svg>",
            "",
        ]
    )


def _rule(x1: float, y1: float, x2: float, y2: float, ink: str, dash: str = "") -> str:
    dashes = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="{ink}"{dashes}/>'


def _nice(step: float) -> float:
    """The next step that people count in: 1, 2, 5 and their tens."""
    ten: float = 10 ** floor(log10(step))
    return next(ten * nice for nice in (1, 2, 2.5, 5, 10) if ten * nice >= step * 0.999)


def _tick(value: float, unit: str) -> str:
    return f"{value:.0%}" if unit == "percentunit" else f"{value:,.0f}"
