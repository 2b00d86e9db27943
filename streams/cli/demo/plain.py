"""The plain view of the demo: a line a week, for pipes, logs and terminals too small to draw on."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from rich.console import Console

from streams.cli.demo.course import Course
from streams.cli.demo.readings import Reading
from streams.cli.running import counted

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Self

_WEEK: Final = 7
_LAST_HOUR: Final = 23
_DATE: Final = 12
_CELL: Final = 16


class PlainView:
    """Prints a line when a week is over, and one at the end."""

    def __init__(self, console: Console, course: Course) -> None:
        self._console = console
        self._course = course
        self._said = 0
        self._wide = console.width >= _DATE + _CELL * len(course.cast)

    def __enter__(self) -> Self:
        if self._wide:
            names = "".join(cast.name[: _CELL - 2].rjust(_CELL) for cast in self._course.cast)
            self._say("Followers, and how many are connections, at the end of each week:")
            self._console.print(" " * _DATE + names)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    def show(self, reading: Reading) -> None:
        """Print a reading, if it is the first after a week."""
        day = self._course.day(reading.now) - (reading.now is None or reading.now.hour < _LAST_HOUR)
        if self._said + _WEEK <= day < self._course.days:
            self._said = day - day % _WEEK
            self._row(day, reading)

    def finish(self, reading: Reading) -> None:
        """Print the last reading."""
        self._row(self._course.days, reading)
        self._say(f"{counted(reading.events, 'event')}. Dead letters {reading.refused}.")

    def _row(self, day: int, reading: Reading) -> None:
        if self._wide:
            standings = (reading.accounts[cast.id] for cast in self._course.cast)
            cells = (f"{it.followers:,} /{it.connections:4,}" for it in standings)
            self._say(f"Day {day}".ljust(_DATE) + "".join(cell.rjust(_CELL) for cell in cells))
        else:
            self._say(f"Day {day}: {counted(reading.events, 'event')}")

    def _say(self, line: str) -> None:
        self._console.print(textwrap.fill(line, self._console.width), soft_wrap=True)
