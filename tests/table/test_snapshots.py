"""A restart from a snapshot and the rest of the changelog is one from the whole changelog."""

import asyncio
import errno
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.core.partition import Partition, Rules
from streams.core.partition_record import PartitionRecord, Position
from streams.metrics.meters import Meters
from streams.table import snapshot_file, snapshots
from streams.table.lease import Lease
from streams.table.snapshots import HOUR_MS, Found, Snapshots

HERE = "closeknit-changelog"
ID = "kPq"
OPEN: list[Snapshots] = []
"""What a test has used, for the directory is let go of by its end."""


async def at_once(function: Callable[..., Any], *arguments: Any) -> Any:
    """Stand in for a thread, so that a story has one order of things."""
    await asyncio.sleep(0)
    return function(*arguments)


@pytest.fixture(autouse=True)
def in_small_bites(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setattr(snapshots, "BITE", 2)
        patch.setattr(snapshots, "REST", 0)
        patch.setattr(snapshots.asyncio, "to_thread", at_once)
        yield
    while OPEN:
        OPEN.pop().close()


class Worker:
    """A lease, its snapshots, and a changelog in place of a broker: what a worker does to them."""

    def __init__(self, folder: Path, changelog: list[tuple[bytes, bytes]], **kept: Any) -> None:
        self.changelog = changelog
        self.meters = Meters()
        self.now = kept.pop("now", 1_772_000_000_000)
        self.id: str | None = kept.pop("id", ID)
        self.start = kept.pop("start", 0)
        self.snapshots = Snapshots(folder, HERE, 1, self.meters, lambda: self.now)
        OPEN.append(self.snapshots)
        self.lease = lease(kept.pop("number", 0))
        self.on_its_way: list[tuple[bytes, bytes]] | None = None
        self.covers = False
        self.written = 0

    async def recover(self) -> int:
        """Recover as a worker does; return how many changelog records that took."""
        end = len(self.changelog)
        found = Found(self.id, self.start, end)
        read_on = await self.snapshots.load(self.lease, found, lambda: True)
        for key, value in self.changelog[read_on:]:
            if key == b"record":
                self.lease.flushed = PartitionRecord.decode(value)
            else:
                self.lease.state.restore(key, value)
        self.lease.reached = end
        self.snapshots.recovered(self.lease, end - read_on)
        return end - read_on

    def change(self, key: int) -> None:
        """Change a relationship in memory."""
        self.written += 1
        name = b"brand m%d" % key
        self.lease.state.relationships[name] = b"%d" % self.written
        self.dirty = {**getattr(self, "dirty", {}), name: self.lease.state.relationships[name]}

    def begin_flush(self) -> None:
        """Take what is dirty."""
        if self.on_its_way is None:
            self.covers = self.snapshots.flushing(self.lease)
            dirty, self.dirty = getattr(self, "dirty", {}), {}
            self.on_its_way = list(dirty.items())

    def end_flush(self) -> None:
        """Commit it: only from now on it is in the changelog."""
        if self.on_its_way is None:
            return
        records, self.on_its_way = self.on_its_way, None
        if records:
            record = PartitionRecord(
                clock=1, next={"likes": Position(len(self.changelog))}, settings={}
            )
            self.changelog += [*records, (b"record", record.encode())]
            self.lease.flushed, self.lease.reached = record, len(self.changelog)
        self.snapshots.flushed(self.lease, covers=self.covers, records=len(records))

    async def flush(self) -> None:
        """Flush until a snapshot that is due would be there."""
        for _ in range(20):
            self.begin_flush()
            self.end_flush()
            await rounds(8)

    @property
    def state(self) -> tuple[dict[bytes, bytes], PartitionRecord | None]:
        return self.lease.state.relationships, self.lease.flushed


def lease(number: int) -> Lease:
    return Lease(number, Partition(number, Rules(partitions=12)), cast(Any, None))


async def rounds(n: int) -> None:
    """Let the copy go on for so many steps."""
    for _ in range(n):
        await asyncio.sleep(0)


async def read_anew(changelog: list[tuple[bytes, bytes]]) -> tuple[Any, Any]:
    worker = Worker(Path("/nowhere"), changelog, id=None)
    await worker.recover()
    return worker.state


async def a_snapshot(folder: Path, **kept: Any) -> list[tuple[bytes, bytes]]:
    """Leave a snapshot of five relationships, and return the changelog."""
    worker = Worker(folder, [], **kept)
    await worker.recover()
    for key in range(5):
        worker.change(key)
    await worker.flush()
    worker.snapshots.close()
    assert (folder / f"{worker.lease.number}.snapshot").exists()
    return worker.changelog


moves = st.lists(
    st.one_of(
        st.integers(0, 9).map(lambda key: ("change", key)),
        st.just(("begin", 0)),
        st.just(("end", 0)),
        st.integers(1, 6).map(lambda steps: ("go on", steps)),
        st.just(("kill", 0)),
    ),
    max_size=120,
)


@given(moves)
def test_killed_at_any_moment_it_restarts_as_if_it_had_read_the_whole_changelog(
    tmp_path_factory, story
):
    """Whatever a copy has taken by then, committed or not, finished or not."""
    folder = tmp_path_factory.mktemp("snapshots")

    async def play() -> None:
        worker = Worker(folder, [])
        await worker.recover()
        for move, n in [*story, ("kill", 0)]:
            if move == "change":
                worker.change(n)
            elif move == "begin":
                worker.begin_flush()
            elif move == "end":
                worker.end_flush()
            elif move == "go on":
                await rounds(n)
            else:
                worker.snapshots.lost(0)
                worker.snapshots.close()
                worker = Worker(folder, worker.changelog)
                await worker.recover()
                assert worker.state == await read_anew(worker.changelog)

    asyncio.run(play())


def test_a_restart_reads_what_came_after_the_snapshot_and_no_more(tmp_path):
    async def play() -> None:
        changelog = await a_snapshot(tmp_path)
        later = Worker(tmp_path, [*changelog, (b"brand m2", b"later")])
        assert await later.recover() == 1
        assert later.lease.state.relationships[b"brand m2"] == b"later"
        assert len(later.lease.state.relationships) == 5
        assert later.lease.positions == {"likes": Position(0)}

    asyncio.run(play())


def test_a_value_that_is_not_committed_is_in_no_snapshot_until_it_is(tmp_path):
    """A copy that has taken one waits for the flush that commits it."""

    async def play() -> None:
        worker = Worker(tmp_path, [])
        await worker.recover()
        worker.change(1)
        worker.begin_flush()
        worker.end_flush()
        worker.change(1)
        worker.begin_flush()
        await rounds(50)
        worker.end_flush()  # it began before all was taken, so it may not hold all of it
        worker.change(1)
        await rounds(50)
        assert not list(tmp_path.glob("*.snapshot"))
        worker.begin_flush()
        worker.end_flush()
        await rounds(50)
        assert list(tmp_path.glob("*.snapshot"))

    asyncio.run(play())


@pytest.mark.parametrize("at", range(0, 400, 7))
def test_a_damaged_one_is_passed_over_said_so_and_replaced(tmp_path, caplog, at):
    """Wherever the damage is."""

    async def play() -> None:
        changelog = await a_snapshot(tmp_path)
        path = tmp_path / "0.snapshot"
        whole = bytearray(path.read_bytes())
        whole[at % len(whole)] ^= 4
        path.write_bytes(whole)
        worker = Worker(tmp_path, changelog)
        assert await worker.recover() == len(changelog)
        assert "0.snapshot is not used" in caplog.text
        assert worker.state == await read_anew(changelog)
        await worker.flush()
        worker.snapshots.close()
        assert await Worker(tmp_path, changelog).recover() == 0

    asyncio.run(play())


@pytest.mark.parametrize(
    ("unlike", "why"),
    [
        ({"id": "other"}, "deleted and created anew"),
        ({"start": 7}, "goes on at offset 6, and the changelog has 7 to 13"),
        ({"now": 1_772_000_000_000 + 13 * HOUR_MS}, "13.0 h old"),
        ({"now": 1_772_000_000_000 - 1}, "h old"),
        ({"lost": 1}, "goes on at offset 6, and the changelog has 0 to 5"),
        ({"format": 99}, "format"),
        ({"changelog": "another-changelog"}, "another-changelog"),
    ],
    ids=lambda value: value if isinstance(value, str) else next(iter(value)),
)
def test_one_that_does_not_fit_the_changelog_is_passed_over_and_why_is_said(
    tmp_path, caplog, monkeypatch, unlike, why
):
    async def play() -> None:
        changelog = await a_snapshot(tmp_path)
        known = dict(unlike)
        changelog += [(b"brand m9", b"later")] * known.get("start", 0)
        if "format" in known:
            monkeypatch.setattr(snapshots, "FORMAT", known.pop("format"))
        if "changelog" in known:
            monkeypatch.setattr(f"{__name__}.HERE", known.pop("changelog"))
        del changelog[len(changelog) - known.pop("lost", 0) :]
        worker = Worker(tmp_path, changelog, **known)
        assert await worker.recover() == len(changelog) - worker.start
        assert why in caplog.text

    asyncio.run(play())


def test_one_of_another_partition_is_passed_over(tmp_path, caplog):
    """Somebody has moved files about."""

    async def play() -> None:
        changelog = await a_snapshot(tmp_path)
        (tmp_path / "0.snapshot").rename(tmp_path / "4.snapshot")
        assert await Worker(tmp_path, changelog, number=4).recover() == len(changelog)
        assert "it is of partition 0" in caplog.text

    asyncio.run(play())


def test_one_that_knows_more_than_the_changelog_is_passed_over(tmp_path, caplog):
    """The broker lost what was committed while the copy was made."""

    async def play() -> None:
        worker = Worker(tmp_path, [])
        await worker.recover()
        worker.change(1)
        worker.begin_flush()
        worker.end_flush()
        worker.change(2)
        await rounds(50)
        worker.begin_flush()
        worker.end_flush()
        await rounds(50)
        worker.snapshots.close()
        del worker.changelog[2:]
        again = Worker(tmp_path, worker.changelog)
        assert await again.recover() == 2
        assert "the broker lost records" in caplog.text
        assert set(again.lease.state.relationships) == {b"brand m1"}

    asyncio.run(play())


def test_without_a_topic_id_there_are_no_snapshots(tmp_path):
    """A broker that forgets its topics could not be told from one that does not."""

    async def play() -> None:
        worker = Worker(tmp_path / "snapshots", [], id=None)
        await worker.recover()
        worker.change(1)
        await worker.flush()
        assert not list(tmp_path.iterdir())

    asyncio.run(play())


def test_a_directory_is_used_by_one_process_only_and_the_other_says_so(tmp_path, caplog):
    async def play() -> None:
        first, second = Worker(tmp_path, []), Worker(tmp_path, [])
        await first.recover()
        await second.recover()
        assert "give each worker a CLOSEKNIT_DATA_DIR of its own" in caplog.text
        assert second.meters.snapshot_failures == 1
        second.change(1)
        await second.flush()
        assert not list(tmp_path.glob("*.snapshot"))

    asyncio.run(play())


def test_a_disk_that_refuses_is_complained_of_once_and_tried_again_later(
    tmp_path, caplog, monkeypatch
):
    """The worker goes on; nothing is left behind, and the last good snapshot stays."""
    caplog.set_level(logging.WARNING)

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    async def play() -> None:
        await a_snapshot(tmp_path)
        before = (tmp_path / "0.snapshot").read_bytes()
        monkeypatch.setattr(snapshot_file.Writer, "add", full)
        monkeypatch.setattr(snapshots, "RETRY_AFTER", 0.0)
        worker = Worker(tmp_path, [])
        await worker.recover()
        caplog.clear()
        for key in range(3):
            worker.change(key)
            await worker.flush()
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        assert "No space left on device" in caplog.text
        assert "Make room there" in caplog.text
        assert worker.meters.snapshot_failures > 1
        await asyncio.get_running_loop().shutdown_default_executor()
        assert {found.name for found in tmp_path.iterdir()} == {"0.snapshot", "lock"}
        assert (tmp_path / "0.snapshot").read_bytes() == before

    asyncio.run(play())


def test_a_directory_that_cannot_be_made_is_complained_of(tmp_path, caplog):
    (tmp_path / "file").write_text("in the way")

    async def play() -> None:
        worker = Worker(tmp_path / "file" / "snapshots", [])
        await worker.recover()
        worker.change(1)
        await worker.flush()
        assert "No snapshot could be written" in caplog.text

    asyncio.run(play())


def test_what_a_crash_left_and_what_is_too_old_is_cleared_out(tmp_path):
    async def play() -> None:
        (tmp_path / "3.7.part").write_bytes(b"half")
        (tmp_path / "5.snapshot").write_bytes(b"of a partition that moved away long ago")
        worker = Worker(tmp_path, [], now=4_102_444_800_000)
        await worker.recover()
        assert {found.name for found in tmp_path.iterdir()} == {"lock"}

    asyncio.run(play())


def test_a_snapshot_is_renewed_after_as_many_changes_as_it_holds_or_when_old(tmp_path):
    """Not at every flush: that would be as much to write as there is to know."""

    async def play() -> None:
        changelog = await a_snapshot(tmp_path)
        worker = Worker(tmp_path, changelog)
        await worker.recover()

        async def renewed() -> bool:
            before = worker.meters.snapshots[0].taken_ms
            worker.now += 1
            await worker.flush()
            return worker.meters.snapshots[0].taken_ms != before

        for _ in range(5):
            assert not await renewed()
            worker.change(1)
        assert await renewed()
        assert not await renewed()
        worker.now += 7 * HOUR_MS
        assert await renewed()

    asyncio.run(play())
