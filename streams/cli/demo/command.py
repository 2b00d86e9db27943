"""`closeknit demo`."""

from __future__ import annotations

import asyncio
import shlex
import shutil
import signal
import sys
import time
from contextlib import aclosing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from streams.cli.demo.course import Course
from streams.cli.demo.ending import read_facts, tell
from streams.cli.demo.live import LiveView, fits
from streams.cli.demo.plain import PlainView
from streams.cli.demo.play import play
from streams.cli.demo.readings import Reading
from streams.cli.demo.stage import Stage
from streams.cli.running import plain_errors
from streams.cli.screen import console
from streams.settings import CONFIG
from streams.synthetic import DEMO

if TYPE_CHECKING:
    from rich.console import Console

_SPEED: Final = 2.0
"""Days per second: all of it in under a minute, and slow enough to watch."""

_LEAST_DAYS: Final = 14
_CHECK_SECONDS: Final = 0.5


@click.command()
@click.option(
    "--days",
    type=click.IntRange(_LEAST_DAYS, DEMO.days),
    default=DEMO.days,
    show_default=True,
    help="How many of its days to play.",
)
@click.option(
    "--speed",
    type=click.FloatRange(0, min_open=True),
    help=f"Days per second. [default: {_SPEED} if it is shown live]",
)
@click.option("--fast", is_flag=True, help="As fast as the worker applies it; else the default.")
@click.option("--keep", is_flag=True, help="Leave broker and worker running, until Ctrl-C.")
def demo(*, days: int, speed: float | None, fast: bool, keep: bool) -> None:
    """Show it at work: ten weeks of four brands, in under a minute.

    Starts an embedded broker and a worker, fast-forwards an invented world, shows live what the
    worker's metrics say, and ends with what the tables know: who connects, who merely grows, and
    who is worth a reply. Your settings play no part, and nothing stays behind.
    """
    if speed and fast:
        raise click.UsageError("--speed and --fast exclude each other: choose one")
    # Whatever asks us to end is Ctrl-C: the terminal is to be left as it was. But for nohup.
    for sign in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(sign) is signal.SIG_DFL:
            signal.signal(sign, _interrupt)
    screen = console()
    live = fits(screen)
    if speed is None and live and not fast:
        speed = _SPEED
    course = Course(DEMO, days)
    screen.print("An embedded broker and a worker are started, for this demo alone.")
    with Stage(course.cast) as stage, plain_errors(stage.settings):
        screen.print(f"Broker: {stage.settings.broker}. Metrics: {stage.metrics}\n")
        with LiveView(screen, course) if live else PlainView(screen, course) as view:
            last = asyncio.run(_watch(stage, course, speed, view))
        screen.print()
        tell(screen, course, read_facts(stage.settings, course, last), stage.settings.strength)
        screen.print()
        if keep:
            _invite(screen, stage)
            _wait(stage)
        else:
            _go_on(screen)
    if keep:
        screen.print("Ended. Nothing stays behind.")


def _interrupt(*_: object) -> None:
    # By way of SIGINT, unless that is ignored: for that one alone asyncio ends its tasks instead of
    # stopping wherever it happens to be.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        raise KeyboardInterrupt
    signal.raise_signal(signal.SIGINT)


async def _watch(
    stage: Stage, course: Course, speed: float | None, view: LiveView | PlainView
) -> Reading:
    async with aclosing(play(stage, course, speed)) as readings:
        async for reading in readings:
            view.show(reading)
    view.finish(reading)
    return reading


def _wait(stage: Stage) -> None:
    """Wait for Ctrl-C."""
    with suppress(KeyboardInterrupt):
        while True:
            stage.check()
            time.sleep(_CHECK_SECONDS)


def _invite(screen: Console, stage: Stage) -> None:
    us = _ourselves()
    _print_commands(
        screen,
        "It stays as it is until Ctrl-C. Now, in another terminal:",
        (f"export {CONFIG}={shlex.quote(str(stage.config))}", ""),
        (f"{us} people --awaiting --limit 10", "whom to answer, and why"),
        (f"{us} report --week", "the week of every account"),
        (f"curl {stage.metrics}", "what Prometheus would read"),
    )


def _go_on(screen: Console) -> None:
    us = _ourselves()
    _print_commands(
        screen,
        "Next:",
        (f"{us} demo --keep", "the same, left running to be asked"),
        (f"{us} doctor", "whether your own Kafka would do"),
        (f"{us} replay --help", "your own account: its events, from files"),
    )


def _print_commands(screen: Console, title: str, *commands: tuple[str, str]) -> None:
    """Print commands as they can be copied, and what each is good for if there is room."""
    screen.print(title)
    width = max(len(command) for command, meaning in commands if meaning)
    for command, meaning in commands:
        line = f"  {command.ljust(width)}  # {meaning}" if meaning else f"  {command}"
        fits_in = len(line) <= screen.width
        screen.print(line if fits_in else f"  {command}", soft_wrap=True)


def _ourselves() -> str:
    """How to call us again: by our name if that would do, else as we were called."""
    called = Path(sys.argv[0])
    if called.stem != "closeknit" or shutil.which("closeknit") or not called.exists():
        return "closeknit"
    return shlex.quote(str(called))
