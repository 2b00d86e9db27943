"""What an engine left behind, read back and compared with a recount: durable state, not promises.

A figure of an engine whose counts are wrong is worth nothing, so there is none: `Wrong` is raised.
"""

from __future__ import annotations

import asyncio
import json
import pickle
import sqlite3
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.compare.data import Truth, in_horizon
from streams.changelog import read_changelog
from streams.core.kinds import INTERACTIONS
from streams.core.packing import ID
from streams.core.relationship import KEPT, Relationship

if TYPE_CHECKING:
    from benchmarks.compare.contestants import Job
    from benchmarks.compare.stage import Stage

_SHOWN = 3


class Wrong(Exception):
    """An engine's counts are not those of its input; the message shows some."""


State = list[int]
"""`engines.work`: likes, replies, shares, follows, last day, bitmap."""


def bare(job: Job, truth: Mapping[bytes, Truth], _: int) -> None:
    """The bare loop's changelog."""
    found = {record.key: json.loads(record.value) for record in job.stage.read(job.changelog)}
    compare(found, truth)


def quix(job: Job, truth: Mapping[bytes, Truth], _: int) -> None:
    """Quix Streams' changelog: the record's key is the message's, a bar, the name in the state."""
    found = {}
    for topic in changelogs(job.stage, job.name):
        for record in job.stage.read(topic):
            key, _bar, _name = record.key.rpartition(b"|")
            if key in truth or _name.strip(b'"') == b"counts":
                found[key] = json.loads(record.value)
    compare(found, truth)


def faust(job: Job, truth: Mapping[bytes, Truth], _: int) -> None:
    """Faust's changelog: keys and values as JSON."""
    found: dict[bytes, State] = {}
    for topic in changelogs(job.stage, job.name):
        for record in job.stage.read(topic):
            found[json.loads(record.key).encode()] = json.loads(record.value)
    compare(found, truth)


def bytewax(job: Job, truth: Mapping[bytes, Truth], _: int) -> None:
    """Bytewax's recovery partition: the last snapshot of each key."""
    found: dict[bytes, State] = {}
    for file in (job.folder / "recovery").glob("part-*.sqlite3"):
        with sqlite3.connect(file) as database:
            rows = database.execute(
                "SELECT state_key, ser_change FROM snaps WHERE step_id LIKE 'counts.count%' "
                "AND ser_change IS NOT NULL ORDER BY snap_epoch"
            )
            for key, pickled in rows:
                found[key.encode()] = pickle.loads(pickled)
        database.close()
    compare(found, truth)


def closeknit(job: Job, truth: Mapping[bytes, Truth], clock: int) -> None:
    """Closeknit's changelog: totals by kind, open follows, active days of the last 28."""
    changelog = asyncio.run(read_changelog(job.stage.connection, job.changelog, 4))
    if changelog.clock != clock:
        raise Wrong(f"the clock is {changelog.clock}, the last event is of hour {clock}")
    found, wanted = {}, {}
    for key, value in changelog.values.items():
        relationship = Relationship.unpack(value)
        counts = relationship.counts(clock)
        totals = dict.fromkeys(("like", "reply", "share"), 0)
        for kind, direction in INTERACTIONS:
            totals[kind] += counts[direction][kind]["total"]
        follows = (len(relationship.open_in) + len(relationship.open_out)) // ID
        found[key] = (
            [*totals.values(), follows],
            relationship.following,
            relationship.active_days(clock),
        )
    for key, one in truth.items():
        *totals_, follows = one.counts
        if follows > KEPT:  # of more open follows, the oldest are forgotten on purpose
            follows = found.get(key, ([follows], False, 0))[0][-1]
        days = in_horizon(one.inbound_days, clock)
        wanted[key] = ([*totals_, follows], one.followed, days)
    _same(found, wanted)


def changelogs(stage: Stage, name: str) -> Iterator[str]:
    """The changelog topics that a peer made for itself."""
    return (topic for topic in stage.existing() if name in topic and "changelog" in topic)


def folder_size(folder: Path) -> int:
    """Bytes of the files in a folder."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def compare(found: Mapping[bytes, State], truth: Mapping[bytes, Truth]) -> None:
    """Compare states of `engines.work` with the truth.

    Raises:
        Wrong: they differ.
    """
    _same(
        {key: (state[:4], _days(state)) for key, state in found.items()},
        {key: (one.counts, one.days) for key, one in truth.items()},
    )


def _days(state: State) -> set[date]:
    *_, last, bitmap = state
    return {date.fromordinal(last) - timedelta(days=ago) for ago in range(56) if bitmap >> ago & 1}


def _same(found: Mapping[bytes, object], wanted: Mapping[bytes, object]) -> None:
    wrong = [key for key in found.keys() | wanted.keys() if found.get(key) != wanted.get(key)]
    if wrong:
        shown = "\n".join(
            f"  {key.decode(errors='replace')}: {found.get(key)}, not {wanted.get(key)}"
            for key in sorted(wrong)[:_SHOWN]
        )
        raise Wrong(f"{len(wrong)} of {len(wanted)} relationships are wrong:\n{shown}")
