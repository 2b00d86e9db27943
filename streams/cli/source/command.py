"""The group `closeknit source`: a table of its commands, each imported only when it is used."""

from __future__ import annotations

import importlib
from typing import Final

import click

from streams.cli.groups import Group

COMMANDS: Final[dict[str, str]] = {}
"""Name to where it is."""


class _Lazy(Group):
    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command


@click.group(cls=_Lazy)
def source() -> None:
    """Feed events from where they happen, while they happen.

    Each source is a process of its own beside the workers. It goes on where it was after any
    restart: its cursor is committed with the events, in one transaction. SIGTERM or Ctrl-C ends it
    in good order. Metrics are at CLOSEKNIT_SOURCE_HTTP_PORT, under /metrics.
    """
