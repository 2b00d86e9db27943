"""`closeknit config`."""

from __future__ import annotations

import textwrap
from typing import Any

import click
import orjson

from streams.cli.running import read_settings
from streams.cli.screen import console
from streams.settings import show

_MARGIN = 36
"""Columns for a setting and its value; what it means stands beside them, or below."""


@click.command()
def config() -> None:
    """Print the settings and where each comes from.

    What is printed is a TOML file: save what you want to change as closeknit.toml, here or where
    CLOSEKNIT_CONFIG says. A variable wins over the file: CLOSEKNIT_ and the name in capitals.
    Secrets are masked, and those lines commented out like all that are not set.
    """
    screen = console()
    width = max(screen.width if screen.is_terminal else 80, 60)
    for setting in show(read_settings()):
        unset = setting.value is None or setting.secret
        line = f"{'# ' if unset else ''}{setting.name} = {_toml(setting.value)}"
        meaning = textwrap.wrap(f"{setting.origin}: {setting.meaning}", width - _MARGIN - 2)
        if len(line) >= _MARGIN:
            click.echo(line)
            line = ""
        for comment in meaning:
            click.echo(f"{line:<{_MARGIN}}# {comment}")
            line = ""


def _toml(value: Any) -> str:
    # JSON's strings, numbers and booleans are TOML's.
    return "" if value is None else orjson.dumps(value).decode()
