"""A temporary folder goes with the last process that works in it."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from streams.brokers.folder import Folder
from streams.brokers.lifeline import Lifeline
from tests.brokers.test_embedded import soon

OWNER = """
import os, sys, time
from streams.brokers.folder import Folder
from streams.brokers.lifeline import Lifeline
os.environ["TMPDIR"] = sys.argv[1]
folder = Folder("one-")
busy = "import pathlib, sys\\nwhile True: pathlib.Path(sys.argv[1], 'x').write_text('x')"
server = Lifeline([sys.executable, "-c", busy, str(folder.path)], folder=folder)
while not list(folder.path.iterdir()):
    time.sleep(0.01)  # between two looks at a condition
print(flush=True)
time.sleep(60)  # until it is ended by the test
"""


def test_a_folder_is_there_until_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with Folder("one-") as folder:
        assert list(tmp_path.iterdir()) == [folder.path]
        assert folder.path.name.startswith("one-")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_is_removed_after_its_server_has_ended_and_not_before(tmp_path: Path) -> None:
    """Else a server that writes until it is killed would leave files behind."""
    with subprocess.Popen(
        [sys.executable, "-c", OWNER, str(tmp_path)], stdout=subprocess.PIPE
    ) as owner:
        assert owner.stdout is not None
        assert owner.stdout.readline()
        owner.send_signal(signal.SIGKILL)
    assert soon(lambda: not list(tmp_path.iterdir()))


def test_a_server_keeps_the_folder_though_we_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    folder = Folder("one-")
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    server = Lifeline(command, folder=folder, cwd=folder.path, env={"TOLD": "1"})
    with pytest.raises(subprocess.TimeoutExpired):
        folder.end(patience=0.2)
    assert folder.path.is_dir()
    server.end()
    folder.end()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with pytest.raises(OSError, match=f"No such file or directory: '{tmp_path}/nowhere/one-"):
        Folder("nowhere/one-")
