"""Mastodon, live: the same events whatever happens to the stream, the instance or the process."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterator, Sequence
from random import Random

import pytest

from schemas.events import Event
from streams.sources.live.source import SourceFailed
from tests.brokers.clients import run
from tests.sources.live.mastodon_life import QUICK, RARELY, Life, briefly, done, just_now
from tests.sources.live.mastodon_server import (
    ACCT,
    ME,
    TOKEN,
    MastodonServer,
    account,
    acct,
    at,
)
from tests.sources.live.mastodon_story import Story


@pytest.fixture
def server() -> Iterator[MastodonServer]:
    with MastodonServer() as found:
        yield found


def sides(events: Sequence[Event]) -> tuple[list[Event], list[Event]]:
    """What others did, and what the account did: each in its order."""
    return tuple([e for e in events if e.direction == side] for side in ("inbound", "outbound"))  # type: ignore[return-value]


def test_a_story_is_told_from_its_beginning_and_goes_on_live(server: MastodonServer) -> None:
    """Every kind in both directions, from what the instance had and from what the stream rings."""
    story = Story(server, seed=1)
    story.go_on(300)
    life = Life(server, QUICK._replace(look=RARELY, lists=RARELY), backfill=True)

    def caught_up() -> bool:
        return sides(life.events) == (story.inbound, story.outbound)

    life.live(
        (lambda: caught_up() and server.connected, lambda: story.go_on(100)),
        (caught_up, done),
    )
    assert {event.kind for event in life.events} == {"like", "share", "reply", "follow"}
    assert len(life.left_out) == 4
    assert life.refused == []


@pytest.mark.parametrize("seed", range(5))
def test_no_misfortune_loses_an_event_or_doubles_one(server: MastodonServer, seed: int) -> None:
    """Cut and silent streams, cut answers, crashes, small pages: the same events."""
    server.drop, server.most = 0.15, 30
    story, random = Story(server, seed), Random(seed)
    story.go_on(200)
    life = Life(server, backfill=True)
    crashes = lambda: random.random() < 0.1  # noqa: E731

    def caught_up() -> bool:
        server.silent = random.random() < 0.3
        if len(life.events) > 250 and len(story.inbound) < 300:
            story.go_on(300)
        return len(life.events) >= len(story.inbound) + len(story.outbound)

    async def go() -> None:
        # The story goes on while it is read: at the server, which has a thread of its own.
        while not await asyncio.to_thread(caught_up):
            enough = len(life.events) + 1
            await life.go(lambda: len(life.events) >= enough, crashes)  # noqa: B023

    run(go())
    assert sides(life.events) == (story.inbound, story.outbound)


def test_without_a_backfill_it_begins_now_and_misses_nothing_from_then_on(
    server: MastodonServer,
) -> None:
    """What happened while it was away is fetched at the next start."""
    before = Story(server, seed=2)
    before.go_on(100)
    life = Life(server, QUICK._replace(lists=RARELY))
    run(life.go(life.begun))
    server.followers.clear()
    story = Story(server, seed=3)
    story.go_on(200)
    run(life.go(lambda: len(life.events) >= len(story.inbound) + len(story.outbound)))
    assert sides(life.events) == (story.inbound, story.outbound)


def test_an_instance_that_was_away_is_read_on_from_where_it_was(server: MastodonServer) -> None:
    """The heart stops while it is away, and what happened meanwhile is told."""
    life = Life(server)
    story = Story(server, seed=4)

    def back() -> None:
        port, server._port = server._port, 0  # nobody listens: nothing is streamed
        story.go_on(50)
        server._port = port
        server.up()

    life.live(
        (lambda: server.connected == 1, server.down),
        (lambda: life.metric("closeknit_source_reconnects_total") > 1, back),
        (lambda: len(life.events) >= len(story.inbound) + len(story.outbound), done),
    )
    assert sides(life.events) == (story.inbound, story.outbound)


def test_a_silent_stream_is_made_anew_and_costs_no_event(server: MastodonServer) -> None:
    """News are looked for now and then, whatever the stream says."""
    server.silent = True
    story = Story(server, seed=5)
    life = Life(server)
    life.live(
        (lambda: server.connected == 1, lambda: story.go_on(50)),
        (lambda: len(life.events) >= len(story.inbound) + len(story.outbound), done),
        (lambda: server.connected >= 3, done),
    )
    assert sides(life.events) == (story.inbound, story.outbound)


def test_an_instance_without_a_stream_is_looked_at_now_and_then(server: MastodonServer) -> None:
    """Some speak this API and have no such stream."""
    server.streams = False
    life = Life(server)
    life.live(
        (lambda: server.asked("streaming"), lambda: server.follow(account(1), at(1))),
        (lambda: life.events, done),
    )
    assert briefly(life.events) == [("follow", "add", acct(1))]


def test_a_notification_that_appears_behind_others_is_told_and_none_twice(
    server: MastodonServer,
) -> None:
    """Rows of a database become visible out of the order of their ids."""
    life = Life(server, QUICK._replace(lists=RARELY))
    likes = [{"id": str(number), "account": ME} for number in range(9)]
    ids = [server.row() for _ in likes]

    def tell(*numbers: int) -> None:
        for number in numbers:
            server.notify("favourite", account(3), at(number), likes[number], ids[number])

    life.live(
        (life.begun, lambda: tell(0, 1, 2, 3, 5, 6, 7, 8)),
        (lambda: len(life.events) == 8, lambda: tell(4)),
        (lambda: len(life.events) == 9, done),
    )
    assert len({event.id for event in life.events}) == 9


@pytest.mark.parametrize(
    ("part", "status", "headers", "advice"),
    [
        ("verify_credentials", 401, {}, "does not take the token"),
        ("verify_credentials", 404, {}, "is --instance the address of a Mastodon"),
        ("verify_credentials", 403, {}, "needs the scopes"),
        ("favourites", 403, {}, "needs the scopes"),
        ("notifications", 401, {}, "does not take the token"),
        ("verify", 301, {"Location": "https://web.example/x"}, "sends us on to web.example"),
    ],
)
def test_what_a_restart_will_not_mend_ends_it_with_advice(
    server: MastodonServer, part: str, status: int, headers: dict[str, str], advice: str
) -> None:
    """A wrong token, too few scopes, a wrong address."""
    server.refusals = [(part, status, headers)]
    with pytest.raises(SourceFailed, match=advice):
        run(Life(server).go(lambda: False))


def test_a_token_that_is_revoked_ends_it_and_is_never_said(
    server: MastodonServer, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither in the error nor in the log."""
    caplog.set_level(logging.DEBUG)
    life = Life(server)

    def revoke() -> None:
        server.drop = 0.3
        server.token = "another"

    with pytest.raises(SourceFailed) as failed:
        life.live((lambda: server.connected, revoke), (lambda: False, done))
    assert TOKEN not in str(failed.value) + caplog.text


def test_a_limit_is_respected(server: MastodonServer) -> None:
    """It waits as long as it is told, and long lists leave requests to what happens now."""
    server.refusals = [("notifications", 429, {"Retry-After": "0.3"}), ("statuses", 503, {})]
    begun = time.monotonic()
    life = Life(server)
    run(life.go(life.begun))
    assert time.monotonic() - begun > 0.3

    server.limits = {
        "X-RateLimit-Limit": "300",
        "X-RateLimit-Remaining": "140",
        "X-RateLimit-Reset": "2199-01-01T00:00:00.000000Z",
    }
    server.requests.clear()
    life = Life(server)
    life.live(
        (life.begun, lambda: server.follow(account(1), at(1))),
        (lambda: life.events, done),
    )
    assert server.asked("followers") == 0


def test_a_cursor_of_another_account_is_not_gone_on_with(server: MastodonServer) -> None:
    """Each account is a source of its own."""
    life = Life(server)
    run(life.go(life.begun))
    assert life.kept.cursor is not None
    other = life.kept.cursor.replace(ACCT.encode(), b"other@social.example")
    life.kept = life.kept._replace(cursor=other)
    with pytest.raises(SourceFailed, match="belongs to other@social"):
        run(life.go(lambda: False))


def test_a_deleted_status_takes_back_what_it_was_and_a_muted_one_does_not(
    server: MastodonServer,
) -> None:
    """A mute is told as a deletion, too: only what is gone is gone."""
    life = Life(server, QUICK._replace(lists=RARELY))
    reply = {"in_reply_to_id": "7", "in_reply_to_account_id": "1"}
    ids: dict[str, str] = {}

    def happen() -> None:
        for id in ("901", "902"):
            server.foreign[id] = {"id": id, **reply}
            server.notify("mention", account(4), just_now(), server.foreign[id])
        ids["reply"] = server.post(just_now(), in_reply_to_account_id=account(5)["id"])
        ids["share"] = server.post(just_now(), reblog={"id": "50", "account": account(6)})

    def take_back() -> None:
        server.say("delete", "902")  # muted
        for id in (ids["reply"], ids["share"], "901", "12345"):
            server.delete(id)

    life.live(
        (lambda: server.connected, happen),
        (lambda: len(life.events) == 4, take_back),
        (lambda: len(life.events) == 7, done),
    )
    added, removed = life.events[:4], life.events[4:]
    gone = {event.id for event in added} - {"mention/1004/902"}
    assert {(event.op, event.id) for event in removed} == {("remove", id) for id in gone}


def test_a_status_deleted_while_nobody_listened_is_missed_in_the_list(
    server: MastodonServer,
) -> None:
    """And the end of our own reply is told once."""
    life = Life(server)
    ids: list[str] = []

    def post() -> None:
        who = account(5)["id"]
        ids.extend(server.post(just_now(), in_reply_to_account_id=who) for number in range(3))

    life.live(
        (life.begun, post),
        (lambda: len(life.events) == 3, lambda: server.delete(ids[1], told=False)),
        (lambda: len(life.events) == 4, done),
    )
    assert (life.events[3].op, life.events[3].id) == ("remove", f"mention/1/{ids[1]}")


def test_what_the_account_favours_is_told_once(server: MastodonServer) -> None:
    """From the start on: when it was is not told, so the past is left alone."""
    server.favourite({"id": "60", "account": account(1)})
    life = Life(server, backfill=True)
    favour = lambda number: server.favourite({"id": str(number), "account": account(2)})  # noqa: E731
    life.live(
        (life.begun, lambda: [favour(number) for number in (61, 62)]),
        (lambda: len(life.events) == 2, done),
    )
    assert [event.id for event in life.events] == ["favourite/1/61", "favourite/1/62"]
    assert {event.direction for event in life.events} == {"outbound"}
