"""Backfill on the command line: what it refuses, what it draws, what it tells."""

from __future__ import annotations

import gzip
from itertools import pairwise
from pathlib import Path

import pytest

from streams.core.partition import Partition, Rules
from streams.core.series import SERIES
from streams.core.time import HOUR_MS, parse_at
from streams.past import Sent
from streams.synthetic import Cast, World, deliveries
from tests.cli.conftest import Closeknit
from tests.cli.test_replay import event

WORLD = World(1, "2026-01-05", 20, (Cast("acme", "Acme", "", "viral", 60),))


@pytest.fixture
def world(tmp_path: Path) -> str:
    """A file of some weeks."""
    file = tmp_path / "world.jsonl"
    file.write_bytes(b"".join(one.value + b"\n" for one in deliveries(WORLD)))
    return str(file)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{world}", "{world}"], "a file is named twice"),
        (["--charts-only", "{world}"], "--charts-only goes with --openmetrics"),
        (["--account", "did:plc:a", "{world}"], "--account goes with files of Jetstream"),
        (["--format", "jetstream", "{world}"], "read as jetstream, which needs --account"),
        (["--format", "jetstream", "--account", "acme", "{world}"], "'acme' is neither a DID"),
        (
            ["--format", "activitystreams", "--account", "did:plc:a", "{world}"],
            "ActivityStreams needs the URL of an actor",
        ),
        (["--openmetrics", "{world}", "{world}"], "is there already: choose another name"),
        (["--openmetrics", "none/past.om", "{world}"], "there is no folder none"),
        (["-"], "'-' does not exist"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    arguments: list[str], message: str, closeknit: Closeknit, world: str
) -> None:
    """Before anything is read or sent."""
    given = [one.format(world=world) for one in arguments]
    output = " ".join(closeknit("backfill", *given, expect=2).output.split())
    assert message in output.replace(world, "{world}")


def test_a_file_in_which_nothing_is_an_event_is_named(
    closeknit: Closeknit, tmp_path: Path, world: str
) -> None:
    (tmp_path / "notes.txt").write_text("Buy milk\n")
    arguments = ["--charts-only", "--openmetrics", "past.om", world, "notes.txt"]
    output = closeknit("backfill", *arguments, expect=3).output
    assert "notes.txt has no event in it, read as jsonl: line 1: not_json" in output
    assert not (tmp_path / "past.om").exists()


def test_the_past_is_drawn_as_it_was_at_each_moment(
    closeknit: Closeknit, tmp_path: Path, world: str
) -> None:
    """Without a broker: every series of the census, by a partition that has read up to then."""
    closeknit("backfill", "--charts-only", "--openmetrics", "past.om.gz", "--every", "6", world)
    drawn: dict[int, dict[str, int]] = {}
    text = gzip.decompress((tmp_path / "past.om.gz").read_bytes()).decode()
    *samples, end = text.splitlines()
    assert end == "# EOF"
    for line in samples:
        series, value, at = line.rsplit(" ", 2)
        drawn.setdefault(round(float(at) * 1000), {})[series] = int(float(value))
    moments = list(drawn)
    assert {after - before for before, after in pairwise(moments)} == {6 * HOUR_MS}
    partition = Partition(0, Rules(partitions=1, clock="wall"))
    sent = list(deliveries(WORLD))
    for moment in moments:
        while sent and sent[0].at_ms < moment:
            one = sent.pop(0)
            partition.apply(one.kind, [Sent(one.value, one.at_ms)], moment - 1)
        partition.tell_time(moment - 1)
        partition.settle()
        for series, n in zip(SERIES, partition.census.read("acme", partition.clock), strict=True):
            labels = "".join(f',{name}="{value}"' for name, value in series.labels)
            assert drawn[moment][f'{series.name}{{account="acme"{labels}}}'] == n
    assert sent == []


def test_what_is_drawn_ends_where_it_is_told_to(
    closeknit: Closeknit, tmp_path: Path, world: str
) -> None:
    until = "2026-01-10T12:00:00Z"
    arguments = ["--charts-only", "--openmetrics", "past.om", "--until", until, world]
    output = closeknit("backfill", *arguments).output
    assert "happened after the end (--until)" in output
    last = (tmp_path / "past.om").read_text().splitlines()[-2]
    assert float(last.rpartition(" ")[2]) * 1000 == parse_at(until)


def test_malformed_lines_are_told_counted_and_left_out(
    closeknit: Closeknit, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.jsonl"
    bad.write_text("\n".join([event(), *["\x1b[31mnonsense"] * 25]))
    arguments = ["--charts-only", "--openmetrics", "past.om", str(bad)]
    output = closeknit("backfill", *arguments, expect=1).output
    assert f"{bad}:2: not_json: " in output
    assert f"{bad}:22: " not in output
    assert "\x1b" not in output
    assert "Left out: 25 malformed lines" in output
