"""One run of `closeknit backfill`."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from typing import IO

import click
import msgspec

from streams.backfill import Courier, Interrupted, Sent, State, send
from streams.cli.backfill.engine import SESSION, Engine, await_nobody
from streams.cli.files import opened
from streams.cli.progress import Progress
from streams.cli.running import (
    Failure,
    counted,
    existing_topics,
    planned_topics,
    source_partitions,
)
from streams.core.partition import Outcome
from streams.core.time import HOUR_MS, format_ms, hour_of
from streams.core.words import visible
from streams.metrics.accounts import Account, Accounts
from streams.past import STATES, Past, Witness
from streams.settings import Settings
from streams.sources import Malformed, Sendable
from streams.sources.history import History
from streams.topics import check

_SHOWN = 20
"""Malformed lines that are shown; the others are only counted."""


_EXPECTED = {Outcome.APPLIED, Outcome.TICK}


class Job:
    """One run.

    Args:
        settings: those of the workers.
        history: what is to be applied.
        until_ms: what happened from then on is left out; None: as before, or now.
        past: file for the census over time; None: it is not wanted.
        every: hours between two samples of it.

    Attributes:
        malformed: lines that were left out.
    """

    def __init__(
        self,
        settings: Settings,
        history: History,
        until_ms: int | None,
        past: str | None,
        every: int,
    ) -> None:
        self.malformed = 0
        self._settings = settings
        self._history = history
        self._asked_ms = until_ms
        self._now_ms = time.time_ns() // 1_000_000
        self._past, self._every_ms = past, every * HOUR_MS
        self._started = time.monotonic()
        self._span = _Span()
        self._beyond = 0
        self._say: Callable[[str], None]

    def draw(self) -> None:
        """Write the census over time, and send nothing."""
        self._look()
        self._draw(min(self._asked_ms or self._now_ms, self._now_ms))
        self._tell_left_out()

    def run(self, *, anew: bool) -> None:
        """Send it, have it applied, and write the census over time if there is a file for that.

        Args:
            anew: begin behind whatever is there already.
        """
        settings = self._settings
        partitions = source_partitions(settings)
        wanted = planned_topics(settings)
        found = existing_topics(settings, [one.name for one in wanted] + [settings.sources_state])
        if grave := [finding for finding in check(wanted, found) if finding.grave]:
            raise Failure("\n".join(["the topics are not fit:", *map(str, grave)]))
        self._look()
        courier = Courier(
            settings.app,
            settings.connection(),
            settings.topics,
            partitions,
            settings.sources_state,
            settings.transaction_timeout,
        )
        try:
            asyncio.run(self._run(courier, anew=anew))
        except Interrupted as error:
            raise Failure(f"{error}. Run the same backfill again: it goes on") from error
        except KeyboardInterrupt:
            click.echo("Interrupted: run the same backfill again, and it goes on.", err=True)
            raise

    async def _run(self, courier: Courier, *, anew: bool) -> None:
        async with courier:
            found = await courier.state()
            state = self._begin(found, anew=anew)
            begins = found is None or found.digest != state.digest
            if begins and not anew and await courier.written():
                raise Failure(
                    "the source topics hold events already, and history behind what has followed "
                    "it is not the same: a follow that ended would be told after its end. Give "
                    "history new topics (CLOSEKNIT_APP and CLOSEKNIT_TOPIC_PREFIX), or say --anew "
                    "if nothing of it was taken back since"
                )
            if state.done:
                click.echo(
                    f"This history is in the tables already, until {format_ms(state.until_ms)}: "
                    "nothing was sent. A later --until sends what comes after"
                )
                if self._past is not None:
                    self._draw(state.until_ms)
                return
            killed = found is not None and not found.done
            # A worker of a backfill that was killed is forgotten soon.
            await asyncio.to_thread(await_nobody, self._settings, 2 * SESSION * killed)
            if state.sent:
                click.echo(f"Going on after {counted(state.sent, 'event')} that were sent before")
            with ExitStack() as stack:
                items = self._items(state.until_ms, stack)
                progress = stack.enter_context(Progress([self._span]))
                self._say = progress.say
                engine = stack.enter_context(Engine(self._settings))
                sent = await send(
                    items, courier, state, applied=engine.applied, on_progress=progress.update
                )
            state = msgspec.structs.replace(sent.state, done=True)
            await courier.commit((), state)
        self._summarise(sent, engine.outcomes)

    def _begin(self, found: State | None, *, anew: bool) -> State:
        """Where to go on, or to begin."""
        digest = self._history.digest()
        asked_ms = None if self._asked_ms is None else min(self._asked_ms, self._now_ms)
        if found is not None and found.digest == digest:
            # Its events come in the same order, however far it goes: so many of them are sent.
            until_ms = asked_ms or found.until_ms
            done = found.done and until_ms <= found.until_ms
            return msgspec.structs.replace(found, until_ms=until_ms, done=done)
        if found is not None and not found.done and not anew:
            raise Failure(
                f"a backfill of other files was not finished: {counted(found.sent, 'event')} of it "
                "are sent. Run it again with the files, formats and accounts that it had, or say "
                "--anew to leave it at that: what it sent stays"
            )
        return State(digest=digest, until_ms=asked_ms or self._now_ms)

    # -- reading

    def _look(self) -> None:
        """Look at every file, and say what there is."""
        with Progress(self._history.sources, "looked at") as progress:
            looks = self._history.look(progress.update).values()
        self._span.begin_ms = min((one.first_ms for one in looks if one.lines), default=0)
        self._span.end_ms = max((one.last_ms for one in looks), default=0)
        if unsorted := sum(not one.ordered for one in looks):
            click.echo(
                f"{counted(unsorted, 'file')} not in the order of time: sorted on disk meanwhile",
                err=True,
            )

    def _items(self, until_ms: int, stack: ExitStack) -> Iterator[Sendable]:
        """Everything before a moment; what passes is drawn if that is wanted."""
        if self._past is None:
            return self._within(until_ms)
        return self._drawn(until_ms, stack.enter_context(opened(self._past)))

    def _within(self, until_ms: int) -> Iterator[Sendable]:
        span = self._span
        self.malformed = self._beyond = 0
        for item in self._history.events(self._report):
            if item.at_ms >= until_ms:
                self._beyond += 1
                continue  # to the end: what is malformed is told
            span.reached_ms = item.at_ms
            yield item

    def _drawn(self, until_ms: int, file: IO[bytes]) -> Iterator[Sendable]:
        settings = self._settings
        listed = settings.accounts
        accounts = None if listed.path is None else [Account(*entry) for entry in listed.entries]
        witness = Witness(
            settings.rules._replace(partitions=1),
            Accounts(accounts, limit=settings.max_accounts),
            only=STATES,
        )
        past = Past(witness, self._every_ms)
        for item in self._within(until_ms):
            if item.kind != "tick":
                file.writelines(
                    line.encode() for line in past.see(item.kind, item.at_ms, item.value)
                )
            yield item
        file.writelines(line.encode() for line in past.end(self._end_ms(until_ms)))
        file.write(b"# EOF\n")

    def _end_ms(self, until_ms: int) -> int:
        """Until when the files know what happened: for the hour of their last event, at least."""
        known_ms = (hour_of(self._span.reached_ms) + 1) * HOUR_MS
        return until_ms if self._beyond else min(until_ms, known_ms)

    def _draw(self, until_ms: int) -> None:
        with ExitStack() as stack:
            items = self._items(until_ms, stack)
            progress = stack.enter_context(Progress([self._span], "drawn"))
            self._say = progress.say
            done = 0
            for done, _ in enumerate(items, 1):
                if done % 4096 == 0:
                    progress.update(done)
        click.echo(f"{counted(done, 'event')} drawn in {self._past}")

    def _report(self, malformed: Malformed) -> None:
        self.malformed += 1
        if self.malformed <= _SHOWN:
            where = f"{malformed.file}:{malformed.line}"
            self._say(f"{where}: {visible(malformed.reason)}")
        elif self.malformed == _SHOWN + 1:
            self._say("More malformed lines are counted, not shown.")

    # -- telling

    def _summarise(self, sent: Sent, outcomes: Mapping[str, int]) -> None:
        seconds = time.monotonic() - self._started
        by_kind = ", ".join(f"{kind} {n:,}" for kind, n in sent.kinds.most_common())
        total = sent.kinds.total()
        click.echo(
            f"Applied {counted(total, 'event')} in {seconds:.1f} s ({total / seconds:,.0f}/s)"
            + (f": {by_kind}" if by_kind else "")
        )
        if other := {name: n for name, n in outcomes.items() if n and name not in _EXPECTED}:
            told = ", ".join(f"{name} {n:,}" for name, n in sorted(other.items()))
            click.echo(f"Not simply applied: {told}; docs/glossary.md says what that is")
        self._tell_left_out()
        if sent.last_ms >= 0:
            now = format_ms(hour_of(sent.last_ms) * HOUR_MS)
            click.echo(
                f"The tables stand at {now}. Start the workers: with CLOSEKNIT_CLOCK=wall, the "
                "default, they go on from there"
            )

    def _tell_left_out(self) -> None:
        left_out = Counter(self._history.left_out)
        if self._beyond:
            left_out["happened after the end (--until)"] = self._beyond
        for why, n in sorted(left_out.items()):
            click.echo(f"{n:,} {why}")
        if self.malformed:
            click.echo(f"Left out: {counted(self.malformed, 'malformed line')}", err=True)


class _Span:
    """A stretch of history, and how far into it we are: see `Measured`."""

    begin_ms = end_ms = reached_ms = 0

    @property
    def size(self) -> int:
        return max(0, self.end_ms - self.begin_ms)

    @property
    def read(self) -> int:
        return max(0, self.reached_ms - self.begin_ms)
