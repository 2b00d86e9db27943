"""The README is true: its commands are run, and what it shows is what they give."""

import csv
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from itertools import count
from pathlib import Path

import pytest

from tests.conftest import Broker
from tests.docs.pages import REPOSITORY, Page
from tests.engine.system import Worker

README = Page.read("README.md")

_numbers = count()


def without_ports(text: str) -> str:
    """Leave out what differs from run to run: a free port."""
    return re.sub(r"127\.0\.0\.1:\d+", "…", text)


def run(command: list[str], folder: Path, environment: Mapping[str, str] = {}) -> str:
    """Run a command far from the repository, with no setting but those given."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("CLOSEKNIT_")}
    done = subprocess.run(
        command,
        cwd=folder,
        env={**inherited, "PYTHONPATH": str(REPOSITORY), **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with `closeknit` on the path from `bin`."""
    command = tmp_path / "bin" / "closeknit"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m streams "$@"\n')
    command.chmod(0o755)
    return tmp_path


def test_the_demo_prints_what_the_readme_shows(embedded_broker: Broker, tmp_path: Path) -> None:
    """But for ports, to the letter: called as `make demo` does."""
    (block,) = README.blocks("console")
    command, _, shown = block.text.partition("\n")
    assert command == "$ make demo"
    closeknit = tmp_path / ".venv" / "bin" / "closeknit"
    closeknit.parent.mkdir(parents=True)
    closeknit.write_text("from streams.cli import main\n\nmain()\n")
    without_venv = {"PATH": os.defpath}
    printed = run([sys.executable, ".venv/bin/closeknit", "demo"], tmp_path, without_venv)
    assert without_ports(printed) == without_ports(shown)


def test_make_demo_runs_the_demo() -> None:
    lines = run(["make", "--directory", str(REPOSITORY), "--dry-run", "demo"], REPOSITORY)
    assert any(line.endswith("/closeknit demo") for line in lines.splitlines())


def test_the_commands_of_the_readme_give_what_it_shows(broker: Broker, folder: Path) -> None:
    """One after the other: the relationship, the person and the metrics on the page are theirs."""
    script = "".join(block.text for block in README.blocks("sh", mark="run"))
    ours = re.compile(r"CLOSEKNIT_BROKER=\S+")
    assert len(ours.findall(script)) == 1
    name = f"readme{os.getpid()}-{next(_numbers)}"
    environment = {
        "CLOSEKNIT_APP": name,
        "CLOSEKNIT_TOPIC_PREFIX": f"{name}-",
        "CLOSEKNIT_HTTP_PORT": "0",
        "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
    }
    commands = ours.sub(f"CLOSEKNIT_BROKER={broker.bootstrap}", script)
    said = run(["bash", "-euo", "pipefail", "-c", commands], folder, environment)
    assert "No dead letters.\n" in said
    (person,) = README.blocks("text", mark="people")
    assert said.endswith(person.text)
    assert "Acme Rockets" in (folder / "report.html").read_text()

    (exported,) = README.blocks("json", mark="exported")
    (line,) = (folder / "relationships.jsonl").read_text().splitlines()
    assert json.loads(line) == json.loads(exported.text)

    settings = {
        **environment,
        "CLOSEKNIT_BROKER": broker.bootstrap,
        "CLOSEKNIT_CLOCK": "event",
        "CLOSEKNIT_DATA_DIR": str(folder / "data"),
    }
    worker = Worker(settings, folder / "worker.log")
    try:
        worker.await_ready()
        page = worker.get("/metrics")[1].splitlines()
    finally:
        worker.kill()
    (metrics,) = README.blocks("text", mark="metrics")
    assert metrics.text.splitlines()
    assert set(metrics.text.splitlines()) <= set(page)


def test_the_event_shown_is_one_of_those_replayed() -> None:
    (event,) = README.blocks("json", mark="")
    script = README.blocks("sh", mark="run")[0]
    rows = list(
        csv.DictReader(script.text.partition("<<'END'\n")[2].partition("END")[0].splitlines())
    )
    written = json.loads(event.text)
    assert written in [{key: row[key] for key in written} for row in rows]


def test_every_shell_block_is_run() -> None:
    assert {block.mark for block in README.blocks("sh")} == {"run"}


def test_each_promise_names_a_test() -> None:
    promises = Page("", README.sections(2)["What it promises"]).rows()[1:]
    assert len(promises) >= 8
    assert all(re.fullmatch(r"`tests/\w+/\w+\.py::test_\w+`", test) for _, test in promises)
