"""A server process that cannot outlive the process that started it.

Between us and the server stands a keeper: this very file, run as a script. It reads a pipe whose
only writing end is ours. A byte is a signal to pass on, echoed when that is done. At the end of
the pipe, which the kernel brings about however we end (return, exception, Ctrl-C, ``kill -9``), it
kills the server. Unlike ``PR_SET_PDEATHSIG`` this works on every POSIX system and does not depend
on the thread that started the server staying alive.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:  # as a script, this file imports nothing of ours
    from streams.brokers.folder import Folder


class Lifeline:
    """A running command that ends with ``end()``, or with this process.

    Args:
        command: program and arguments.
        log: file that what the command prints is added to; without one it is kept only for
            ``output``.
        folder: a temporary folder that stays at least until the command has ended.
        cwd: where the command runs.
        env: its environment.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        log: Path | None = None,
        folder: Folder | None = None,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self._log: IO[bytes] = (
            log.open("a+b") if log else tempfile.TemporaryFile(dir=folder.path if folder else None)  # noqa: SIM115 - closed by end()
        )
        self._start = os.fstat(self._log.fileno()).st_size
        self._output = ""
        self._keeper = subprocess.Popen(  # noqa: S603 - the command is ours
            [sys.executable, "-I", __file__, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            bufsize=0,
            cwd=cwd,
            env=env,
            pass_fds=[folder.hold] if folder else [],
            # A session of its own: Ctrl-C in our terminal is ours to handle, not the server's.
            start_new_session=True,
        )
        assert self._keeper.stdin is not None  # noqa: S101 - for the type checker
        assert self._keeper.stdout is not None  # noqa: S101
        self._orders, self._echo = self._keeper.stdin, self._keeper.stdout

    @property
    def ended(self) -> bool:
        """Whether the command has ended, by itself or not."""
        return self._keeper.poll() is not None

    @property
    def output(self) -> str:
        """What the command has printed so far, at most the last megabyte of it."""
        if not self._log.closed:
            end = os.fstat(self._log.fileno()).st_size
            # pread: the command shares our file position, which must not move.
            text = os.pread(self._log.fileno(), 1 << 20, max(self._start, end - (1 << 20)))
            self._output = text.decode(errors="replace")
        return self._output

    def last_words(self, lines: int = 15) -> str:
        """The end of the output, for an error message."""
        return "\n".join(self.output.splitlines()[-lines:])

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the command; nothing happens when it has ended."""
        with contextlib.suppress(BrokenPipeError):
            self._orders.write(bytes([number]))
            self._echo.read(1)

    def wait(self, seconds: float) -> None:
        """Wait for the command to end by itself.

        Raises:
            subprocess.TimeoutExpired: it is still running.
        """
        self._keeper.wait(seconds)
        self.end()

    def end(self) -> None:
        """Kill the command and wait until it is gone. May be repeated."""
        self._orders.close()
        self._keeper.wait()
        self._echo.close()
        _ = self.output
        self._log.close()


def _keep(command: Sequence[str]) -> int:
    """Run the command until it ends or standard input does."""
    # Who stops a whole service sends SIGTERM to all its processes: the server ends by its own,
    # and we stay to tidy up. A handler rather than SIG_IGN, which the server would inherit.
    signal.signal(signal.SIGTERM, lambda *_: None)
    log = sys.stderr.fileno()
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)  # noqa: S603

    def obey() -> None:
        while number := os.read(0, 1):
            server.send_signal(number[0])
            os.write(1, number)
        server.kill()

    threading.Thread(target=obey, daemon=True).start()
    code = server.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(_keep(sys.argv[1:]))
