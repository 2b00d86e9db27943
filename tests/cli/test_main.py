"""The command itself: its table of commands, its speed, its refusals."""

import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest

from streams.cli.main import COMMANDS, main
from tests.cli.conftest import Closeknit


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_is_where_the_table_says_and_does_what_it_says(
    name: str, closeknit: Closeknit
) -> None:
    """The line in the overview is the first line of the command's own help."""
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert command.help is not None
    assert command.help.splitlines()[0] == COMMANDS[name][1]
    assert f"closeknit {name}" in closeknit(name, "--help", prog_name="closeknit").output


def test_the_overview_lists_every_command_and_exit_code(closeknit: Closeknit) -> None:
    """What a person sees first."""
    output = closeknit("--help").output
    for expected in (*COMMANDS, "Exit codes:", "3  it could not be done"):
        assert expected in output


def test_the_overview_loads_no_kafka_client() -> None:
    """`--help` and completion are instant."""
    script = (
        "import sys; from streams.cli import main; main(['--help'], standalone_mode=False); "
        "print(sorted({'aiokafka', 'kafka', 'faust', 'pydantic'} & sys.modules.keys()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_wrong_settings_are_all_listed_and_exit_with_2(
    closeknit: Closeknit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before anything is done."""
    monkeypatch.setenv("CLOSEKNIT_PARTITIONS", "many")
    monkeypatch.setenv("CLOSEKNIT_CLOCK", "sun")
    output = closeknit("topics", "create", expect=2).output
    assert "CLOSEKNIT_PARTITIONS = 'many': must be a whole number" in output
    assert "CLOSEKNIT_CLOCK = 'sun'" in output


@pytest.mark.parametrize(
    "command",
    [
        ("topics", "check"),
        ("export",),
        ("people",),
        ("dead-letters", "list"),
        ("reset", "--yes"),
        ("worker",),
    ],
)
def test_an_absent_broker_is_one_sentence_with_a_remedy(
    command: tuple[str, ...], closeknit: Closeknit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No traceback, exit code 3."""
    monkeypatch.setenv("CLOSEKNIT_BROKER", "127.0.0.1:1")
    output = closeknit(*command, expect=3).output
    assert output.startswith("Error: no Kafka broker answers at 127.0.0.1:1: is it running")
    assert len(output.splitlines()) == 1


def test_a_scratch_directory_that_cannot_be_made_is_no_crash(
    on_broker: Closeknit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No restart would mend it: said before the engine starts, without a traceback."""
    on_broker("topics", "create")
    taken = tmp_path / "a-file"
    taken.touch()
    monkeypatch.setenv("CLOSEKNIT_DATA_DIR", str(taken))
    output = on_broker("worker", expect=3).output
    assert output.startswith(f"Error: the scratch directory {taken} cannot be used: File exists")
    assert "CLOSEKNIT_DATA_DIR" in output


@pytest.mark.parametrize("group", ["topics", "dead-letters", "people"])
def test_no_command_of_a_group_is_described_with_an_ellipsis(
    group: str, closeknit: Closeknit
) -> None:
    """The first line of each fits an overview of 80 characters."""
    commands = closeknit(group, "--help").output.partition("Commands:")[2]
    assert commands
    assert "..." not in commands


def test_an_account_that_is_no_text_is_refused(closeknit: Closeknit) -> None:
    """The bytes of another encoding, as a shell passes them on."""
    output = closeknit("export", "--account", "zo\udceb", expect=2).output
    assert r"zo\udceb is not UTF-8 text" in output


def test_config_prints_a_file_that_can_be_read_back(
    closeknit: Closeknit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every setting with its origin; secrets masked and commented out."""
    monkeypatch.setenv("CLOSEKNIT_APP", "mine")
    monkeypatch.setenv("CLOSEKNIT_SSL_PASSWORD", "hunter2")
    output = closeknit("config").output
    assert "hunter2" not in output
    printed = tomllib.loads(output)
    assert printed["app"] == "mine"
    assert printed["max_ahead"] == 3600.0
    assert "# CLOSEKNIT_APP: " in output
    assert '# ssl_password = "**********"' in output
