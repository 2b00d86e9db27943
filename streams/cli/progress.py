"""How far long work with events is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Protocol, Self

import click
from rich import progress as bars

from streams.cli.screen import console

_EVERY = 5.0
"""Seconds between two plain lines."""


class Measured(Protocol):
    """What the events are taken from: a file in bytes, a world in days."""

    @property
    def size(self) -> int | None:
        """All of it, if known."""

    @property
    def read(self) -> int:
        """So much was read."""


class Progress:
    """Shows on standard error how much of the sources was done: sent, or as `done` says.

    Attributes:
        sent: events so far.
    """

    def __init__(self, sources: Sequence[Measured], done: str = "sent") -> None:
        self.sent = 0
        self._sources, self._done = sources, done
        self._started = self._said = time.monotonic()
        sizes = [source.size for source in sources]
        total = None if None in sizes else sum(size or 0 for size in sizes)
        self._bar: bars.Progress | None = None
        screen = console(stderr=True)
        if screen.is_interactive:
            self._bar = bars.Progress(
                bars.BarColumn(),
                bars.TaskProgressColumn(),
                bars.TextColumn("{task.fields[sent]:,} events, {task.fields[rate]:,.0f}/s"),
                bars.TimeRemainingColumn(),
                console=screen,
                transient=True,
            )
            self._task = self._bar.add_task("", total=total, sent=0, rate=0.0)

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def update(self, sent: int) -> None:
        """Show that there were so many events so far."""
        self.sent = sent
        now = time.monotonic()
        rate = sent / (now - self._started)
        if self._bar is not None:
            read = sum(source.read for source in self._sources)
            self._bar.update(self._task, completed=read, sent=sent, rate=rate)
        elif now - self._said >= _EVERY:
            self._said = now
            click.echo(f"{sent:,} events {self._done}, {rate:,.0f}/s", err=True)

    def say(self, text: str) -> None:
        """Print a line without tearing the bar."""
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            click.echo(text, err=True)
