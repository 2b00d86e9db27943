"""Mastodon, live: the same events whatever happens to the stream, the instance or the process."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any

import pytest

from schemas.events import Event
from streams.core.time import format_ms
from streams.sources.live.mastodon import Mastodon, Pace
from streams.sources.live.source import Source, SourceFailed
from tests.brokers.clients import run
from tests.engine.system import await_that
from tests.sources.live.life import SourceLife
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

QUICK = Pace(ring=0.01, look=0.2, lists=0.2, silent=0.5, first=0.01, longest=0.05)
RARELY = 3600.0


class Life(SourceLife):
    """A life of the source `mastodon`."""

    def __init__(self, server: MastodonServer, pace: Pace = QUICK, **options: Any) -> None:
        super().__init__("mastodon")
        self._options: dict[str, Any] = {"instance": server.url, "token": TOKEN, "pace": pace}
        self._options |= options

    def source(self) -> Source:
        return Mastodon(meters=self.meters, **self._options)

    def begun(self) -> bool:
        """Whether it knows from where to read."""
        return self.kept.cursor is not None

    def live(self, *steps: tuple[Callable[[], Any], Callable[[], Any]]) -> None:
        """Run; for each step wait until the first holds, then do the second."""

        async def story() -> None:
            running = asyncio.create_task(self.go(lambda: False))
            try:
                for condition, deed in steps:

                    def until(condition: Callable[[], Any] = condition) -> Any:
                        return running.done() or condition()

                    await asyncio.to_thread(await_that, until, "the next step", 20.0)
                    if running.done():
                        running.result()
                    await asyncio.to_thread(deed)
            finally:
                running.cancel()
                await asyncio.wait({running})

        run(story())

    def settled(self) -> bool:
        """Whether the lists of who follows were taken in."""
        return {"read inbound", "read outbound"} <= self.kept.memory.keys()


@pytest.fixture
def server() -> Iterator[MastodonServer]:
    with MastodonServer() as found:
        yield found


def done() -> None:
    """Nothing more to do: the last step only waits."""


def sides(events: Sequence[Event]) -> tuple[list[Event], list[Event]]:
    """What others did, and what the account did: each in its order."""
    return tuple([e for e in events if e.direction == side] for side in ("inbound", "outbound"))  # type: ignore[return-value]


def just_now() -> str:
    """A time of which everything is still remembered."""
    return format_ms(time.time_ns() // 1_000_000)


def briefly(events: Sequence[Event]) -> list[tuple[str, str, str]]:
    return [(event.kind, event.op, event.member) for event in events]


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
    """Cut answers and streams, crashes, an instance with small pages: the same events."""
    server.drop, server.most = 0.15, 30
    story, random = Story(server, seed), Random(seed)
    story.go_on(200)
    life = Life(server, backfill=True)
    crashes = lambda: random.random() < 0.1  # noqa: E731

    def caught_up() -> bool:
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
    late: list[Any] = []

    def tell() -> None:
        for number, status in enumerate(likes):
            server.notify("favourite", account(3), at(number), status)
        late.append(server.notifications.pop(4))

    life.live(
        (life.begun, tell),
        (lambda: len(life.events) == 8, lambda: server.notifications.insert(4, late[0])),
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


def test_a_backfill_counts_todays_followers_and_their_later_end(server: MastodonServer) -> None:
    """Whose notification is still there has its date; the others are seeded, and can leave."""
    server.most = 40
    for number in range(100):
        server.follow(account(number), at(number), told=number < 10)
    server.following.append((50, account(7)))
    life = Life(server, backfill=True)
    life.live(
        (life.settled, lambda: [server.unfollow(account(number)) for number in (3, 50)]),
        (lambda: len(life.events) == 103, done),
    )
    begun, ends = life.events[:101], life.events[101:]
    assert [e.seeded for e in begun] == [False] * 10 + [True] * 91
    assert [e.at for e in begun[:10]] == [at(number) for number in range(10)]
    assert Counter(e.direction for e in begun) == {"inbound": 100, "outbound": 1}
    assert {(e.op, e.id, e.member) for e in ends} == {
        ("remove", f"follow/{1000 + number}", acct(number)) for number in (3, 50)
    }


def test_without_a_backfill_only_those_who_come_are_counted(server: MastodonServer) -> None:
    """The end of a follow from before is not told: it would be of nobody known."""
    for number in range(9):
        server.follow(account(number), at(number), told=False)
    life = Life(server)

    def change() -> None:
        server.unfollow(account(2))
        server.follow(account(11), at(11), told=False)  # a policy filters its notification
        server.following.append((50, account(5)))

    life.live((life.settled, change), (lambda: len(life.events) == 2 and life.left_out, done))
    assert Counter(briefly(life.events)) == {
        ("follow", "add", acct(11)): 1,
        ("follow", "add", acct(5)): 1,
    }
    assert not any(event.seeded for event in life.events)
    assert life.left_out["unresolvable: end of a follow from before we started"] == 1


@pytest.mark.parametrize("how", ["cut off", "shortened", "garbled", "refused"])
def test_a_list_that_is_not_complete_takes_nothing_back(server: MastodonServer, how: str) -> None:
    """It ends early and the count says so; the next is refused; one is not what it should be."""
    server.most = 40
    for number in range(100):
        server.follow(account(number), at(number))
    life = Life(server, backfill=True)

    def harm() -> None:
        server.requests.clear()
        if how == "cut off":
            server.hidden = True
        elif how == "shortened":
            server.count = len(server.followers)
            server.followers = server.followers[:30]
        elif how == "garbled":
            server.babbles = True
            server.followers = server.followers[:90]
        else:
            server.refusals = [("followers", 403, {})] * 100

    life.live((life.settled, harm), (lambda: server.asked("followers") >= 6, done))
    assert [event.op for event in life.events] == ["add"] * 100


def test_half_of_the_followers_leave_only_when_two_lists_say_so(server: MastodonServer) -> None:
    """A list may be wrong as a whole, and right again."""
    for number in range(10):
        server.follow(account(number), at(number))
    rows = list(server.followers)
    life = Life(server, QUICK._replace(lists=0.4), backfill=True)
    lists = lambda: server.asked("followers")  # noqa: E731

    def drop() -> None:
        server.requests.clear()
        server.followers = rows[:2]

    def restore() -> None:
        server.followers = rows

    seen: list[int] = []

    def leave() -> None:
        seen.append(len(life.events))
        server.requests.clear()
        server.followers = rows[:2]

    life.live(
        (life.settled, drop),
        (lambda: lists() >= 1, restore),
        (lambda: lists() >= 3, leave),
        (lambda: len(life.events) == 18, done),
    )
    assert seen == [10]
    assert lists() >= 2
    assert {e.member for e in life.events if e.op == "remove"} == {acct(n) for n in range(2, 10)}


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
