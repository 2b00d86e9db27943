"""Bluesky, live: the same events whatever happens to the connection, the server or the process."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from schemas.events import Reason
from streams.sources.jetstream import GONE_KEPT_US, KEPT_US, Watch
from streams.sources.jetstream_wire import read_v1, read_v2
from streams.sources.live.bluesky import _tid_us
from streams.sources.live.jetstream import LOOK_BACK_US, Protocol
from streams.sources.live.source import SourceFailed
from tests.brokers.clients import run
from tests.engine.system import await_that
from tests.sources.live.jetstream_server import JetstreamServer, as_v2
from tests.sources.live.life import GARBAGE, QUICK, Life, expected, recent
from tests.sources.live.recording import ACCOUNTS, START_US, recording, tid

SAMPLE = Path(__file__).parents[3] / ".." / "shared" / "data" / "jetstream-v1-sample.jsonl"

Play = Callable[..., JetstreamServer]

LINES = recording(seed=1, length=400)


@pytest.mark.parametrize("protocol", ["v1", "v2"])
def test_a_recording_gives_the_same_events_over_a_socket(play: Play, protocol: Protocol) -> None:
    """As read from a file, in either version."""
    wanted = expected(LINES)
    life = Life(play(LINES), protocol)
    run(life.go(lambda: len(life.events) >= len(wanted)))
    assert life.events == wanted
    assert life.refused == []
    assert life.left_out["ignored: a record that is not as its collection says"] > 0


@pytest.mark.parametrize("seed", range(6))
def test_no_misfortune_loses_an_event_or_doubles_one(play: Play, seed: int) -> None:
    """Cuts, silence, crashes, a server that goes back and one that babbles: the same events."""
    protocol: Protocol = "v2" if seed % 2 else "v1"
    lines = recording(seed, 600)
    wanted = expected(lines)
    server = play(lines, seed=seed, drop_after=300, back=100, garbage=GARBAGE, pace=0.001)
    server.hushes = 0.3
    random = Random(seed)
    life = Life(server, protocol)
    run(life.go(lambda: len(life.events) >= len(wanted), lambda: random.random() < 0.1))
    assert life.events == wanted
    assert server.subscribed > 4
    assert set(life.refused) == {Reason.NOT_JSON, Reason.WRONG_TYPE}
    assert life.metric("closeknit_source_lost_seconds_total") == 0


@pytest.mark.skipif(not SAMPLE.exists(), reason="the recorded sample is not part of the project")
@pytest.mark.parametrize("protocol", ["v1", "v2"])
def test_what_bluesky_really_sent_comes_through_cuts(play: Play, protocol: Protocol) -> None:
    """A minute of production, for everybody whom it concerns."""
    lines = SAMPLE.read_bytes().splitlines()
    targets = {event.account for event in expected(lines, None)}  # type: ignore[arg-type]
    wanted = expected(lines, sorted(targets))
    server = play(lines, seed=2, drop_after=400, back=20)
    life = Life(server, protocol, accounts=sorted(targets))
    run(life.go(lambda: len(life.events) >= len(wanted)))
    assert life.events == wanted
    assert len(wanted) >= 131


@pytest.mark.parametrize("deaf", [False, True])
def test_a_silent_socket_is_left_and_resumed(play: Play, deaf: bool) -> None:
    """Whether the server still answers pings, or nothing does."""
    wanted = expected(LINES)
    server = play(LINES, silent_after=170, deaf=deaf)
    life = Life(server)
    run(life.go(lambda: len(life.events) >= len(wanted)))
    assert life.events == wanted
    assert server.subscribed >= 3


def test_an_idle_feed_is_asked_less_and_less_often_and_keeps_its_heart(play: Play) -> None:
    """It answers pings, so it is alive: the heartbeat moves though nothing happens."""
    server = play([])
    life = Life(server)
    beat = "closeknit_source_heartbeat_timestamp_seconds"

    async def story() -> None:
        running = asyncio.create_task(life.go(lambda: False))
        await asyncio.to_thread(await_that, lambda: server.subscribed >= 3, "it looks again")
        seen = life.metric(beat)
        await asyncio.to_thread(await_that, lambda: life.metric(beat) > seen, "its heart beats")
        running.cancel()
        await asyncio.wait({running})

    run(story())
    assert abs(life.metric(beat) - time.time()) < 60


def test_another_host_is_tried_when_one_is_gone(play: Play) -> None:
    """And reads again a little more of it: clocks of hosts differ."""
    first, second = play(LINES), play(LINES)
    wanted = expected(LINES)
    half = len(wanted) // 2
    life = Life(first, hosts=[first.url, second.url])
    first.pace = 0.002
    run(life.go(lambda: len(life.events) >= half))
    first.down()
    run(life.go(lambda: len(life.events) >= len(wanted)))
    first.up()
    assert life.events == wanted
    cursor = second.cursors[0]
    assert cursor is not None
    assert life.metric("closeknit_source_reconnects_total") >= QUICK.failures


@pytest.mark.parametrize("protocol", ["v1", "v2"])
def test_what_the_server_no_longer_has_is_said_aloud_and_passed_over(
    play: Play, protocol: Protocol, caplog: pytest.LogCaptureFixture
) -> None:
    """v2 refuses the cursor; v1 begins later without a word, which the first message betrays."""
    lines = recent(LINES)
    server = play(lines[:200])
    life = Life(server, protocol)
    before = expected(lines[:200])
    run(life.go(lambda: len(life.events) >= len(before)))
    server.tell(lines[200:])
    server.oldest = 300
    run(life.go(lambda: life.events[-1] == expected(lines)[-1]))
    first = range(300, 315 if protocol == "v2" else 301)  # where it begins is found by trying
    assert life.events in [expected([*lines[:200], *lines[place:]]) for place in first]
    missed = 100 * 20.0
    assert life.metric("closeknit_source_lost_seconds_total") == pytest.approx(missed, rel=0.15)
    assert "is lost" in caplog.text


def test_a_server_that_is_busy_is_left_alone_as_long_as_it_asks(play: Play) -> None:
    """And asked again then."""
    server = play(LINES, refusals=[(429, {"Retry-After": "0.2"}), (503, {})])
    life = Life(server)
    begun = time.monotonic()
    run(life.go(lambda: len(life.events) > 0))
    assert time.monotonic() - begun > 0.2


def test_hosts_that_know_no_such_stream_end_the_source_with_advice(play: Play) -> None:
    """A wrong address or protocol is not retried for ever."""
    server = play(LINES, refusals=[(404, {})] * 2)
    life = Life(server, hosts=[server.url, server.url + "/elsewhere"])
    with pytest.raises(SourceFailed, match="--protocol right"):
        run(life.go(lambda: False))


def test_a_handle_is_resolved_and_an_unknown_one_named(play: Play) -> None:
    """A DID needs nobody."""
    server = play(LINES, handles={"acme.example": ACCOUNTS[0]})
    wanted = expected(LINES, ACCOUNTS[:1])
    life = Life(server, accounts=["@acme.example"])
    run(life.go(lambda: len(life.events) >= len(wanted)))
    assert life.events == wanted
    life = Life(server, accounts=["nobody.example"])
    with pytest.raises(SourceFailed, match=r"'nobody.example' leads to no account"):
        run(life.go(lambda: False))


def follow_record(member: str, us: int) -> str:
    return f"at://{member}/app.bsky.graph.follow/{tid(us)}"


def commit(did: str, us: int, operation: str, rkey: str, record: Any = None) -> bytes:
    body = {"rev": tid(us), "operation": operation, "collection": "app.bsky.graph.follow"}
    body |= {"rkey": rkey} | ({} if record is None else {"record": record})
    return json.dumps({"did": did, "time_us": us, "kind": "commit", "commit": body}).encode()


def test_a_backfill_counts_todays_followers_and_their_later_end(play: Play) -> None:
    """Old follows are seeded; the stream tells of young ones, when they began, and of every end."""
    now = time.time_ns() // 1000
    old, young = now - 100 * LOOK_BACK_US, now - LOOK_BACK_US // 2
    members = [f"did:plc:m{number:03d}" for number in range(230)]
    uris = {member: follow_record(member, old) for member in members}
    uris[members[7]] = follow_record(members[7], young)  # began within the look-back
    uris[members[8]] = follow_record(members[8], young)  # as well, and the stream has missed it
    uris[members[9]] = ""  # blocks us: it is not shown
    subject = {"subject": ACCOUNTS[0]}
    lines = [
        commit(members[7], young, "create", tid(young), subject),
        commit(members[3], now - 2, "delete", tid(old)),
        commit(members[7], now - 1, "delete", tid(young)),
    ]
    server = play(lines)
    server.followers = {ACCOUNTS[0]: list(uris.items())}
    server.refusals = [(429, {"Retry-After": "0"})]
    life = Life(server, backfill=True, accounts=ACCOUNTS[:1])
    run(life.go(lambda: f"backfill {ACCOUNTS[0]}" in life.kept.memory))
    by_member = {event.member: event for event in life.events if event.op == "add"}
    assert by_member.keys() == set(members) - {members[9]}
    assert [m for m, event in by_member.items() if not event.seeded] == [members[7]]
    ends = [event.id for event in life.events if event.op == "remove"]
    assert ends == [uris[members[3]], uris[members[7]]]
    assert life.left_out["ignored: follower whose follow is not shown"] == 1
    cursor = server.cursors[0]
    assert cursor is not None
    assert abs(cursor - (now - LOOK_BACK_US)) < 600 * 1_000_000
    pages = sum(method == "app.bsky.graph.getFollowers" for method, _ in server.requests)
    server.requests.clear()
    run(life.go(lambda: True))
    assert pages == 4
    assert server.requests == []


def test_after_a_gap_a_backfill_ends_the_follows_that_ended_in_it(play: Play) -> None:
    """Nothing told of their end; the list of today's followers does, by whom it lacks."""
    old = START_US - 100 * LOOK_BACK_US
    everybody = [(f"did:plc:m{n:03d}", follow_record(f"did:plc:m{n:03d}", old)) for n in range(9)]
    lines = recent(recording(seed=3, length=30, step_us=3_600_000_000))
    server = play([])
    server.followers = {ACCOUNTS[0]: everybody}
    mark = f"backfill {ACCOUNTS[0]}"
    life = Life(server, backfill=True, accounts=ACCOUNTS[:1])
    run(life.go(lambda: mark in life.kept.memory))
    server.tell(lines[:10])
    life.options["backfill"] = False
    told = str(json.loads(lines[9])["time_us"] // 10_000).encode()
    run(life.go(lambda: told in (life.kept.cursor or b"")))
    server.tell(lines[10:])
    server.oldest = 20
    run(life.go(lambda: mark not in life.kept.memory))
    server.followers = {ACCOUNTS[0]: everybody[2:]}
    life.options["backfill"] = True
    run(life.go(lambda: mark in life.kept.memory))
    ids = {uri for _, uri in everybody}
    seeds = [(event.id, event.op) for event in life.events if event.id in ids]
    ended = [(uri, "remove") for _, uri in everybody[:2]]
    assert seeds == [*((uri, "add") for _, uri in everybody), *ended]


@pytest.mark.parametrize("seed", range(3))
def test_a_backfill_that_is_cut_short_is_taken_up_again(play: Play, seed: int) -> None:
    """Nobody is counted twice, and nobody is left out."""
    old = time.time_ns() // 1000 - 100 * LOOK_BACK_US
    members = [f"did:plc:m{number:03d}" for number in range(450)]
    server = play([])
    server.followers = {
        account: [(member, follow_record(member, old + number)) for member in members]
        for number, account in enumerate(ACCOUNTS)
    }
    random = Random(seed)
    life = Life(server, backfill=True)
    marks = {f"backfill {account}" for account in ACCOUNTS}
    run(life.go(lambda: marks <= life.kept.memory.keys(), lambda: random.random() < 0.3))
    assert len({event.id for event in life.events}) == len(life.events) == 2 * len(members)


def test_what_nobody_can_refer_to_is_forgotten_and_follows_are_not() -> None:
    """Old likes, and deleted records older than any look-back."""
    changes: dict[str, Any] = {}
    watch = Watch(ACCOUNTS, {}, changes.__setitem__)
    for line in LINES:
        try:
            watch.tell(read_v1(line))
        except ValueError:
            continue
    kinds = {None if deed is None else deed.kind for deed in changes.values()}
    assert kinds == {"like", "share", "reply", "follow", None}
    end = START_US + 400 * 20_000_000
    watch.forget(end)
    assert None not in changes.values()
    watch.forget(end + GONE_KEPT_US)
    assert all(deed is None or deed.kind for deed in changes.values())
    watch.forget(end + KEPT_US)
    assert {deed.kind for deed in changes.values() if deed is not None} == {"follow"}


def test_both_versions_say_the_same_to_the_millisecond() -> None:
    """A rendering as v2 is read as the line was."""
    for place, line in enumerate(LINES):
        v1, v2 = read_v1(line), read_v2(as_v2(line, place))
        assert v2 is not None
        assert v1.time_us // 1000 == v2.time_us // 1000
        assert (v1.did, v1.kind, v1.account) == (v2.did, v2.kind, v2.account)
        assert (v1.commit is None) == (v2.commit is None)
        if v1.commit is not None and v2.commit is not None:
            assert v1.commit.rev == v2.commit.rev
            assert json.loads(bytes(v1.commit.record) or b"0") == json.loads(
                bytes(v2.commit.record) or b"0"
            )


def test_the_time_in_a_record_key_is_read_and_no_other_key_has_one() -> None:
    """Keys are made by clients, of a clock if they are well-behaved."""
    assert _tid_us(tid(START_US)) == START_US
    assert _tid_us("self") == _tid_us("3mptbypmibb2!") == _tid_us("") == 0
