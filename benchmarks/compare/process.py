"""Running a process and measuring it: seconds, CPU seconds, memory. Linux only.

CPU seconds are user and system time of the process and all its children, as the kernel counted them
when they ended. Memory is the sum of the peaks (VmHWM) of the processes of the tree, looked at ten
times a second; getrusage's own peak would begin with that of the process that forked it.
"""

import os
import re
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

PATIENCE = 900.0
LOOK = 0.1
"""Seconds between two looks at its memory."""

TICK = os.sysconf("SC_CLK_TCK")


class Used(NamedTuple):
    """What a process took."""

    seconds: float
    cpu: float
    peak_mb: float


class Failed(Exception):
    """It ended with an error, or not at all; the message has its last words."""


def run(command: Sequence[str], log: Path, env: Mapping[str, str] | None = None) -> Used:
    """Run a command to its end.

    Raises:
        Failed: its exit status is not 0, or it took more than a quarter of an hour.
    """
    with log.open("wb") as sink:
        began = time.perf_counter()
        process = subprocess.Popen(
            command, stdout=sink, stderr=subprocess.STDOUT, env={**os.environ, **(env or {})}
        )
        peak = 0.0
        try:
            while True:
                pid, status, usage = os.wait4(process.pid, os.WNOHANG)
                seconds = time.perf_counter() - began
                if pid:
                    break
                peak = max(peak, sum(map(peak_mb, tree(process.pid))))
                if seconds > PATIENCE:
                    raise _failed(command, log, f"not done after {PATIENCE:.0f} s")
                time.sleep(LOOK)
        except BaseException:
            process.kill()
            process.wait()
            raise
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise _failed(command, log, f"exit status {process.returncode}")
    return Used(seconds, usage.ru_utime + usage.ru_stime, peak)


def _failed(command: Sequence[str], log: Path, what: str) -> Failed:
    words = log.read_text(errors="replace")[-3000:]
    return Failed(f"{' '.join(command)[:300]}: {what}; its last words:\n{words}")


def tree(pid: int) -> Iterator[int]:
    """A process and all that it started."""
    yield pid
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return
    for child in children:
        yield from tree(int(child))


def peak_mb(pid: int) -> float:
    """The largest resident memory that a process ever had; 0 when it has ended."""
    return _memory(pid, "VmHWM")


def resident_mb(pid: int) -> float:
    """The resident memory that a process has now."""
    return _memory(pid, "VmRSS")


def _memory(pid: int, what: str) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    found = re.search(rf"^{what}:\s+(\d+) kB", status, re.M)
    return int(found[1]) / 1024 if found else 0.0


def cpu_seconds(pid: int) -> float:
    """CPU seconds that a process that is still there has taken so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICK
