"""The command `closeknit`: a table of its commands, each imported only when it is used."""

from __future__ import annotations

import importlib
from typing import Any, Final

import click
from click.shell_completion import CompletionItem

from streams.cli.groups import Group
from streams.cli.screen import spell_out

_EPILOG = """\b
Exit codes:
  0  done
  1  done, but something wants attention (malformed lines, topics that
     differ, problems that the doctor found); or it was interrupted
  2  the command or the settings are wrong; nothing was done
  3  it could not be done; the message says why
A worker has some of its own: see docs/operations.md.
"""

COMMANDS: Final = {
    "backfill": (
        "streams.cli.backfill:backfill",
        "Apply years of history from files, before going live.",
    ),
    "broker": ("streams.cli.broker:broker", "Run the embedded broker (for trying things out)."),
    "completion": (
        "streams.cli.completion:completion",
        "Print what makes a shell complete our commands.",
    ),
    "config": ("streams.cli.config:config", "Print the settings and where each comes from."),
    "dead-letters": (
        "streams.cli.dead_letters:dead_letters",
        "List, show and redrive records that could not be applied.",
    ),
    "demo": (
        "streams.cli.demo:demo",
        "Show it at work: ten weeks of four brands, in under a minute.",
    ),
    "doctor": ("streams.cli.doctor:doctor", "Find out what keeps a worker from working."),
    "export": ("streams.cli.export:export", "Write all relationships, or the census."),
    "generate": (
        "streams.cli.generate:generate",
        "Invent accounts and their people, and what happens to them.",
    ),
    "people": (
        "streams.cli.people:people",
        "Name whom to answer, to welcome and to win back, and why.",
    ),
    "replay": ("streams.cli.replay:replay", "Send events from files to the source topics."),
    "report": (
        "streams.cli.report:report",
        "Tell what changed in a week: a finding, names, numbers.",
    ),
    "reset": ("streams.cli.reset:reset", "Forget the tables, to rebuild them from the topics."),
    "source": (
        "streams.cli.source:source",
        "Feed events from where they happen, while they happen.",
    ),
    "topics": ("streams.cli.topics:topics", "Create, check and print the topics."),
    "worker": ("streams.cli.worker:worker", "Run a worker: events in, metrics out."),
}
"""Name to where it is and what it does in one line (its docstring begins alike)."""

_SECTIONS: Final = {
    "To try it": ("demo", "broker", "generate"),
    "To set it up": ("config", "doctor", "completion"),
    "To run it": ("topics", "worker", "source", "backfill", "replay", "dead-letters", "reset"),
    "To know your people": ("people", "report", "export"),
}
"""How the overview arranges them."""


class _Lazy(Group):
    """Knows its commands from the table above: half of them load a Kafka client."""

    def main(self, *args: Any, **extra: Any) -> Any:
        spell_out()
        return super().main(*args, **extra)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *COMMANDS})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return super().get_command(ctx, cmd_name)
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        commands = [
            CompletionItem(name, help=COMMANDS[name][1])
            for name in sorted(COMMANDS)
            if name.startswith(incomplete)
        ]
        return commands + click.Command.shell_complete(self, ctx, incomplete)

    def format_commands(
        self,
        ctx: click.Context,  # noqa: ARG002  click's signature
        formatter: click.HelpFormatter,
    ) -> None:
        width = max(map(len, COMMANDS))
        for title, names in _SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl([(f"{name:{width}}", COMMANDS[name][1]) for name in names])


@click.group(cls=_Lazy, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="closeknit", prog_name="closeknit")
def main() -> None:
    """Tells whether an audience is connecting or merely growing.

    Settings come from CLOSEKNIT_* variables and ./closeknit.toml: see `closeknit config`.
    """
