"""Replay: where events land, what ends it, what it reports."""

import gzip
import json
from collections import Counter
from pathlib import Path
from time import monotonic

import pytest

from schemas.events import decode
from streams.cli.progress import Progress
from streams.core.placement import partition_of
from streams.replay import at_rate, at_speed
from streams.settings import load
from streams.synthetic import Cast, World, deliveries
from tests.cli.conftest import Closeknit
from tests.cli.kafka import read


def event(n: int = 1, **fields: object) -> str:
    defaults = {
        "kind": "like",
        "id": str(n),
        "account": "acme",
        "member": f"member{n}",
        "at": f"2026-07-04T14:00:{n % 60:02}Z",
    }
    return json.dumps(defaults | fields)


def test_each_event_lands_in_its_topic_and_partition_in_order_and_ticks_end_it(
    on_broker: Closeknit, tmp_path: Path
) -> None:
    """A whole world: canonical keys, murmur2, values byte for byte, one tick everywhere."""
    world = World(1, "2026-07-01", 14, (Cast("acme", "Acme", "", "viral"),))
    sent = [one.value for one in deliveries(world)]
    packed = tmp_path / "world.jsonl.gz"
    packed.write_bytes(gzip.compress(b"\n".join(sent)))
    on_broker("topics", "create")
    output = on_broker("replay", str(packed)).output
    assert f"Sent {len(sent):,} events" in output
    settings = load()
    landed: Counter[bytes] = Counter()
    for kind, topic in settings.topics.items():
        records = read(settings, topic)
        by_partition = {n: [r for r in records if r.partition == n] for n in range(4)}
        for number, (*events, tick) in by_partition.items():
            last_hour = decode(sent[-1]).at[:13]
            assert decode(tick.value).kind == "tick"
            assert decode(tick.value).at == f"{last_hour}:00:00.000Z"
            assert tick.key is None
            times = []
            for record in events:
                found = decode(record.value)
                assert found.kind == kind
                assert record.key == f"{found.account} {found.member}".encode()
                assert partition_of(record.key, 4) == number
                times.append(found.at)
                landed[record.value] += 1
            assert times == sorted(times)
    assert landed == Counter(sent)


def test_malformed_lines_are_reported_counted_and_set_the_exit_code(
    on_broker: Closeknit, tmp_path: Path
) -> None:
    """The first twenty are shown; the good lines around them are sent."""
    on_broker("topics", "create")
    good, bad = tmp_path / "good.jsonl", tmp_path / "bad.jsonl"
    good.write_text(event() + "\n")
    bad.write_text("\n".join([event(2), *["\x1b[31mnonsense"] * 25, event(3)]))
    result = on_broker("replay", str(good), str(bad), expect=1)
    assert f"{bad}:2: not_json: " in result.output
    assert f"{bad}:21: " in result.output
    assert f"{bad}:22: " not in result.output
    assert "\x1b" not in result.output
    assert "Left out: 25 malformed lines" in result.output
    assert "Sent 3 events" in result.output


def test_standard_input_and_csv_are_read(on_broker: Closeknit, tmp_path: Path) -> None:
    """The name chooses the format, unless it is said."""
    on_broker("topics", "create")
    table = tmp_path / "events.csv"
    table.write_text(
        "kind,id,account,member,at\nshare,1,acme,ada,2026-07-04T14:00:00Z\n", encoding="utf-8"
    )
    assert "share 1" in on_broker("replay", str(table)).output
    assert "like 1" in on_broker("replay", "-", input=event()).output
    assert "like 1, share 1" in on_broker("replay", "-", str(table), input=event()).output


def test_a_wrong_format_is_suspected_when_nothing_was_an_event(on_broker: Closeknit) -> None:
    """Jetstream lines and CSV look alike to whoever reads JSON lines: all wrong."""
    on_broker("topics", "create")
    commit = '{"did":"did:plc:a","time_us":1,"kind":"commit"}'
    assert "is --format the right one?" in on_broker("replay", "-", input=commit, expect=1).output
    mixed = f"{commit}\n{event()}"
    assert "--format" not in on_broker("replay", "-", input=mixed, expect=1).output


def test_large_values_are_sent_in_batches_of_their_own(on_broker: Closeknit) -> None:
    """Beyond a batch, within what a broker takes: the worker decides."""
    on_broker("topics", "create")
    large = [event(n, note="x" * 900_000) for n in range(3)]
    on_broker("replay", "-", input="\n".join([event(7), *large, event(8)]))
    settings = load()
    found = [record.value for record in read(settings, settings.topics["like"])]
    assert {value.decode() for value in found} >= {event(7), *large, event(8)}


def test_an_empty_input_sends_nothing_at_all(on_broker: Closeknit) -> None:
    """No event, no time: no tick."""
    on_broker("topics", "create")
    assert on_broker("replay", "-", input="\n").output.startswith("Sent 0 events")
    settings = load()
    assert [read(settings, topic) for topic in settings.topics.values()] == [[], [], [], []]


def test_a_tick_in_the_input_goes_to_every_partition(on_broker: Closeknit) -> None:
    """At its place, before the ticks of the end."""
    on_broker("topics", "create")
    on_broker("replay", "-", input='{"kind":"tick","at":"2026-07-04T14:30:00Z"}')
    settings = load()
    for topic in settings.topics.values():
        times = [(record.partition, decode(record.value).at) for record in read(settings, topic)]
        assert times == [
            (number, at)
            for number in range(4)
            for at in ("2026-07-04T14:30:00.000Z", "2026-07-04T14:00:00.000Z")
        ]


def test_a_rate_is_kept(on_broker: Closeknit) -> None:
    """Eleven events at 20 a second take half a second."""
    on_broker("topics", "create")
    started = monotonic()
    on_broker("replay", "-", "--rate", "20", input="\n".join(map(event, range(11))))
    assert monotonic() - started >= 0.5


def test_a_slow_replay_shows_each_step(
    on_broker: Closeknit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not only whole blocks: at one event a second a block lasts half an hour."""
    on_broker("topics", "create")
    seen: list[int] = []
    monkeypatch.setattr(Progress, "update", lambda _, sent: seen.append(sent))
    on_broker("replay", "-", "--rate", "20", input="\n".join(map(event, range(4))))
    assert seen == [1, 2, 3, 4]


def test_paces() -> None:
    """When records are due, in seconds after the start."""
    rate = at_rate(50)
    assert [rate(n, 0) for n in (0, 1, 100)] == [0, 0.02, 2]
    speed = at_speed(3600)
    #  an hour of events in a second; the third came late and is due in the past
    assert [speed(0, at) for at in (1_000, 3_601_000, 2_000)] == [0, 1, 1 / 3600]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent.jsonl"], "does not exist"),
        (["-", "--format", "jetstream"], "needs --account"),
        (["-", "--format", "jetstream", "--account", "me"], "'me' is no DID"),
        (["-", "--account", "all"], "goes with --format jetstream"),
        (["-", "--rate", "1", "--speed", "1"], "exclude each other"),
        (["-", "--rate", "0"], "--rate"),
        ([], "Missing argument"),
    ],
)
def test_a_wrong_command_is_refused_before_anything_is_sent(
    arguments: list[str], message: str, closeknit: Closeknit
) -> None:
    """No broker is needed to say so: exit code 2."""
    assert message in closeknit("replay", *arguments, expect=2).output


def test_missing_topics_are_not_created_by_accident(on_broker: Closeknit) -> None:
    """A mistyped prefix must not litter a cluster."""
    output = on_broker("replay", "-", input=event(), expect=3).output
    assert "run `closeknit topics create`" in output
    assert "is missing" in on_broker("topics", "check", expect=1).output


def test_topics_with_another_number_of_partitions_are_refused(
    on_broker: Closeknit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events would land where no worker of these settings looks for them."""
    on_broker("topics", "create")
    monkeypatch.setenv("CLOSEKNIT_PARTITIONS", "8")
    output = on_broker("replay", "-", input=event(), expect=3).output
    assert "has 4 partitions, the settings say 8" in output
