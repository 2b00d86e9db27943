"""Who follows, known from lists: nothing is taken back that a list does not surely say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from tests.sources.live.mastodon_life import QUICK, Life, briefly, done
from tests.sources.live.mastodon_server import (
    MastodonServer,
    account,
    acct,
    at,
)


@pytest.fixture
def server() -> Iterator[MastodonServer]:
    with MastodonServer() as found:
        yield found


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
