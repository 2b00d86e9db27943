"""An invented story of one account, and what it means: told to a server, and as events."""

from __future__ import annotations

from random import Random
from typing import Any

from schemas.events import Event
from tests.sources.live.mastodon_server import ACCT, ME, MastodonServer, account, acct, at

MEMBERS = 30


class Story:
    """Lets things happen at a server, and knows the events that they are.

    Attributes:
        inbound: what others did, in order.
        outbound: what the account did, in order.
    """

    def __init__(self, server: MastodonServer, seed: int) -> None:
        self.inbound: list[Event] = []
        self.outbound: list[Event] = []
        self._server = server
        self._random = Random(seed)
        self._number = 0

    def go_on(self, length: int) -> None:
        """Let so many things happen."""
        for _ in range(length):
            self._number += 1
            self._happen(self._random.randrange(MEMBERS))

    def _happen(self, who: int) -> None:
        server, random, moment = self._server, self._random, at(self._number)
        ours = {"id": str(random.randint(1, 40)), "uri": "https://x/1", "account": ME}
        match random.choice(("favourite", "reblog", "reply", "follow", "odd", "own", "share")):
            case "favourite" | "reblog" as kind:
                server.notify(kind, account(who), moment, ours)
                id = f"{kind}/{1000 + who}/{ours['id']}"
                self._in("like" if kind == "favourite" else "share", id, who, post="https://x/1")
            case "reply":
                status = {"id": f"9{self._number}", "in_reply_to_id": "77"}
                status |= {"in_reply_to_account_id": "1"}
                server.foreign[status["id"]] = status
                server.notify("mention", account(who), moment, status)
                self._in("reply", f"mention/{1000 + who}/{status['id']}", who, in_reply_to="77")
            case "follow" if all(row[1] != account(who) for row in server.followers):
                server.follow(account(who), moment)
                self._in("follow", f"follow/{1000 + who}", who)
            case "own":
                mentions = [account(who)] if random.random() < 0.5 else []
                id = server.post(
                    moment,
                    in_reply_to_id="78",
                    in_reply_to_account_id=account(who)["id"],
                    mentions=mentions,
                )
                self._out("reply", f"mention/1/{id}", who, in_reply_to="78")
            case "share":
                theirs = {"id": str(random.randint(50, 90)), "account": account(who)}
                server.post(moment, reblog=theirs)
                self._out("share", f"reblog/1/{theirs['id']}", who, post=theirs["id"])
            case _:
                server.notify("poll", account(who), moment, ours)
                server.notify("favourite", account(who), moment)  # its status is gone
                server.notify("mention", account(who), moment, {"id": "5"})
                server.post(moment)

    def _in(self, kind: Any, id: str, who: int, **fields: Any) -> None:
        self.inbound.append(self._event(kind, id, who, **fields))

    def _out(self, kind: Any, id: str, who: int, **fields: Any) -> None:
        self.outbound.append(self._event(kind, id, who, direction="outbound", **fields))

    def _event(self, kind: Any, id: str, who: int, **fields: Any) -> Event:
        return Event(
            kind=kind,
            id=id,
            account=ACCT,
            member=acct(who),
            at=at(self._number),
            platform="mastodon",
            **fields,
        )
