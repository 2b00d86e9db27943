"""Draws docs/demo.svg: what the demo shows after its last day, from a true run. `make picture`.

The picture asks nobody for a font: it takes the reader's own.
"""

from __future__ import annotations

import asyncio
import io
import re
from contextlib import aclosing
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console

from streams.cli.demo.course import Course
from streams.cli.demo.ending import read_facts, tell
from streams.cli.demo.live import LiveView
from streams.cli.demo.play import play
from streams.cli.demo.readings import Reading
from streams.cli.demo.stage import Stage
from streams.synthetic import DEMO

_WIDTH = 80
_SPEED = 2.0
_PICTURE = Path(__file__).with_name("demo.svg")


def _draw() -> str:
    course = Course(DEMO, DEMO.days)
    picture = Console(
        width=_WIDTH,
        file=io.StringIO(),
        record=True,
        force_terminal=True,
        color_system="truecolor",
        highlight=False,
        markup=False,
    )
    view = LiveView(Console(width=_WIDTH, file=io.StringIO()), course)
    with Stage(course.cast) as stage:
        last = asyncio.run(_watch(stage, course, view))
        found = read_facts(stage.settings, course, last)
        picture.print(view.frame())
        picture.print()
        tell(picture, course, found, stage.settings.strength)
    faces = re.compile(r"@font-face \{\{.*?\}\}\s*", re.DOTALL)
    return picture.export_svg(
        title="closeknit demo", code_format=faces.sub("", CONSOLE_SVG_FORMAT), unique_id="demo"
    )


async def _watch(stage: Stage, course: Course, view: LiveView) -> Reading:
    async with aclosing(play(stage, course, _SPEED)) as readings:
        async for reading in readings:
            view.show(reading)
    return reading


if __name__ == "__main__":
    _PICTURE.write_text(_draw() + "\n", encoding="utf-8")
