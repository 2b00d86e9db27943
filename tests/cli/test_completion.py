"""Completion: under real shells, instant for command names, with everything that can be chosen."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import BashComplete

from streams.cli.completion import VARIABLE
from streams.cli.main import COMMANDS, main
from tests.cli.conftest import Closeknit

FOLDER = Path(sys.executable).parent


def complete(*words: str) -> dict[str, str]:
    """What a shell is told to offer for the last word, each with its kind."""
    *before, last = words
    found = BashComplete(main, {}, "closeknit", VARIABLE).get_completions(before, last)
    return {item.value: item.type for item in found}


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["d"], {"dead-letters", "demo", "doctor"}),
        (["topics", "c"], {"check", "create"}),
        (["dead-letters", "list", "--reason", "inv"], {"invalid_account", "invalid_id"}),
        (["export", "--format", ""], {"jsonl", "csv"}),
        (["export", "--stage", "con"], {"connection", "conversation"}),
        (["doctor", "--f"], {"--format"}),
        (["completion", ""], {"bash", "zsh", "fish"}),
        (["--ver"], {"--version"}),
    ],
)
def test_what_is_offered(words: list[str], offered: set[str]) -> None:
    """Commands, their commands, options and choices."""
    assert offered <= complete(*words).keys()


def test_every_command_is_offered_and_files_are_the_shells_own() -> None:
    """A replay takes files."""
    assert complete("").keys() == COMMANDS.keys()
    assert "file" in complete("replay", "ev").values()


def test_completing_a_command_loads_no_kafka_client() -> None:
    """Nobody waits for a Tab."""
    script = (
        "import os, sys, atexit; "
        "atexit.register(lambda: print('\\n' + str(sorted("
        "{'aiokafka', 'kafka', 'faust', 'pydantic', 'rich'} & sys.modules.keys())))); "
        "os.environ.update(_CLOSEKNIT_COMPLETE='bash_complete', COMP_WORDS='closeknit re', "
        "COMP_CWORD='1'); "
        "from streams.cli import main; main(prog_name='closeknit')"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert "plain,replay" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_under_bash(closeknit: Closeknit, tmp_path: Path) -> None:
    """Sourced as its help says, then asked as by a Tab."""
    script = tmp_path / "complete.bash"
    script.write_text(closeknit("completion", "bash").output)
    ask = (
        f'. "{script}"; COMP_WORDS=(closeknit topics print --format s); COMP_CWORD=4; '
        '_closeknit_completion closeknit; echo "${COMPREPLY[@]}"; complete -p closeknit'
    )
    done = subprocess.run(
        ["bash", "--norc", "-c", ask],
        env={"PATH": f"{FOLDER}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stdout.splitlines()[0] == "shell"
    assert "_closeknit_completion closeknit" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_the_script_of_another_shell(shell: str, closeknit: Closeknit, tmp_path: Path) -> None:
    """It asks us by the variable that we obey; where the shell is there, it takes the script."""
    script = closeknit("completion", shell).output
    assert re.search(rf"_CLOSEKNIT_COMPLETE={shell}_complete", script)
    if shutil.which(shell):
        path = tmp_path / "script"
        path.write_text(script)
        subprocess.run([shell, "-n", path], check=True, timeout=60)


def test_an_unknown_shell_is_refused_by_name(closeknit: Closeknit) -> None:
    """With those that are known."""
    assert "'bash', 'zsh', 'fish'" in closeknit("completion", "tcsh", expect=2).output


def test_how_to_install_it_is_in_the_help(closeknit: Closeknit) -> None:
    """For each shell."""
    output = closeknit("completion", "--help").output
    for line in ("~/.bashrc", "~/.zshrc", "~/.config/fish/completions"):
        assert line in output
