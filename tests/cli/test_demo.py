"""`closeknit demo`: the first thing that anybody sees."""

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

from tests.conftest import Broker


def test_the_demo_shows_three_accounts_and_leaves_nothing_behind(
    embedded_broker: Broker, tmp_path: Path
) -> None:
    """Whatever is set for real work plays no part in it."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (tmp_path / "closeknit.toml").write_text('app = "not valid"\n')
    done = subprocess.run(
        [sys.executable, "-m", "streams", "demo"],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=tmp_path,
        env=os.environ
        | {
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "TMPDIR": str(scratch),
            "CLOSEKNIT_BROKER": "127.0.0.1:1",
            "CLOSEKNIT_APP": "bad app",
        },
    )
    assert (done.returncode, done.stderr) == (0, "")
    table = done.stdout.split("\n\n")[1].splitlines()
    rows = {row[:26].strip(): row[26:].split() for row in table}
    assert rows["Account"] == ["harbour-coffee", "inkwell-books", "peak-sneakers"]
    harbour, _, peak = map(int, rows["Followers"])
    assert harbour < peak
    harbour, _, peak = map(int, rows["Connections"])
    assert harbour > peak
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert list(scratch.iterdir()) == []
    assert [path.name for path in tmp_path.iterdir() if path != scratch] == ["closeknit.toml"]


def _has_started_a_worker(group: int) -> bool:
    ps = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pgid=", "-o", "args="],
        capture_output=True,
        text=True,
        check=True,
    )
    rows = (line.split(maxsplit=1) for line in ps.stdout.splitlines())
    return any(row[0] == str(group) and "spawn_main" in row[-1] for row in rows)


def test_an_interrupted_demo_ends_without_a_traceback(
    embedded_broker: Broker, tmp_path: Path
) -> None:
    """Ctrl-C goes to every process of the terminal, the worker included: nothing stays."""
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "streams", "demo"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "TMPDIR": str(tmp_path)},
        start_new_session=True,
        # Run from a script in the background, we ignore Ctrl-C, and so would it.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  no threads
    ) as process:
        while not _has_started_a_worker(process.pid):
            assert process.poll() is None
        os.killpg(process.pid, signal.SIGINT)
        # Reads until nobody holds the pipes: all processes have ended.
        assert process.communicate(timeout=30)[1].strip() == "Aborted!"
        assert process.returncode == 1
    assert list(tmp_path.iterdir()) == []
