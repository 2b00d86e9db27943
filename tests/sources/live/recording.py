"""An invented recording of Jetstream: what people do to accounts, do again, and take back."""

from __future__ import annotations

import json
from random import Random
from typing import Any

ACCOUNTS = ("did:plc:acme", "did:plc:umbrella")

START_US = 1_783_175_888_000_000  # 2026-07-04T14:38:08Z

_DIGITS = "234567abcdefghijklmnopqrstuvwxyz"
_REACTIONS = ("app.bsky.feed.like", "app.bsky.feed.repost")
_POST = "app.bsky.feed.post"
_FOLLOW = "app.bsky.graph.follow"


def tid(us: int) -> str:
    """A record key, or a revision, made at this time."""
    number = us << 10
    return "".join(_DIGITS[number >> shift & 31] for shift in range(60, -1, -5))


def recording(seed: int, length: int, members: int = 30, step_us: int = 20_000_000) -> list[bytes]:
    """So many lines of v1, one every `step_us`, most of which concern the accounts."""
    random = Random(seed)
    people = [f"did:plc:member{number:03d}" for number in range(members)]
    strangers = [f"did:plc:stranger{number:03d}" for number in range(members)]
    open_records: list[tuple[str, str, str]] = []  # DID, collection, key
    lines = []
    for number in range(length):
        us = START_US + number * step_us + random.randrange(1000)
        actor = random.choice(people + strangers[:5] + list(ACCOUNTS))
        target = random.choice([*ACCOUNTS, random.choice(people + strangers)])
        match random.random():
            case chance if chance < 0.2 and open_records:
                did, collection, rkey = open_records.pop(random.randrange(len(open_records)))
                lines.append(_commit(did, us, "delete", collection, rkey))
            case chance if chance < 0.23:
                lines.append(_commit(actor, us, "delete", random.choice([_FOLLOW, _POST]), tid(us)))
            case chance if chance < 0.25:
                lines.append(_notice(actor, us, "identity", {"did": actor, "seq": number}))
            case chance if chance < 0.27:
                gone = random.choice(people)
                state = {"active": False, "did": gone, "status": "deleted", "seq": number}
                lines.append(_notice(gone, us, "account", state))
                open_records = [record for record in open_records if record[0] != gone]
            case chance if chance < 0.29:
                odd = {"subject": "no reference"}
                lines.append(_commit(actor, us, "create", _REACTIONS[0], tid(us), odd))
            case _:
                collection = random.choice([*_REACTIONS, _POST, _FOLLOW])
                record = _record(collection, target, random)
                lines.append(_commit(actor, us, "create", collection, tid(us), record))
                open_records.append((actor, collection, tid(us)))
    return lines


def _record(collection: str, target: str, random: Random) -> dict[str, Any]:
    post = {"cid": "bafy", "uri": f"at://{target}/{_POST}/{random.randrange(9)}"}
    created = {"$type": collection, "createdAt": "1999-12-31T23:59:59Z"}
    if collection == _FOLLOW:
        return created | {"subject": target}
    if collection == _POST:
        return created | {"text": "…", "reply": {"parent": post, "root": post}}
    return created | {"subject": post}


def _commit(
    did: str, us: int, operation: str, collection: str, rkey: str, record: Any = None
) -> bytes:
    commit = {"rev": tid(us), "operation": operation, "collection": collection, "rkey": rkey}
    if record is not None:
        commit |= {"record": record, "cid": "bafy"}
    return _notice(did, us, "commit", commit)


def _notice(did: str, us: int, kind: str, body: Any) -> bytes:
    return json.dumps({"did": did, "time_us": us, "kind": kind, kind: body}).encode()
