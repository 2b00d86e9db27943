"""Small charts as SVG, drawn to be read at a glance and to be read out: each says what it shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from streams.report.markup import Markup, joined, tag

_WIDTH: Final = 160
_HEIGHT: Final = 56


def bars(id: str, title: str, values: Sequence[int], usual: int | None) -> Markup:
    """Weeks as bars, the last one in colour, with a line at the usual week."""
    top = max(*values, usual or 0, 1)
    step = _WIDTH / len(values)
    drawn = [
        tag(
            "rect",
            x=_number(at * step + 1.5),
            y=_number(_HEIGHT - max(n / top * (_HEIGHT - 2), 1.0 if n else 0.0)),
            width=_number(step - 3),
            height=_number(max(n / top * (_HEIGHT - 2), 1.0 if n else 0.0)),
            rx=1.5,
            class_="now" if at == len(values) - 1 else None,
        )
        for at, n in enumerate(values)
    ]
    if usual is not None:
        y = _number(_HEIGHT - usual / top * (_HEIGHT - 2))
        drawn.append(tag("line", x1=0, x2=_WIDTH, y1=y, y2=y, class_="usual"))
    weeks = ", ".join(f"{n:,}" for n in values)
    said = f"{len(values)} weeks, this one last: {weeks}."
    if usual is not None:
        said += f" The dashed line is a usual week: {usual:,}."
    return _svg(id, title, said, "bars", *drawn)


def line(id: str, title: str, values: Sequence[int]) -> Markup:
    """A number at the end of each week, this one last, from the least to the greatest."""
    weeks = ", ".join(f"{n:,}" for n in values)
    said = f"At the end of each of {len(values)} weeks, this one last: {weeks}."
    return _svg(id, title, said, "line", *_path(values, _WIDTH, _HEIGHT, 6))


def spark(values: Sequence[float | None]) -> Markup:
    """A number over the weeks in the room of a word; decoration, as its row says the numbers."""
    known = [value for value in values if value is not None]
    drawn = _path(known, 64, 18, 3) if len(known) > 1 else []
    return tag("svg", *drawn, viewBox="0 0 64 18", class_="spark", aria_hidden="true")


def _path(values: Sequence[float], width: int, height: int, margin: int) -> list[Markup]:
    least, most = min(values), max(values)
    # A change of a few in a hundred must not look like a cliff.
    spread = max(most - least, most * 0.1, 1e-9)
    middle = (least + most) / 2
    inner = height - 2 * margin
    points = [
        (
            _number(margin + at * (width - 2 * margin) / max(len(values) - 1, 1)),
            _number(height / 2 - (value - middle) / spread * inner),
        )
        for at, value in enumerate(values)
    ]
    x, y = points[-1]
    return [
        tag("polyline", points=" ".join(f"{x},{y}" for x, y in points)),
        tag("circle", cx=x, cy=y, r=margin / 2),
    ]


def _svg(id: str, title: str, said: str, kind: str, *drawn: Markup) -> Markup:
    return tag(
        "svg",
        tag("title", title, id=f"{id}-title"),
        tag("desc", said, id=f"{id}-desc"),
        joined(*drawn),
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        role="img",
        aria_labelledby=f"{id}-title {id}-desc",
        class_=kind,
    )


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
