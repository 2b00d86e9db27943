"""A whole Closeknit for a test: its own topics on a shared broker, workers as real processes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from kafka import KafkaProducer
from prometheus_client.parser import text_string_to_metric_families

from streams.settings import Settings
from streams.topics import administration, find

REPOSITORY = Path(__file__).parents[2]
PATIENCE = 60.0


def await_that(condition: Callable[[], Any], what: str, patience: float = PATIENCE) -> Any:
    """Wait until the condition holds, and return what it gave; fail after `patience` seconds."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.05)  # between two looks at a condition
    raise AssertionError(f"{what}: not within {patience:.0f} s")


class Worker:
    """A worker process (or one of another command), its log, and what it says over HTTP."""

    def __init__(
        self,
        environment: Mapping[str, str],
        log: Path,
        *arguments: str,
        module: Sequence[str] = ("streams",),
        command: Sequence[str] = ("worker",),
    ) -> None:
        self.log = log
        self._address: str | None = None
        with log.open("ab") as sink:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *module, *command, *arguments],
                env={**os.environ, **environment},
                cwd=REPOSITORY,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def said(self) -> str:
        """Everything it has logged so far."""
        return self.log.read_text(errors="replace")

    def get(self, path: str) -> tuple[int, str]:
        """Status and body of an HTTP path of the worker; (0, '') while nobody answers."""
        if self._address is None:
            found = re.search(r"Metrics at (http://\S+?)/metrics", self.said())
            if found is None:
                return 0, ""
            self._address = found[1]
        try:
            with urllib.request.urlopen(self._address + path, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refusal:
            return refusal.code, refusal.read().decode()
        except OSError:
            return 0, ""

    def await_ready(self) -> None:
        """Wait until it serves its partitions."""

        def ready() -> bool:
            assert self.process.poll() is None, f"the worker ended:\n{self.said()[-3000:]}"
            return self.get("/readyz")[0] == 200

        await_that(ready, "the worker is ready")

    def counts(self, name: str, *labels: str) -> Counter[tuple[str, ...]]:
        """The samples of one metric that are not zero, by the values of these labels."""
        page = self.get("/metrics")[1].splitlines(keepends=True)
        ours = "".join(line for line in page if line.startswith((name, f"# TYPE {name} ")))
        found: Counter[tuple[str, ...]] = Counter()
        for family in text_string_to_metric_families(ours):
            for sample in family.samples:
                if sample.name == name:
                    found[tuple(sample.labels[label] for label in labels)] += int(sample.value)
        return +found

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def wait(self, patience: float = PATIENCE) -> int:
        """Wait for its end and return the exit status."""
        try:
            return self.process.wait(patience)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still running:\n{self.said()[-3000:]}") from None

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self.process.kill()
        self.process.wait()


class System:
    """Topics of its own under a broker, and everything that can be done with them."""

    def __init__(self, bootstrap: str, folder: Path, partitions: int = 4, **settings: str) -> None:
        name = f"t{uuid4().hex[:10]}"
        self.folder = folder
        self.partitions = partitions
        self.environment = {
            "CLOSEKNIT_BROKER": bootstrap,
            "CLOSEKNIT_APP": name,
            "CLOSEKNIT_TOPIC_PREFIX": f"{name}-",
            "CLOSEKNIT_PARTITIONS": str(partitions),
            "CLOSEKNIT_CLOCK": "event",
            "CLOSEKNIT_HTTP_PORT": "0",
            "CLOSEKNIT_DATA_DIR": str(folder / "scratch"),
            "CLOSEKNIT_SESSION_TIMEOUT": "6",
            "CLOSEKNIT_HEARTBEAT_INTERVAL": "1",
            "CLOSEKNIT_REBALANCE_TIMEOUT": "10",
            **{f"CLOSEKNIT_{key.upper()}": value for key, value in settings.items()},
        }
        self.settings = Settings(
            **{
                key.removeprefix("CLOSEKNIT_").lower(): value
                for key, value in self.environment.items()
            }
        )
        self._workers: list[Worker] = []
        self.cli("topics", "create")

    def topic(self, kind: str) -> str:
        """The full name of a kind's topic."""
        return self.settings.topics[kind]

    def cli(self, *arguments: str, status: int = 0, stdin: str | None = None) -> str:
        """Run a command of ours, expect its exit status, and return what it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "streams", *arguments],
            env={**os.environ, **self.environment},
            cwd=REPOSITORY,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == status, (
            f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        )
        return done.stdout

    def worker(
        self, *arguments: str, module: Sequence[str] = ("streams",), **settings: str
    ) -> Worker:
        """Start a worker, by way of another module if need be; it ends with the test."""
        log = self.folder / f"worker-{len(self._workers)}.log"
        extra = {f"CLOSEKNIT_{key.upper()}": value for key, value in settings.items()}
        worker = Worker({**self.environment, **extra}, log, *arguments, module=module)
        self._workers.append(worker)
        return worker

    def source(self, *arguments: str) -> Worker:
        """Start a live source; it ends with the test."""
        log = self.folder / f"source-{len(self._workers)}.log"
        environment = {**self.environment, "CLOSEKNIT_SOURCE_HTTP_PORT": "0"}
        source = Worker(environment, log, *arguments, command=("source",))
        self._workers.append(source)
        return source

    def catch_up(self) -> Worker:
        """Run one worker until it has applied everything there is."""
        worker = self.worker("--until-caught-up")
        assert worker.wait(180) == 0, worker.said()[-3000:]
        return worker

    def end(self) -> None:
        """End every worker that is still there."""
        for worker in self._workers:
            if worker.process.poll() is None:
                worker.signal(signal.SIGCONT)
                worker.kill()

    @contextmanager
    def producer(self) -> Iterator[KafkaProducer]:
        """A plain producer, for records that no command of ours would write."""
        producer = KafkaProducer(bootstrap_servers=self.settings.broker)
        try:
            yield producer
            producer.flush()
        finally:
            producer.close()

    def replay(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Replay canonical events."""
        self.cli("replay", "-", stdin="".join(json.dumps(event) + "\n" for event in events))

    def recreate(self, topic: str) -> None:
        """Delete a topic and create it anew: same name, other id."""
        with administration(self.settings.connection()) as admin:
            admin.delete_topics([topic])
            await_that(lambda: topic not in find(admin, [topic]), f"{topic} is gone")
        self.cli("topics", "create")

    def relationships(self, *arguments: str) -> dict[tuple[str, str], dict[str, Any]]:
        """The exported relationships by account and member."""
        lines = self.cli("export", *arguments).splitlines()
        found = map(json.loads, lines)
        return {(one["account"], one["member"]): one for one in found}

    def census(self) -> dict[str, dict[str, Any]]:
        """The exported census by account."""
        found = map(json.loads, self.cli("export", "--census").splitlines())
        return {one["account"]: one for one in found}


@contextmanager
def replaying(system: System, events: Iterable[Mapping[str, Any]], rate: float) -> Iterator[None]:
    """Replay events at so many a second beside the test; on leaving, wait until all are sent."""
    file = system.folder / "events.jsonl"
    file.write_text("".join(json.dumps(event) + "\n" for event in events))
    with (system.folder / "replay.log").open("wb") as log:
        replay = subprocess.Popen(
            [sys.executable, "-m", "streams", "replay", "--rate", str(rate), str(file)],
            env={**os.environ, **system.environment},
            cwd=REPOSITORY,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield
        assert replay.wait(PATIENCE) == 0, (system.folder / "replay.log").read_text()
    finally:
        replay.kill()
        replay.wait()
