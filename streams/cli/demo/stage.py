"""The stage of the demo: a folder, a broker, its topics and one worker, gone however we end."""

from __future__ import annotations

import csv
import json
import os
import re
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from streams import topics
from streams.brokers import BrokerUnavailableError, EmbeddedBroker
from streams.brokers.folder import Folder
from streams.brokers.lifeline import Lifeline
from streams.cli.running import Failure, plain_errors, planned_topics
from streams.settings import Settings, environment_with, read_accounts
from streams.synthetic import Cast

_START_SECONDS = 60.0
_METRICS = re.compile(r"Metrics at (http://\S+)")

_CHOSEN: Final[Mapping[str, Any]] = {
    "app": "closeknit-demo",
    "clock": "event",
    "partitions": 4,
    "http_port": 0,  # any free one
    "flush_interval": 0.2,  # what is shown is what was flushed
}


class Stage:
    """A broker and a worker of our own, running while the ``with`` block is.

    Whatever the environment and the files of the place say plays no part: that is for real work.

    Args:
        cast: the accounts that get names.

    Raises:
        Failure: on entering, when one of them cannot start.

    Attributes:
        settings: those of the worker, once entered; `config` is the file that they are in.
        metrics: where the worker's metrics are.
    """

    settings: Settings
    config: Path
    metrics: str

    def __init__(self, cast: tuple[Cast, ...]) -> None:
        self._cast = cast
        self._props = ExitStack()
        self._broker: EmbeddedBroker | None = None
        self._worker: Lifeline | None = None

    def __enter__(self) -> Self:
        try:
            folder = self._props.enter_context(Folder("closeknit-demo-"))
            self._broker = self._props.enter_context(EmbeddedBroker(folder=folder))
            self._write_settings(folder.path, self._broker.bootstrap)
            with plain_errors(self.settings):
                with topics.administration(self.settings.connection()) as admin:
                    topics.create(admin, planned_topics(self.settings))
                self._start_worker(folder)
        except (BrokerUnavailableError, OSError) as error:
            self._props.close()
            raise Failure(str(error)) from error
        except BaseException:
            self._props.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._props.close()

    def check(self) -> None:
        """Make sure that broker and worker run.

        Raises:
            Failure: one of them has ended.
        """
        if self._broker is not None and not self._broker.running:
            raise Failure("the embedded broker ended by itself")
        if self._worker is not None and self._worker.ended:
            raise Failure(f"the worker ended; its last words:\n{self._worker.last_words()}")

    def _write_settings(self, folder: Path, bootstrap: str) -> None:
        accounts = folder / "accounts.csv"
        with accounts.open("w", encoding="utf-8", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(("id", "name", "group"))
            rows.writerows((one.id, one.name, one.group) for one in self._cast)
        chosen = {
            **_CHOSEN,
            "broker": bootstrap,
            "data_dir": str(folder / "worker"),
            "accounts": str(accounts),
        }
        self.config = folder / "closeknit.toml"
        lines = (f"{name} = {json.dumps(value)}\n" for name, value in chosen.items())
        self.config.write_text("".join(lines), encoding="utf-8")
        # Past the environment, which `Settings(...)` would read.
        self.settings = Settings.model_construct(
            **{**chosen, "data_dir": folder / "worker", "accounts": read_accounts(accounts)}
        )

    def _start_worker(self, folder: Folder) -> None:
        # It finds the modules that we find, and no others where it happens to run.
        environment = environment_with(self.config) | {"PYTHONPATH": os.pathsep.join(sys.path)}
        worker = Lifeline(
            [sys.executable, "-P", "-m", "streams", "worker"], folder=folder, env=environment
        )
        self._props.callback(worker.end)
        self._worker = worker
        deadline = time.monotonic() + _START_SECONDS
        while not (found := _METRICS.search(worker.output)):
            self.check()
            if time.monotonic() > deadline:
                raise Failure(
                    f"the worker did not start within {_START_SECONDS:.0f} s; its last words:\n"
                    f"{worker.last_words()}"
                )
            time.sleep(0.02)
        self.metrics = found[1]
