"""`closeknit demo`: the first thing that anybody sees, and it leaves no trace."""

from __future__ import annotations

import codecs
import fcntl
import http.client
import json
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.conftest import Broker

REPOSITORY = Path(__file__).parents[2]
PATIENCE = 60.0
SHORT = ("--days", "14")

_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")
_COLOUR = re.compile(r"\x1b\[(?:\d+;)*[349]\d(?:;\d+)*m")


@pytest.fixture
def scratch(embedded_broker: Broker, tmp_path: Path) -> Path:
    """The folder for temporary files of the demo, which nothing else uses."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


def environment(scratch: Path, **more: str) -> dict[str, str]:
    ours = {"PYTHONPATH": str(REPOSITORY), "TMPDIR": str(scratch), **more}
    return {k: v for k, v in os.environ.items() if k not in {"COLUMNS", "LINES"}} | ours


class Demo:
    """A demo that runs beside the test, and what it has printed so far."""

    def __init__(self, process: subprocess.Popen[bytes], output: int) -> None:
        self.process = process
        self.said = ""
        self._output = output
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def await_text(self, pattern: str) -> re.Match[str]:
        """Read on until this was printed."""
        while not (found := re.search(pattern, self.said)):
            assert self._read(), f"no {pattern!r} in:\n{self.said}"
        return found

    def finish(self) -> int:
        """Read to the end, and return the exit status."""
        while self._read():
            pass
        return self.process.wait(PATIENCE)

    def _read(self) -> bool:
        try:
            read = os.read(self._output, 1 << 16)
        except OSError:  # what Linux says at the end of a terminal
            read = b""
        self.said += self._decoder.decode(read)
        return bool(read)


@contextmanager
def running(scratch: Path, *arguments: str, **more: str) -> Iterator[Demo]:
    """A demo whose output is a pipe."""
    with subprocess.Popen(
        [sys.executable, "-m", "streams", "demo", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment(scratch, **more),
        cwd=scratch.parent,
        start_new_session=True,
        # Run from a script in the background, we ignore Ctrl-C, and so would it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509  no threads
    ) as process:
        assert process.stdout is not None
        yield Demo(process, process.stdout.fileno())


@contextmanager
def in_terminal(
    scratch: Path, *arguments: str, columns: int = 80, lines: int = 24, **more: str
) -> Iterator[Demo]:
    """A demo in a terminal of its own."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("4H", lines, columns, 0, 0))
    with subprocess.Popen(
        [sys.executable, "-m", "streams", "demo", *arguments],
        stdin=its,
        stdout=its,
        stderr=its,
        env=environment(scratch, TERM="xterm-256color", **more),
        cwd=scratch.parent,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509  no threads
    ) as process:
        os.close(its)
        try:
            yield Demo(process, ours)
        finally:
            os.close(ours)


def processes_of(scratch: Path) -> list[str]:
    """Every process that has inherited the demo's environment."""
    listed = subprocess.run(["ps", "axeww"], capture_output=True, check=True).stdout.decode(
        errors="replace"
    )
    return [line for line in listed.splitlines() if f"TMPDIR={scratch}" in line]


def soon(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)  # between two looks


def assert_no_trace(scratch: Path, said: str) -> None:
    soon(lambda: not processes_of(scratch), "a process stays behind")
    assert list(scratch.iterdir()) == []
    for port in re.findall(r"127\.0\.0\.1:(\d+)", said):
        with pytest.raises(ConnectionRefusedError):
            http.client.HTTPConnection("127.0.0.1", int(port), timeout=5).connect()


def ending(said: str) -> dict[str, str]:
    """The parts of the ending, by how they begin."""
    lines = _ESCAPE.sub("", said).replace("\r", "").split("\n\n")
    return {part.split()[0]: part for part in lines if part.strip()}


def assert_complete_ending(said: str) -> None:
    parts = ending(said)
    rows = {row[:16].strip(): row[16:].split() for row in parts["Harbour"].splitlines()}
    assert set(rows) >= {"Followers", "Active 7d", "Repliers 7d", "Connections", "Hollow"}
    assert all(len(cells) == 4 * 3 for title, cells in rows.items() if title)
    assert len(re.findall(r"^  \S .*\): ", parts["Three"], re.M)) == 3
    assert len(parts["Next:"].strip().splitlines()) == 4


def test_in_a_pipe_it_prints_a_line_a_week_and_how_it_ends(scratch: Path) -> None:
    """Whatever is set for real work plays no part in it."""
    (scratch.parent / "closeknit.toml").write_text('app = "not valid"\n')
    mine = {"CLOSEKNIT_BROKER": "127.0.0.1:1", "CLOSEKNIT_APP": "bad app"}
    with running(scratch, *SHORT, **mine) as demo:
        assert demo.finish() == 0, demo.said
    assert re.findall(r"^Day (\d+) ", demo.said, re.M) == ["7", "14"]
    assert re.search(r"^[\d,]+ events\. Dead letters \d+: \w+ \d", demo.said, re.M)
    assert_complete_ending(demo.said)
    assert max(map(len, demo.said.splitlines())) <= 80
    assert "\x1b" not in demo.said
    assert_no_trace(scratch, demo.said)
    assert sorted(path.name for path in scratch.parent.iterdir()) == ["closeknit.toml", "scratch"]


def test_in_a_terminal_it_is_drawn_while_it_goes_on(scratch: Path) -> None:
    """80 columns and 24 lines are enough; the numbers and their charts change on the spot."""
    with in_terminal(scratch, *SHORT, "--speed", "7") as demo:
        assert demo.finish() == 0, demo.said
    assert _COLOUR.search(demo.said)
    drawn, _, _ = demo.said.rpartition("Dead letters")
    frames = [_ESCAPE.sub("", frame) for frame in drawn.split("Hollow")[1:]]
    assert len({re.sub(r"\s", "", frame) for frame in frames}) > 1
    assert re.search(r"Peak Sneakers +[\d,]+ +[\d,]+ +\d+ +\d+ +\d+%", frames[-1])
    assert re.search(r"[▁▂▃▄▅▆▇█]{2}", frames[-1])
    assert re.search(r"Events/s +[\d,]+ .*Lag \d", frames[-1])
    assert max(map(len, re.split(r"[\r\n]+", _ESCAPE.sub("", demo.said)))) <= 80
    assert_complete_ending(demo.said)


MOMENTS = {
    "as it starts": ((), r"started"),
    "while the worker starts": ((), r""),
    "while it plays": (("--speed", "4"), r"Day \d"),
    "as it ends": ((), r"Connections   "),
    "while it is kept": (("--keep",), r"Ctrl-C.*\n.*\n"),
}
"""What the demo is asked for, and what it has just printed."""


def at_moment(demo: Demo, scratch: Path, moment: str) -> None:
    if moment == "while the worker starts":
        soon(
            lambda: any("streams worker" in line for line in processes_of(scratch)),
            "no worker starts",
        )
    else:
        demo.await_text(MOMENTS[moment][1])


@pytest.mark.parametrize("moment", [moment for moment in MOMENTS if moment != "as it ends"])
def test_killed_at_any_moment_it_leaves_no_trace(scratch: Path, moment: str) -> None:
    """Not even it itself can tidy up: whoever keeps its servers does."""
    with running(scratch, *SHORT, *MOMENTS[moment][0]) as demo:
        at_moment(demo, scratch, moment)
        os.killpg(demo.process.pid, signal.SIGKILL)
        demo.finish()
    assert_no_trace(scratch, demo.said)


@pytest.mark.parametrize("moment", ["while the worker starts", "while it plays", "as it ends"])
def test_interrupted_at_any_moment_it_leaves_no_trace_and_no_traceback(
    scratch: Path, moment: str
) -> None:
    """Ctrl-C goes to every process of the terminal."""
    with running(scratch, *SHORT, *MOMENTS[moment][0]) as demo:
        at_moment(demo, scratch, moment)
        before = len(demo.said)
        os.killpg(demo.process.pid, signal.SIGINT)
        assert demo.finish() == 1
    assert demo.said[before:].strip().splitlines()[-1] == "Aborted!"
    assert "Traceback" not in demo.said
    assert_no_trace(scratch, demo.said)


def test_a_terminal_without_colour_or_utf_8_is_drawn_on_and_its_end_is_an_interruption(
    scratch: Path,
) -> None:
    """The same view in ASCII; when the terminal closes, all is tidied up."""
    bare = {"NO_COLOR": "1", "LANG": "C", "PYTHONIOENCODING": "ascii"}
    with in_terminal(scratch, *SHORT, "--speed", "4", **bare) as demo:
        demo.await_text(r"day [2-9]")
        demo.process.send_signal(signal.SIGHUP)
        assert demo.finish() == 1
    assert re.search(r"Peak Sneakers +[\d,]+ ", _ESCAPE.sub("", demo.said))
    assert demo.said.isascii()
    assert not _COLOUR.search(demo.said)
    assert demo.said.endswith("Aborted!\r\n")
    assert "\x1b[?25h" in demo.said, "the cursor is to be seen again"
    assert_no_trace(scratch, demo.said)


def test_kept_it_can_be_asked_from_elsewhere_until_ctrl_c(scratch: Path) -> None:
    """The commands that it prints work as they are, where nothing else is set."""
    with in_terminal(scratch, *SHORT, "--fast", "--keep", columns=120) as demo:
        demo.await_text(r"\n.*curl http\S+ .*\n")
        _, _, printed = _ESCAPE.sub("", demo.said).partition("another terminal:")
        exported, *commands = (line.partition("#")[0].split() for line in printed.splitlines()[1:])
        assert exported[0] == "export"
        name, _, value = exported[1].partition("=")
        bare = {k: v for k, v in os.environ.items() if not k.startswith("CLOSEKNIT_")}
        bare |= {"PYTHONPATH": str(REPOSITORY), name: value}

        def ask(*words: str) -> str:
            command = [sys.executable, "-m", "streams", *words]
            return subprocess.run(
                command, env=bare, check=True, capture_output=True
            ).stdout.decode()

        asked = [words for words in commands if words[0] == "closeknit"]
        assert [words[1] for words in asked] == ["people", "report"]
        assert all("Harbour Coffee" in ask(*words[1:]) for words in asked)
        census = [json.loads(line) for line in ask("export", "--census").splitlines()]
        followers = {one["account"]: one["series"]["closeknit_followers"] for one in census}
        (shown,) = re.findall(r"^Followers .*$", _ESCAPE.sub("", demo.said), re.M)[-1:]
        assert [f"{n:,}" for n in followers.values()] == shown.split()[3::3]

        url = re.search(r"127\.0\.0\.1:(\d+)/metrics", demo.said)
        assert url is not None
        connection = http.client.HTTPConnection("127.0.0.1", int(url[1]), timeout=10)
        connection.request("GET", "/metrics")
        assert b'name="Harbour Coffee"' in connection.getresponse().read()
        connection.close()

        demo.process.send_signal(signal.SIGINT)
        assert demo.finish() == 0
    assert demo.said.endswith("Nothing stays behind.\r\n")
    assert_no_trace(scratch, demo.said)
