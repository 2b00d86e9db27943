"""The worker that applies history: ours alone, by the clock of the events, and gone at the end."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import ExitStack
from types import TracebackType
from typing import Final, Self

import click

from schemas.events import TOPIC_OF
from streams.brokers.folder import Folder
from streams.brokers.lifeline import Lifeline
from streams.cli.demo.readings import Sample, scraped
from streams.cli.running import Failure, plain_errors
from streams.core.partition import Outcome
from streams.group import lingering, live_members
from streams.settings import Settings
from streams.topics import administration

SESSION: Final = 10.0
"""Seconds after which the group has forgotten a worker of ours that was killed, at most."""

_METRICS = re.compile(r"Metrics at (http://\S+)")
_START_SECONDS = 60.0
_STUCK_AFTER = 120.0
_LOOK_SECONDS = 0.1
_CHOSEN: Final = {
    "CLOSEKNIT_CLOCK": "event",
    "CLOSEKNIT_HTTP_HOST": "127.0.0.1",
    "CLOSEKNIT_HTTP_PORT": "0",
    "CLOSEKNIT_SNAPSHOTS": "false",
    "CLOSEKNIT_FLUSH_INTERVAL": "0.2",  # for so long is a span waited for, at the end of each
}


def _session(settings: Settings) -> dict[str, str]:
    seconds = min(SESSION, settings.session_timeout)
    return {
        "CLOSEKNIT_SESSION_TIMEOUT": str(seconds),
        "CLOSEKNIT_HEARTBEAT_INTERVAL": str(min(seconds / 4, settings.heartbeat_interval)),
    }


def await_nobody(settings: Settings, patience: float) -> None:
    """Make sure that no worker is in the group.

    Args:
        settings: valid ones.
        patience: seconds to wait for those that are; longer for those that have static names, which
            are in it for a session after they were stopped.

    Raises:
        Failure: they stay.
    """
    deadline = time.monotonic() + patience
    with plain_errors(settings), administration(settings.connection()) as admin:
        if not patience and lingering(admin, settings.app):
            click.echo(
                "Waiting for workers with static names to be forgotten by the group: up to "
                f"{settings.session_timeout:g} s after they were stopped",
                err=True,
            )
            deadline += settings.session_timeout + 5
        while members := live_members(admin, settings.app):
            if time.monotonic() > deadline:
                raise Failure(
                    f"workers of {settings.app} are running ({', '.join(members)}): history goes "
                    "through a worker of the backfill's own, by the clock of its events, and "
                    "theirs is another. Stop them, run the backfill, and start them again; one "
                    "that was killed leaves the group after "
                    f"{settings.session_timeout:g} s"
                )
            time.sleep(0.2)


class Engine:
    """A worker with `clock=event` that nobody scrapes, running while the ``with`` block is.

    Args:
        settings: those of the workers, of which it takes all but the clock.

    Raises:
        Failure: on entering, when it does not start; on leaving in good order, when its end is not.

    Attributes:
        outcomes: what became of the records that it has read, as of the last `applied`.
    """

    def __init__(self, settings: Settings) -> None:
        self.outcomes: Counter[str] = Counter()
        self._settings = settings
        self._props = ExitStack()

    def __enter__(self) -> Self:
        try:
            folder = self._props.enter_context(Folder("closeknit-backfill-"))
            environment = {
                **os.environ,
                **_CHOSEN,
                **_session(self._settings),
                "CLOSEKNIT_DATA_DIR": str(folder.path),
                # It finds the modules that we find.
                "PYTHONPATH": os.pathsep.join(sys.path),
            }
            self._worker = Lifeline(
                [sys.executable, "-P", "-m", "streams", "worker"], folder=folder, env=environment
            )
            self._props.callback(self._worker.end)
            self._metrics = self._address()
        except OSError as error:
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
        with self._props:
            if kind is None:
                self._stop()

    async def applied(self, until_ms: int, ticks: int) -> None:
        """Return when a tick at this moment was applied in every partition of every topic.

        Live sources may write meanwhile, of later moments; but no ticks.

        Args:
            until_ms: the moment.
            ticks: how many were sent to everybody since it runs.

        Raises:
            Failure: the worker has ended, shares the partitions with another, or gets nowhere.
        """
        last, since = -1, time.monotonic()
        while True:
            page = await self._look()
            self.outcomes = Counter()
            for one in page:
                if one.name == _EVENTS:
                    self.outcomes[one.labels["outcome"]] += int(one.value)
            if self._settled(page, until_ms, ticks):
                return
            if (read := self.outcomes.total()) != last:
                last, since = read, time.monotonic()
            if time.monotonic() - since > _STUCK_AFTER:
                raise Failure(
                    f"the worker has got nowhere for {_STUCK_AFTER:.0f} s; its last words:\n"
                    f"{self._worker.last_words()}"
                )
            await asyncio.sleep(_LOOK_SECONDS)

    def _settled(self, page: list[Sample], until_ms: int, ticks: int) -> bool:
        settings = self._settings
        ready = {int(one.labels["partition"]) for one in page if one.name == _READY}
        if ready and len(ready) < settings.partitions:
            raise Failure(
                f"another worker of {settings.app} has joined: stop it, and run the same backfill "
                "again; it goes on where it was"
            )
        reached = {
            (one.labels["topic"], int(one.labels["partition"]))
            for one in page
            if one.name == _LAST_EVENT and round(one.value * 1000) >= until_ms
        }
        places = len(TOPIC_OF) * settings.partitions
        return len(reached) == places and self.outcomes[Outcome.TICK] >= ticks * places

    async def _look(self) -> list[Sample]:
        try:
            return await asyncio.to_thread(scraped, self._metrics)
        except OSError as error:
            self._check()
            raise Failure(f"the worker does not answer at {self._metrics}: {error}") from error

    def _address(self) -> str:
        deadline = time.monotonic() + _START_SECONDS
        while not (found := _METRICS.search(self._worker.output)):
            self._check()
            if time.monotonic() > deadline:
                raise Failure(
                    f"the worker did not start within {_START_SECONDS:.0f} s; its last words:\n"
                    f"{self._worker.last_words()}"
                )
            time.sleep(0.02)
        return found[1]

    def _check(self) -> None:
        if self._worker.ended:
            raise Failure(f"the worker ended; its last words:\n{self._worker.last_words()}")

    def _stop(self) -> None:
        """Let it write down what it has applied, and leave."""
        self._worker.signal(signal.SIGTERM)
        try:
            self._worker.wait(self._settings.stop_timeout + _START_SECONDS)
        except subprocess.TimeoutExpired:
            raise Failure("the worker did not stop; run the same backfill again") from None
        if self._worker.status:
            raise Failure(
                f"the worker ended with {self._worker.status}; its last words:\n"
                f"{self._worker.last_words()}"
            )


_EVENTS = "closeknit_events_total"
_READY = "closeknit_partition_ready"
_LAST_EVENT = "closeknit_last_event_timestamp_seconds"
