"""`closeknit completion`."""

from __future__ import annotations

import click
from click.shell_completion import BashComplete, FishComplete, ZshComplete

VARIABLE = "_CLOSEKNIT_COMPLETE"
"""Set by the script when it asks us for completions: Click's convention."""

_SHELLS = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}

_INSTALL = """\b
To have it in every shell from now on:
  bash  closeknit completion bash > ~/.closeknit-completion
        echo '. ~/.closeknit-completion' >> ~/.bashrc
  zsh   closeknit completion zsh > ~/.closeknit-completion
        echo '. ~/.closeknit-completion' >> ~/.zshrc    (below compinit)
  fish  closeknit completion fish \\
          > ~/.config/fish/completions/closeknit.fish

In this bash only: eval "$(closeknit completion bash)". Bash must be 4.4 or newer.
"""


@click.command(epilog=_INSTALL)
@click.argument("shell", type=click.Choice(list(_SHELLS)))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print what makes a shell complete our commands.

    Completes commands, options, their choices and file names.
    """
    script = _SHELLS[shell](ctx.find_root().command, {}, "closeknit", VARIABLE)
    # Not its source(): for bash, that starts one to ask for its version.
    click.echo(script.source_template % script.source_vars())
