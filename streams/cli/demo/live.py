"""The live view of the demo: what the worker says now, and how it came to that."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from streams.cli.demo.course import Course
from streams.cli.screen import Glyphs, glyphs, sparkline

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

    from streams.cli.demo.readings import Reading, Standing

_NAME: Final = 15
"""Characters of an account's name."""

_MARGIN: Final = "  "
_LEAST: Final = 13
"""Characters of a number with its chart, at least, the margin before it included."""

_HEIGHT: Final = 22
"""Lines of the terminal."""

_RATES: Final = 20
"""Bars of the chart of events per second."""


class _Shown(NamedTuple):
    title: str
    value: Callable[[Standing], float]
    text: Callable[[Standing], str]
    style: str


_COLUMNS: Final = (
    _Shown("Followers", lambda it: it.followers, lambda it: f"{it.followers:,}", "blue"),
    _Shown("Active 7d", lambda it: it.active, lambda it: f"{it.active:,}", "cyan"),
    _Shown("Repliers 7d", lambda it: it.repliers, lambda it: f"{it.repliers:,}", "cyan"),
    _Shown("Connections", lambda it: it.connections, lambda it: f"{it.connections:,}", "green"),
    _Shown("Hollow", lambda it: it.hollow_share, lambda it: f"{it.hollow_share:.0%}", "red"),
)
_WANTED_FIRST: Final = (0, 3, 4, 2, 1)
"""Which columns a narrow terminal keeps."""


def fits(console: Console) -> bool:
    """Whether there is room for the live view, on something that can be drawn over."""
    return (
        console.is_interactive and console.width >= _NAME + 2 * _LEAST and console.height >= _HEIGHT
    )


class LiveView:
    """Draws each reading over the one before, with a chart of the days so far for each number."""

    def __init__(
        self, console: Console, course: Course, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._console = console
        self._course = course
        self._glyphs = glyphs()
        self._clock = clock
        self._days: list[Reading | None] = [None] * course.days
        self._today = 0
        self._pulse: deque[tuple[float, int]] = deque(maxlen=_RATES + 1)
        self._latest: Reading | None = None
        self._live = Live(console=console, auto_refresh=False, transient=False)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def show(self, reading: Reading) -> None:
        """Draw a reading."""
        self._latest = reading
        self._pulse.append((self._clock(), reading.events))
        self._today = self._course.day(reading.now)
        if self._today:
            self._days[self._today - 1] = reading
        self._live.update(self.frame(), refresh=True)

    finish = show

    def frame(self) -> RenderableType:
        """What is drawn now."""
        if self._latest is None:
            return Text()
        rows = (
            self._header(self._latest),
            self._accounts(self._latest),
            self._pipeline(self._latest),
        )
        return Group(*(Padding(row, (0, 0, 1, 0)) for row in rows[:-1]), rows[-1])

    def _header(self, reading: Reading) -> RenderableType:
        line = Table.grid(expand=True)
        line.add_column()
        line.add_column(justify="right")
        line.add_row(
            Text(self._course.date(reading.now), style="bold"),
            Text(f"day {self._today} of {self._course.days}"),
        )
        return Group(line, ProgressBar(total=self._course.days, completed=self._today))

    def _accounts(self, reading: Reading) -> RenderableType:
        room = self._console.width - _NAME
        fit = min(len(_COLUMNS), room // _LEAST)
        columns = [_COLUMNS[at] for at in sorted(_WANTED_FIRST[:fit])]
        width = room // fit - len(_MARGIN)

        def line(first: str, cells: Iterable[tuple[str, str]]) -> Text:
            text = Text(no_wrap=True, overflow="crop")
            text.append(_cut(first, _NAME, self._glyphs).ljust(_NAME), "bold")
            for cell, style in cells:
                text.append(_MARGIN).append(cell[:width].ljust(width), style)
            return text

        lines = [line("", ((column.title, "dim") for column in columns))]
        for cast in self._course.cast:
            now = reading.accounts[cast.id]
            charts = [self._chart(cast.id, column.value, width) for column in columns]
            styles = [column.style for column in columns]
            lines += [
                line(cast.name, ((column.text(now), "bold") for column in columns)),
                line("", zip(charts, styles, strict=True)),
                Text(),
            ]
        return Group(*lines[:-1])

    def _chart(self, account: str, value: Callable[[Standing], float], width: int) -> str:
        """The days so far, in a share each of the width: a bar is what was known at its end."""
        bars: list[float | None] = [None] * min(width, len(self._days))
        known = None
        for day, reading in enumerate(self._days[: self._today]):
            known = known if reading is None else value(reading.accounts[account])
            bars[day * len(bars) // len(self._days)] = known
        return sparkline(bars, self._glyphs).rstrip()

    def _pipeline(self, latest: Reading) -> RenderableType:
        seen = list(self._pulse)
        rates = [
            max(0.0, (n - before) / (at - since)) if at > since else 0.0
            for (since, before), (at, n) in pairwise(seen)
        ]
        # The last second or so: from one look to the next it jumps.
        (since, before), (at, n) = seen[-4:][0], seen[-1]
        rate = (n - before) / (at - since) if at > since else 0.0
        pulse = Text()
        for title, value in (
            ("Events/s", f"{rate:6,.0f} {sparkline(rates, self._glyphs):{_RATES}}"),
            ("Lag", f"{latest.lag:,}"),
            ("Events", f"{latest.events:,}"),
        ):
            pulse.append(f"{title} ", style="dim").append(f"{value}  ")
        return Group(pulse, Text("Dead letters ", style="dim").append(latest.refused, "not dim"))


def _cut(text: str, width: int, drawn: Glyphs) -> str:
    if len(text) <= width:
        return text
    return text[: width - len(drawn.ellipsis)] + drawn.ellipsis
