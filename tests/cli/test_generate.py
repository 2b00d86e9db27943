"""Generate: what it writes, what it sends, what it refuses."""

import gzip
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from schemas.events import decode
from streams.core.placement import partition_of
from streams.settings import load
from streams.synthetic import DEMO, SCENARIOS, Cast, Defects, World, deliveries, labels
from tests.cli.conftest import Closeknit
from tests.cli.kafka import read

SMALL = ("begging", "organic", "--weekly", "60", "--days", "14")


def test_standard_output_has_the_events_and_nothing_else(closeknit: Closeknit) -> None:
    """In their order, one JSON object a line; what there is to say goes to standard error."""
    result = closeknit("generate", *SMALL)
    events = [decode(line.encode()) for line in result.stdout.splitlines()]
    assert len(events) > 300
    assert [event.at for event in events] == sorted(event.at for event in events)
    assert {event.account for event in events} == {"begging", "organic"}
    assert all(event.kind != "tick" for event in events)  # replay sends them
    assert f"Wrote {len(events):,} events" in result.stderr


def test_the_same_arguments_give_the_same_bytes_also_when_packed(
    closeknit: Closeknit, tmp_path: Path
) -> None:
    names = ("one.jsonl", "two.jsonl", "one.jsonl.gz", "two.jsonl.gz")
    for name in names:
        closeknit("generate", *SMALL, "--output", name)
    one, two, packed, again = ((tmp_path / name).read_bytes() for name in names)
    assert one == two
    assert packed == again
    assert gzip.decompress(packed) == one


def _names(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_labels_say_what_happened(closeknit: Closeknit, tmp_path: Path) -> None:
    """One JSON object a line, as the world has them."""
    closeknit("generate", "--world", "demo", "--output", "/dev/null", "--labels", "truth.jsonl")
    found = [json.loads(line) for line in (tmp_path / "truth.jsonl").read_text().splitlines()]
    assert found == [label._asdict() for label in labels(DEMO)]


def test_the_demo_world_can_be_had_as_a_file(closeknit: Closeknit, tmp_path: Path) -> None:
    """Without what a file cannot hold: misrouted records."""
    output = closeknit("generate", "--world", "demo", "--output", "demo.jsonl").stderr
    lines = (tmp_path / "demo.jsonl").read_bytes().splitlines()
    assert lines == [one.value for one in deliveries(DEMO)]
    assert "misrouted 0" in output


def test_several_accounts_of_a_scenario_are_numbered(closeknit: Closeknit) -> None:
    output = closeknit("generate", *SMALL, "--accounts", "2").stdout
    accounts = {json.loads(line)["account"] for line in output.splitlines()}
    assert accounts == {"begging-1", "begging-2", "organic-1", "organic-2"}


def test_every_scenario_is_listed(closeknit: Closeknit) -> None:
    output = closeknit("generate", "--list").output
    for scenario in SCENARIOS.values():
        assert scenario.name in output
        assert scenario.line in output


def test_broken_lines_are_among_the_others(closeknit: Closeknit) -> None:
    """As a broken producer would write them; the summary counts them."""
    result = closeknit(
        "generate", *SMALL, "--malformed", "0.1", "--duplicates", "0.1", "--late", "0.1"
    )
    lines = result.stdout_bytes.splitlines()
    counted = Counter(lines)
    assert max(counted.values()) == 2
    assert "Defects among and beside them: duplicates " in result.stderr
    assert "misrouted 0, malformed " in result.stderr


def test_sent_to_kafka_everything_arrives_and_ticks_end_it(on_broker: Closeknit) -> None:
    """Clean records where they belong, misrouted ones elsewhere, malformed bytes as they are."""
    on_broker("topics", "create")
    rates = ("--malformed", "0.05", "--misrouted", "0.05", "--duplicates", "0.05")
    output = on_broker("generate", *SMALL, "--kafka", *rates).output
    settings = load()
    landed = Counter(
        (kind, record.partition, record.key, record.value)
        for kind, topic in settings.topics.items()
        for record in read(settings, topic)
        if b'"kind":"tick"' not in record.value
    )
    ticks = sum(len(read(settings, topic)) for topic in settings.topics.values()) - landed.total()
    world = World(
        1,
        "2026-01-05",
        14,
        tuple(Cast(name, "", "", name, 60) for name in SMALL[:2]),
        Defects(duplicates=0.05, misrouted=0.05, malformed=0.05),
    )
    sent = list(deliveries(world, 4))
    assert landed == Counter(
        (one.kind, partition_of(one.key, 4), one.key, one.value) for one in sent
    )
    assert ticks == 16  # one for each partition of each topic
    defects = Counter(one.defect for one in sent)
    assert min(defects.values()) > 10
    assert (
        f"duplicates {defects['duplicates']}, late 0, misrouted {defects['misrouted']}, "
        f"malformed {defects['malformed']}"
    ) in output
    assert f"Sent {defects[''] + defects['misrouted']:,} events" in output
    assert "Ticks sent: now is 2026-01-18T" in output


def test_a_file_is_not_overwritten_unless_told_so(closeknit: Closeknit, tmp_path: Path) -> None:
    (tmp_path / "there.jsonl").write_text("precious")
    for option in ("--output", "--labels"):
        refused = closeknit("generate", *SMALL, option, "there.jsonl", expect=2).output
        assert "there.jsonl is there already: choose another name, or say --force" in refused
        assert (tmp_path / "there.jsonl").read_text() == "precious"
    closeknit("generate", *SMALL, "--output", "there.jsonl", "--force")
    assert (tmp_path / "there.jsonl").read_text() != "precious"
    assert _names(tmp_path) == ["there.jsonl"]  # nothing half stays behind


def test_a_reader_that_has_had_enough_is_no_error(tmp_path: Path) -> None:
    """As in `closeknit generate organic | head -1`."""
    command = [sys.executable, "-m", "streams", "generate", "organic", "--weekly", "2000"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        decode(process.stdout.readline())
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "closeknit generate --list shows them"),
        (["fame"], "'fame' is not one of 'organic'"),
        (["organic", "--world", "demo"], "name scenarios"),
        (["--world", "demo", "--seed", "2"], "--seed does not go with --world"),
        (["organic", "--kafka", "--output", "x"], "exclude each other"),
        (["organic", "--misrouted", "0.1"], "--misrouted goes with --kafka"),
        (["organic", "--speed", "9"], "--speed goes with --kafka"),
        (["organic", "--late", "0.7", "--malformed", "0.7"], "add up to more than 1"),
        (["organic", "--late", "7"], "--late"),
        (["organic", "--days", "0"], "--days"),
        (["organic", "--start", "2199-12-01"], "do not end before 2200"),
        (["organic", "--output", "nowhere/x"], "there is no folder nowhere"),
        (["organic", "--output", "x", "--labels", "x"], "the same file"),
    ],
)
def test_a_wrong_command_is_refused_before_anything_is_done(
    arguments: list[str], message: str, closeknit: Closeknit, tmp_path: Path
) -> None:
    """Exit code 2, and no file."""
    assert message in closeknit("generate", *arguments, expect=2).output
    assert _names(tmp_path) == []
