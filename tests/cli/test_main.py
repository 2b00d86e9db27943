"""The command itself: its table of commands, its speed, its refusals."""

import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from unittest.mock import Mock

import aiokafka.errors
import click
import kafka.errors
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
        "print(sorted({'aiokafka', 'kafka', 'faust', 'pydantic', 'rich'} & sys.modules.keys()))"
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


def leaves(group: click.Group, *words: str) -> Iterator[tuple[str, ...]]:
    """Every command that does something, as it is typed."""
    context = click.Context(group)
    if group.invoke_without_command:
        yield words
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from leaves(command, *words, name)
        else:
            yield (*words, name)


MAPPING = Path(__file__).parents[2] / "docs" / "mappings" / "segment.toml"
LEAVES = list(leaves(main))
ARGUMENTS = {
    ("backfill",): [str(MAPPING)],
    ("source", "bluesky"): ["--account", "acme.example"],
    ("source", "mastodon"): ["--instance", "mastodon.example"],
    ("source", "topic"): ["--from", "theirs", "--mapping", str(MAPPING)],
    ("source", "webhooks"): ["--insecure-no-auth"],
    ("dead-letters", "show"): ["likes/0/0"],
    ("generate",): ["begging", "--kafka", "--days", "1"],
    ("people", "show"): ["ada"],
    ("replay",): ["-"],
    ("reset",): ["--yes"],
}
"""What a command needs to get as far as its settings."""

WITHOUT_SETTINGS = {("broker",), ("completion",), ("demo",)}
WITHOUT_BROKER = {*WITHOUT_SETTINGS, ("config",), ("topics", "print")}
EXAMINES = {("doctor",)}  # finds such things: see test_doctor


def spelt(command: tuple[str, ...]) -> str:
    return " ".join(command)


@pytest.mark.parametrize("command", [(), ("topics",), ("dead-letters",), *LEAVES], ids=spelt)
def test_help_fits_80_columns(command: tuple[str, ...], closeknit: Closeknit) -> None:
    """Nothing is broken by the terminal, or cut short."""
    usage, *lines = closeknit(*command, "--help", prog_name="closeknit").output.splitlines()
    assert usage.startswith(f"Usage: {' '.join(['closeknit', *command])}")
    assert [line for line in lines if len(line) > 80 or line.endswith(("...", "…"))] == []


@pytest.mark.parametrize("command", sorted({*LEAVES} - WITHOUT_SETTINGS - EXAMINES), ids=spelt)
def test_a_wrong_setting_is_said_in_plain_words(
    command: tuple[str, ...], closeknit: Closeknit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By every command, before anything else: exit code 2."""
    monkeypatch.setenv("CLOSEKNIT_PARTITIONS", "many")
    output = closeknit(*command, *ARGUMENTS.get(command, []), expect=2).output
    assert output.startswith("Error: the settings cannot be used:")
    assert "CLOSEKNIT_PARTITIONS = 'many': must be a whole number" in output


@pytest.mark.parametrize("command", sorted({*LEAVES} - WITHOUT_BROKER - EXAMINES), ids=spelt)
def test_an_absent_broker_is_one_sentence_with_a_remedy(
    command: tuple[str, ...], closeknit: Closeknit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By every command: no traceback, exit code 3."""
    monkeypatch.setenv("CLOSEKNIT_BROKER", "127.0.0.1:1")
    monkeypatch.setenv("CLOSEKNIT_MASTODON_TOKEN", "a-token")
    output = closeknit(*command, *ARGUMENTS.get(command, []), expect=3).output
    assert "Error: no Kafka broker answers at 127.0.0.1:1: is it running" in output
    assert "`closeknit doctor`" in output.splitlines()[-1]
    assert "Traceback" not in output


@pytest.mark.parametrize(
    "error",
    [
        aiokafka.errors.KafkaConnectionError("Unable to bootstrap"),
        aiokafka.errors.NodeNotReadyError("node 1"),
        aiokafka.errors.RequestTimedOutError(),
        kafka.errors.KafkaTimeoutError("Unable to bootstrap"),
        kafka.errors.NodeNotReadyError("node 1"),
        ConnectionResetError(104, "Connection reset by peer"),
        TimeoutError(),
    ],
    ids=lambda error: f"{type(error).__module__}.{type(error).__name__}",
)
def test_a_broker_that_falls_while_it_is_talked_to_is_the_same_sentence(
    error: Exception, closeknit: Closeknit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the clients call it."""
    monkeypatch.setattr("streams.cli.running.administration", Mock(side_effect=error))
    output = closeknit("replay", "-", input="", expect=3).output
    assert output.startswith("Error: no Kafka broker answers at 127.0.0.1:9092: is it running")
    assert len(output.splitlines()) == 1


def test_a_closed_pipe_is_no_absent_broker(
    closeknit: Closeknit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever pipes into `head` means to close it."""
    monkeypatch.setattr("streams.cli.running.administration", Mock(side_effect=BrokenPipeError))
    with pytest.raises(BrokenPipeError):
        closeknit("replay", "-", input="")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        (["wroker"], "'worker'"),
        (["topic"], "'topics'"),
        (["topics", "creat"], "'create'"),
        (["dead-letter", "list"], "'dead-letters'"),
        (["people", "shwo"], "'show'"),
        (["worker", "--until-caugt-up"], "--until-caught-up"),
    ],
    ids=" ".join,
)
def test_a_slip_is_answered_with_what_was_meant(
    typed: list[str], meant: str, closeknit: Closeknit
) -> None:
    """Commands and options: exit code 2."""
    assert f"Did you mean {meant}?" in closeknit(*typed, expect=2).output


def test_what_resembles_nothing_is_not_guessed_at(closeknit: Closeknit) -> None:
    """A wild guess would only confuse."""
    assert "Did you mean" not in closeknit("xyzzy", expect=2).output


def test_the_version_is_that_of_the_package(closeknit: Closeknit) -> None:
    """As pip has it."""
    assert closeknit("--version").output == f"closeknit, version {version('closeknit')}\n"


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
    assert max(map(len, output.splitlines())) <= 80
