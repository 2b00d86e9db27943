"""Groups of commands that say which one was meant when one is mistyped."""

from __future__ import annotations

from difflib import get_close_matches

import click


class Group(click.Group):
    """Click suggests options by itself, and no commands."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or name the nearest."""
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchOption:
            raise
        except click.UsageError as error:
            if near := get_close_matches(args[0], self.list_commands(ctx), n=1, cutoff=0.5):
                error.message += f" Did you mean {near[0]!r}?"
            raise
