"""Workers that stay: started, watched, paused while events are loaded, asked, and ended."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import NamedTuple, TypeVar

from benchmarks.compare.contestants import Job, closeknit
from benchmarks.compare.data import Shape, live
from benchmarks.compare.left import Wrong
from benchmarks.compare.process import cpu_seconds, resident_mb, tree
from benchmarks.compare.stage import Stage

T = TypeVar("T")

PATIENCE = 600.0
IDLE = 0.05
"""CPU seconds in a second below which a worker has nothing to do."""

MODULE = (sys.executable, "-m", "streams")


class State(NamedTuple):
    """What a process has taken up to a moment."""

    at: float
    cpu: float
    mb: float


class Worker:
    """A worker process of ours."""

    def __init__(self, environment: dict[str, str], log: Path, launcher: Sequence[str]) -> None:
        self._log = log
        with log.open("wb") as sink:
            self.process = subprocess.Popen(
                [*launcher, "worker"],
                env={**os.environ, **environment},
                stdout=sink,
                stderr=subprocess.STDOUT,
            )

    @cached_property
    def address(self) -> str:
        """Where it answers, once it has said so."""
        pattern = re.compile(r"Metrics at (http://\S+?)/metrics")
        found = _await(lambda: pattern.search(self.said()), "the worker listens")
        return found[1]

    def said(self) -> str:
        """All that it has logged."""
        words = self._log.read_text(errors="replace")
        if self.process.poll() is not None:
            raise RuntimeError(f"a worker ended by itself:\n{words[-3000:]}")
        return words

    def get(self, path: str) -> tuple[int, str]:
        """Status and body of an HTTP path."""
        try:
            with urllib.request.urlopen(self.address + path, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refusal:
            return refusal.code, refusal.read().decode()

    def samples(self, name: str) -> list[float]:
        """The values of one metric, whatever their labels."""
        page = self.get("/metrics")[1]
        found = re.finditer(rf"^{name}(?:\{{.*\}})? (\S+)$", page, re.M)
        return [float(one[1]) for one in found]

    @property
    def state(self) -> State:
        """What it has taken up to now."""
        pid = self.process.pid
        return State(time.perf_counter(), cpu_seconds(pid), resident_mb(pid))

    def end(self) -> None:
        """Ask it to end; wait until it has."""
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        finally:
            self.process.kill()
            self.process.wait()


@contextmanager
def workers(
    job: Job, count: int = 1, launcher: Sequence[str] = MODULE, **settings: str
) -> Iterator[list[Worker]]:
    """Workers of one Closeknit, ended when the block is left.

    Args:
        job: what they work on.
        count: how many.
        launcher: what starts one.
        settings: other than the defaults.
    """
    running: list[Worker] = []
    try:
        for number in range(count):
            scratch = str(job.folder / f"scratch-{number}")
            environment = closeknit(job, data_dir=scratch, **settings)
            running.append(Worker(environment, job.folder / f"worker-{number}.log", launcher))
        yield running
    finally:
        for worker in running:
            worker.end()


def await_ready(running: Sequence[Worker]) -> None:
    """Wait until each serves its partitions, and none is without."""

    def ready(worker: Worker) -> bool:
        alone = len(running) == 1
        return worker.get("/readyz")[0] == 200 and (
            alone or sum(worker.samples("closeknit_partition_ready")) > 0
        )

    _await(lambda: all(map(ready, running)), "the workers are ready")


def await_idle(running: Sequence[Worker]) -> float:
    """Wait until all have read everything; return when they had."""

    def idle() -> float | None:
        began, before = time.perf_counter(), [worker.state.cpu for worker in running]
        for _ in range(10):
            time.sleep(0.1)
            taken = [worker.state.cpu - cpu for worker, cpu in zip(running, before, strict=True)]
            if max(taken) > IDLE:
                return None
        lags = [lag for one in running for lag in one.samples("closeknit_consumer_lag_records")]
        return began if lags and not any(lags) else None

    return _await(idle, "everything is read")


def expect(running: Sequence[Worker], metric: str, wanted: int) -> None:
    """Make sure that the workers count what they should: a figure of a wrong result is none.

    Raises:
        Wrong: they do not.
    """
    found = sum(sum(worker.samples(metric)) for worker in running)
    if found != wanted:
        raise Wrong(f"{metric} is {found:,.0f}, not {wanted:,}")


class Drained(NamedTuple):
    """What it took to read a backlog, of all workers together."""

    seconds: float
    cpu: float
    broker_cpu: float


def drain(running: Sequence[Worker], load: Callable[[], None]) -> Drained:
    """Load events while the workers are paused, let them go on, wait until all is read."""
    for worker in running:
        worker.process.send_signal(signal.SIGSTOP)
    try:
        load()
        before = [worker.state for worker in running]
        of_broker = broker_cpu()
        began = time.perf_counter()
    finally:
        for worker in running:
            worker.process.send_signal(signal.SIGCONT)
    ended = await_idle(running)
    cpu = sum(worker.state.cpu - one.cpu for worker, one in zip(running, before, strict=True))
    return Drained(ended - began, cpu, broker_cpu() - of_broker)


SAMPLE = 200_000


def half_of_its_speed(stage: Stage, prefix: str, worker: Worker, shape: Shape) -> float:
    """Half of the events a second that a worker, as it is, reads of a backlog of such events."""
    sample = list(live(shape, SAMPLE, seed=5))
    drained = drain([worker], lambda: asyncio.run(stage.send(prefix, sample)))
    return round(SAMPLE / drained.seconds / 2)


def broker_cpu() -> float:
    """CPU seconds that the broker, which we started, has taken so far."""
    ours = tree(os.getpid())
    return sum(cpu_seconds(pid) for pid in ours if _name(pid) == "java")


def _name(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()


def _await(look: Callable[[], T | None], what: str) -> T:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if found := look():
            return found
        time.sleep(0.02)  # between two looks at a condition
    raise RuntimeError(f"{what}: not within {PATIENCE:.0f} s")
