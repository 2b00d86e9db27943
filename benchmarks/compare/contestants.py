"""The engines in one table: how each is started, what it promises, how it was tuned."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from benchmarks.compare import left
from benchmarks.compare.data import Truth
from benchmarks.compare.environments import python_for, version_of
from benchmarks.compare.stage import PARTITIONS, Stage

COMMIT_SECONDS = 5.0
"""How often the peers write down what they know; Closeknit's own default is ten times as often."""


class Job(NamedTuple):
    """One run of one engine over one set of events.

    Attributes:
        stage: the broker.
        prefix: of the source topics.
        events: how many are in them.
        name: of this run; nothing else on the broker has it.
        folder: for its files.
    """

    stage: Stage
    prefix: str
    events: int
    name: str
    folder: Path

    @property
    def changelog(self) -> str:
        """The changelog that Closeknit and the bare loop write."""
        return f"{self.name}-changelog"


Check = Callable[[Job, Mapping[bytes, Truth], int], None]


class Engine(NamedTuple):
    """One row of the comparison.

    Attributes:
        title: as it is printed.
        order: what its program is told, as JSON; None: Closeknit's own worker.
        script: its program in `engines`.
        peer: whose environment it needs; None: ours.
        package: whose version is stated.
        guarantee: what survives a crash at any moment.
        tuned: settings that are not its defaults.
        store: bytes of durable state that it left.
        check: compares what it left with the truth; raises `left.Wrong`.
        part: of the events that it gets, because more would take it too long.
        chosen: settings of Closeknit's own worker.
    """

    title: str
    script: str | None
    guarantee: str
    tuned: str
    order: Callable[[Job], Mapping[str, object]]
    store: Callable[[Job], int]
    check: Check
    peer: str | None = None
    package: str = ""
    part: float = 1.0
    chosen: Mapping[str, str] = {}

    def prepare(self, job: Job) -> None:
        """Create the topics that it does not create itself."""
        if self.script in {None, "bare.py"}:
            changelog, letters = job.stage.planned(job.prefix, job.name)[-2:]
            job.stage.create(changelog, *([letters] if self.script is None else []))

    def command(self, job: Job) -> list[str]:
        """Its command line."""
        if self.script is None:
            return [sys.executable, "-m", "streams", "worker", "--until-caught-up"]
        python = str(python_for(self.peer)) if self.peer else sys.executable
        return [
            python,
            str(Path(__file__).parent / "engines" / self.script),
            json.dumps(self.order(job)),
        ]

    def environment(self, job: Job) -> dict[str, str]:
        """Its environment variables."""
        return closeknit(job, **self.chosen) if self.script is None else {}

    @property
    def version(self) -> str:
        """Of its package, if it is a peer's."""
        return version_of(self.peer, self.package) if self.peer else ""


def closeknit(job: Job, **settings: str) -> dict[str, str]:
    """The environment of a worker: events are the clock, as they are in the past; else defaults."""
    chosen = {
        "broker": job.stage.broker,
        "app": job.name,
        "topic_prefix": job.prefix,
        "partitions": str(PARTITIONS),
        "clock": "event",
        "http_port": "0",
        "data_dir": str(job.folder / "scratch"),
        **settings,
    }
    return {f"CLOSEKNIT_{name.upper()}": value for name, value in chosen.items()}


def _plain(job: Job) -> dict[str, object]:
    return {
        "broker": job.stage.broker,
        "topics": job.stage.topics(job.prefix),
        "events": job.events,
    }


def _grouped(job: Job) -> dict[str, object]:
    return {**_plain(job), "group": job.name, "commit_seconds": COMMIT_SECONDS}


def _bare(job: Job) -> dict[str, object]:
    return {**_grouped(job), "changelog": job.changelog}


def _quix(guarantee: str) -> Callable[[Job], Mapping[str, object]]:
    return lambda job: {
        **_grouped(job),
        "folder": str(job.folder / "state"),
        "guarantee": guarantee,
    }


def _bytewax(job: Job) -> dict[str, object]:
    return {
        "broker": job.stage.broker,
        "topics": job.stage.topics(job.prefix),
        "folder": str(job.folder / "recovery"),
        "commit_seconds": COMMIT_SECONDS,
        "batch_size": 10_000,
    }


def _faust(job: Job) -> dict[str, object]:
    return {**_grouped(job), "folder": str(job.folder / "state"), "partitions": PARTITIONS}


def _one_changelog(job: Job) -> int:
    return job.stage.size(job.changelog)


def _own_changelogs(job: Job) -> int:
    return sum(map(job.stage.size, left.changelogs(job.stage, job.name)))


ENGINES: dict[str, Engine] = {
    "raw": Engine(
        "raw limit: aiokafka fetch + orjson",
        "raw.py",
        "none, keeps nothing",
        "-",
        _plain,
        store=lambda _: 0,
        check=lambda *_: None,
    ),
    "bare": Engine(
        "bare loop: aiokafka, msgspec, dictionary",
        "bare.py",
        "at least once",
        "one changelog record per changed key and commit, every 5 s; gc.freeze()",
        _bare,
        store=_one_changelog,
        check=left.bare,
    ),
    "closeknit": Engine(
        "**Closeknit**",
        None,
        "exactly once",
        "defaults: flush every 0.5 s or 20,000 keys; clock=event",
        lambda _: {},
        store=_one_changelog,
        check=left.closeknit,
    ),
    "closeknit-5s": Engine(
        "Closeknit, flushing as seldom as the others commit",
        None,
        "exactly once",
        "flush every 5 s, however many keys",
        lambda _: {},
        store=_one_changelog,
        check=left.closeknit,
        chosen={"flush_interval": str(COMMIT_SECONDS), "flush_max_dirty": "10000000"},
    ),
    "bytewax": Engine(
        "Bytewax with recovery",
        "bytewax_.py",
        "consistent on its own disk",
        "`stateful_batch`, batches of 10,000, epochs of 5 s, one recovery partition",
        _bytewax,
        store=lambda job: left.folder_size(job.folder / "recovery"),
        check=left.bytewax,
        peer="bytewax",
        package="bytewax",
    ),
    "quix": Engine(
        "Quix Streams, at least once",
        "quix.py",
        "at least once",
        "commit every 5 s, values as bytes parsed by msgspec, RocksDB and changelog",
        _quix("at-least-once"),
        store=_own_changelogs,
        check=left.quix,
        peer="quix",
        package="quixstreams",
    ),
    "quix-eos": Engine(
        "Quix Streams, exactly once",
        "quix.py",
        "exactly once",
        "the same",
        _quix("exactly-once"),
        store=_own_changelogs,
        check=left.quix,
        peer="quix",
        package="quixstreams",
    ),
    "faust": Engine(
        "stock Faust",
        "faust_.py",
        "at least once, with holes",
        "table in memory, commit every 5 s, buffer of 32,768, logging off",
        _faust,
        store=_own_changelogs,
        check=left.faust,
        peer="faust",
        package="faust-streaming",
        part=0.1,
    ),
}
