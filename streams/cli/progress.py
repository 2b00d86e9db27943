"""How far a replay is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Self

import click
from rich import progress as bars
from rich.console import Console

from streams.sources import Lines

_EVERY = 5.0
"""Seconds between two plain lines."""


class Progress:
    """Shows on standard error how much of the files was sent.

    Attributes:
        sent: events sent so far.
    """

    def __init__(self, files: Sequence[Lines]) -> None:
        self.sent = 0
        self._files = files
        self._started = self._said = time.monotonic()
        sizes = [lines.size for lines in files]
        total = None if None in sizes else sum(size or 0 for size in sizes)
        self._bar: bars.Progress | None = None
        if sys.stderr.isatty():
            self._bar = bars.Progress(
                bars.BarColumn(),
                bars.TaskProgressColumn(),
                bars.TextColumn("{task.fields[sent]:,} events, {task.fields[rate]:,.0f}/s"),
                bars.TimeRemainingColumn(),
                console=Console(stderr=True),
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
        """Show that so many events were sent so far."""
        self.sent = sent
        now = time.monotonic()
        rate = sent / (now - self._started)
        if self._bar is not None:
            read = sum(lines.read for lines in self._files)
            self._bar.update(self._task, completed=read, sent=sent, rate=rate)
        elif now - self._said >= _EVERY:
            self._said = now
            click.echo(f"{sent:,} events sent, {rate:,.0f}/s", err=True)

    def say(self, text: str) -> None:
        """Print a line without tearing the bar."""
        if self._bar is not None:
            self._bar.console.print(text, markup=False, highlight=False, soft_wrap=True)
        else:
            click.echo(text, err=True)
