"""A temporary folder that cannot outlive the processes that hold it.

Another keeper (see `lifeline`), again this very file run as a script: it makes the folder, says
where, and reads a pipe that it never gets a byte from. The folder goes at the end of the pipe: when
the last of those who hold the writing end has ended. We hold it, and so does the keeper of each
server that works in there, so that nobody writes into a folder that is being removed.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self


class Folder:
    """A temporary folder, there while its ``with`` block is, or ours and our servers' lives.

    Args:
        prefix: what its name begins with.

    Raises:
        OSError: it cannot be made.

    Attributes:
        path: where it is.
        hold: the file descriptor that keeps it: for `Lifeline`.
    """

    path: Path

    def __init__(self, prefix: str) -> None:
        reading, self.hold = os.pipe()
        try:
            self._keeper = subprocess.Popen(  # noqa: S603 - the command is ours
                [sys.executable, "-I", __file__, prefix],
                stdin=reading,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
            assert self._keeper.stdout is not None  # noqa: S101 - for the type checker
            assert self._keeper.stderr is not None  # noqa: S101
            with self._keeper.stdout as said, self._keeper.stderr as complaints:
                path = said.read()
                if not path:
                    self._keeper.wait()
                    raise OSError(complaints.read().decode().strip().rpartition("\n")[2])
            self.path = Path(os.fsdecode(path))
        except BaseException:
            os.close(self.hold)
            raise
        finally:
            os.close(reading)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    def end(self, patience: float | None = None) -> None:
        """Let go of the folder, and wait until it is gone. May be repeated.

        Raises:
            subprocess.TimeoutExpired: somebody holds it for longer than so many seconds.
        """
        if self.hold >= 0:
            os.close(self.hold)
            self.hold = -1
        self._keeper.wait(patience)


def _keep(prefix: str) -> None:
    """Make a folder that stays until the end of standard input."""
    for sign in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sign, signal.SIG_IGN)
    # Here and not by who wants it: Python tries the place with a file, which a SIGKILL of that
    # process would leave there.
    folder = tempfile.mkdtemp(prefix=prefix)
    try:
        os.write(1, os.fsencode(folder))
        os.close(1)
        os.close(2)
        os.read(0, 1)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    _keep(*sys.argv[1:])
