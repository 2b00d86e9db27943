"""What several commands take on their line."""

from __future__ import annotations

import os
import time

import click

from streams.core.time import parse_at
from streams.core.words import visible


class Time(click.ParamType):
    """An RFC 3339 time, as ms."""

    name = "time"

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Read it, or end the command."""
        try:
            return value if isinstance(value, int) else parse_at(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Ago(click.ParamType):
    """An RFC 3339 time, a day, or how long ago, as ms."""

    name = "time"

    def convert(
        self, value: str | int, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Read it, or end the command."""
        from streams.settings.values import duration  # noqa: PLC0415  `--help` needs none

        if isinstance(value, int):
            return value
        try:
            return time.time_ns() // 1_000_000 - round(duration(value) * 1000)
        except ValueError:
            pass
        try:
            return parse_at(value if "T" in value.upper() else f"{value}T00:00:00Z")
        except ValueError:
            self.fail(
                f"{value!r} is no time: write 2026-07-04, 2026-07-04T14:00:00Z, or how long ago, "
                "such as 90m, 2h or 7d",
                param,
                ctx,
            )


class Id(click.ParamType):
    """The id of an account or a member."""

    name = "id"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Take it as the bytes that it is, or end the command."""
        try:
            # Ids are UTF-8, whatever the locale took the argument for.
            return os.fsencode(value).decode()
        except UnicodeDecodeError:
            self.fail(f"{visible(value)} is not UTF-8 text, as ids are", param, ctx)
