"""`closeknit config`."""

from __future__ import annotations

from typing import Any

import click
import orjson

from streams.cli.running import read_settings
from streams.settings import show


@click.command()
def config() -> None:
    """Print the settings and where each comes from.

    What is printed is a TOML file: save what you want to change as closeknit.toml. Secrets are
    masked, and those lines commented out like all that are not set.
    """
    for setting in show(read_settings()):
        unset = setting.value is None or setting.secret
        line = f"{'# ' if unset else ''}{setting.name} = {_toml(setting.value)}"
        click.echo(f"{line:<44} # {setting.origin}: {setting.meaning}")


def _toml(value: Any) -> str:
    # JSON's strings, numbers and booleans are TOML's.
    return "" if value is None else orjson.dumps(value).decode()
