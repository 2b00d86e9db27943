"""The gateway as a process: killed, shut out, started wrongly."""

from __future__ import annotations

import http.client
import json
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from random import Random

import pytest

from streams.settings import load
from tests.brokers.clients import create_topic
from tests.cli.conftest import Closeknit, closeknit, on_broker
from tests.cli.kafka import Put, read, write
from tests.conftest import Broker
from tests.engine.system import System, Worker, await_that
from tests.engine.test_recorded import assert_equal_to_the_recount
from tests.sources.live.contract import delivered, recounted
from tests.sources.test_mapping import EXAMPLES

__all__ = ["closeknit", "on_broker"]

KILLS = 3
PER_REQUEST = 5
OPEN = "--insecure-no-auth"

NewSystem = Callable[..., System]


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        found: int = free.getsockname()[1]
        return found


class Sender:
    """Pushes batch after batch, each again and again until it is acknowledged."""

    def __init__(self, port: int, number: int) -> None:
        self.acknowledged: list[dict[str, object]] = []
        self.repeated = 0
        self._port = port
        self._number = number
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        for batch in count():
            events = [self._event(batch * PER_REQUEST + n) for n in range(PER_REQUEST)]
            while not push(self._port, events):
                self.repeated += 1
                if self._enough.wait(0.05):
                    return
            self.acknowledged += events
            if self._enough.is_set():
                return

    def _event(self, n: int) -> dict[str, object]:
        return {
            **{"kind": "like", "id": f"{self._number}-{n}", "account": "acme"},
            **{"member": f"member-{n % 97}", "at": f"2026-03-01T12:{n % 60:02}:00Z"},
        }

    def stop(self) -> None:
        self._enough.set()
        self._thread.join()


def push(port: int, events: object) -> bool:
    """Whether it was acknowledged."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        body = json.dumps(events)
        connection.request("POST", "/events", body, {"Content-Type": "application/json"})
        return connection.getresponse().status == 202
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@pytest.fixture
def senders(port: int) -> Iterator[list[Sender]]:
    made = [Sender(port, number) for number in range(4)]
    yield made
    for sender in made:
        sender.stop()


@pytest.mark.kafka
def test_killed_at_any_moment_it_has_lost_nothing_that_it_acknowledged(
    real_kafka: Broker, new_system: NewSystem, port: int, senders: list[Sender]
) -> None:
    """And what was sent again changes nothing: the tables hold each event once."""
    system = new_system(real_kafka, partitions=1)
    random = Random(7)

    def acknowledged() -> int:
        return sum(len(sender.acknowledged) for sender in senders)

    gateway = start(system, port)
    for _ in range(KILLS):
        enough = acknowledged() + random.randint(20, 200)
        await_that(lambda: acknowledged() >= enough, "it takes events")  # noqa: B023
        gateway.kill()
        gateway = start(system, port)
    enough = acknowledged() + 50
    await_that(lambda: acknowledged() >= enough, "it takes events again")
    for sender in senders:
        sender.stop()
    gateway.signal(signal.SIGTERM)
    assert gateway.wait() == 0, gateway.said()[-3000:]

    assert sum(sender.repeated for sender in senders) > 0
    told = [event for sender in senders for event in sender.acknowledged]
    # The last batches may have been committed without a word.
    once = {event.id: event for event in delivered(system)["like"]}
    assert {event["id"] for event in told} <= once.keys()
    system.catch_up()
    assert_equal_to_the_recount(system, recounted(once.values()))


def as_json(id: str) -> dict[str, object]:
    return {"kind": "like", "id": id, "account": "acme"}


def start(system: System, port: int) -> Worker:
    return system.source("webhooks", "--listen", f"127.0.0.1:{port}", OPEN)


def test_a_second_process_of_the_same_name_shuts_the_first_out(
    embedded_broker: Broker, new_system: NewSystem, port: int
) -> None:
    """The first acknowledges nothing more, and ends."""
    system = new_system(embedded_broker, partitions=1)
    first = start(system, port)
    event = {**as_json("1"), "member": "ada", "at": "2026-03-01T12:00:00Z"}
    await_that(lambda: push(port, event), "the first takes events")
    second = system.source("webhooks", "--listen", "127.0.0.1:0", OPEN)
    await_that(lambda: "Listening" in second.said(), "the second listens")
    assert not push(port, {**event, "id": "2"})
    assert first.wait() == 75
    assert "two need different names" in first.said()
    second.signal(signal.SIGTERM)
    assert second.wait() == 0
    assert [one.id for one in delivered(system)["like"]] == ["1"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "anybody could push"),
        ([OPEN, "--listen", "0.0.0.0:0"], "anybody could push"),
        (["--listen", "8080"], "not of the form HOST:PORT"),
        (["--listen", "127.0.0.1:99999"], "not of the form HOST:PORT"),
        (["--mapping", "segment.toml"], "not of the form NAME=FILE"),
        (["--mapping", "a=nowhere.toml"], "nowhere.toml cannot be read"),
        (["--mapping", "a=bad.toml"], "bad.toml:1: rule 1: has no kind, no id"),
        (["--account", "a b"], "no id of an actor"),
        (["--signature-header", "a b"], "no name of a header"),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_done(
    closeknit: Closeknit, arguments: list[str], says: str, tmp_path: Path
) -> None:
    (tmp_path / "bad.toml").write_text("[[rule]]\n")
    assert says in closeknit("source", "webhooks", *arguments, expect=2).output


def test_a_secret_that_can_be_guessed_is_not_taken(
    closeknit: Closeknit, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor shown."""
    monkeypatch.setenv("CLOSEKNIT_WEBHOOK_SECRET", "hunter2")
    output = closeknit("source", "webhooks", expect=2).output
    assert "CLOSEKNIT_WEBHOOK_SECRET" in output
    assert "16 characters or more" in output
    assert "hunter2" not in output


def test_a_dry_run_shows_what_becomes_of_each_sample(closeknit: Closeknit) -> None:
    """In words, and for machines; one that is refused makes the exit code 1."""
    arguments = ["--mapping", f"{EXAMPLES / 'segment.toml'}"]
    arguments += ["--sample", f"{EXAMPLES / 'segment.jsonl'}"]
    output = closeknit("source", "topic", *arguments, expect=1).output
    assert "refused  missing_field: rule 1 (line 12): member: userId gives nothing" in output
    assert "7 records: 5 events, 1 refused, 1 to which no rule applies" in output
    documents = [
        json.loads(line)
        for line in closeknit(
            "source", "topic", *arguments, "--format", "json", expect=1
        ).output.splitlines()
    ]
    assert [len(one["events"]) for one in documents] == [1, 1, 1, 1, 1, 0, 0]
    assert documents[-1]["refused"]["reason"] == "missing_field"


def test_a_dry_run_reads_a_topic_and_writes_nothing(on_broker: Closeknit, tmp_path: Path) -> None:
    """The first records of each partition; and none of Closeknit's own topics."""
    on_broker("topics", "create")
    settings = load()
    topic = f"{settings.app}-foreign"
    create_topic(settings.broker, topic, 2)
    line = (EXAMPLES / "segment.jsonl").read_bytes().splitlines()[0]
    write(settings, [Put(topic, n % 2, None, line) for n in range(10)])
    arguments = ["--mapping", f"{EXAMPLES / 'segment.toml'}", "--dry-run", "--limit", "3"]
    output = on_broker("source", "topic", "--from", topic, *arguments).output
    assert f"{topic}/1/2\n" in output
    assert "Nothing was written. 6 records: 6 events" in output
    assert read(settings, settings.topics["like"]) == []
    ours = on_broker("source", "topic", "--from", settings.dead_letters, *arguments, expect=2)
    assert "a topic of Closeknit's own" in ours.output
    gone = on_broker("source", "topic", "--from", "nowhere", *arguments, expect=3)
    assert "nowhere" in gone.output
