"""Who follows an account now, and by which record: what a later deletion will name.

The list of followers does not tell the records; `getRelationships` does, for thirty at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from streams.sources.live.source import SourceFailed
from streams.sources.live.xrpc import Refusal, Xrpc

_PAGE = 100
_PAIRS = 30


class Page(NamedTuple):
    """A hundred followers.

    Attributes:
        members: all of them.
        records: of those of whom no follow was known, the URI of theirs; empty if none is shown (a
            block, a ghost).
    """

    members: Sequence[str]
    records: Mapping[str, str]


class _Resolved(msgspec.Struct):
    did: str


class _Profile(msgspec.Struct):
    did: str


class _Followers(msgspec.Struct):
    followers: list[_Profile]
    cursor: str = ""


class _Relationship(msgspec.Struct):
    did: str = ""
    followed_by: str = msgspec.field(name="followedBy", default="")


class _Relationships(msgspec.Struct):
    relationships: list[_Relationship]


async def resolve(api: Xrpc, account: str) -> str:
    """The DID of an account, given as that or as a handle.

    Raises:
        SourceFailed: there is no such handle, or the service does not answer.
    """
    if account.startswith("did:"):
        return account
    handle = account.removeprefix("@")
    try:
        found = await api.get("com.atproto.identity.resolveHandle", [("handle", handle)], _Resolved)
    except Refusal as refusal:
        raise SourceFailed(
            f"the handle {handle!r} leads to no account ({refusal}): write it as in a profile's "
            "address (name.bsky.social), or give the DID"
        ) from refusal
    return found.did


async def followers(
    api: Xrpc, account: str, known: Callable[[str], bool]
) -> AsyncGenerator[Page, None]:
    """Yield pages of followers; whoever is `known` is not asked about.

    Raises:
        SourceFailed: there is no such account, or the service does not answer.
    """
    cursor = ""
    while True:
        asked = [("actor", account), ("limit", str(_PAGE))]
        if cursor:
            asked.append(("cursor", cursor))
        try:
            page = await api.get("app.bsky.graph.getFollowers", asked, _Followers)
            new = [one.did for one in page.followers if not known(one.did)]
            groups = [new[i : i + _PAIRS] for i in range(0, len(new), _PAIRS)]
            found = await asyncio.gather(*(_records(api, account, group) for group in groups))
        except Refusal as refusal:
            raise SourceFailed(
                f"the followers of {account} are not told ({refusal}): is there such an account?"
            ) from refusal
        records = {member: uri for group in found for member, uri in group.items()}
        yield Page([one.did for one in page.followers], records)
        if not page.cursor or page.cursor == cursor:
            return
        cursor = page.cursor


async def _records(api: Xrpc, account: str, members: Sequence[str]) -> dict[str, str]:
    asked = [("actor", account), *(("others", member) for member in members)]
    answer = await api.get("app.bsky.graph.getRelationships", asked, _Relationships)
    uris = {one.did: one.followed_by for one in answer.relationships}
    return {member: uris.get(member, "") for member in members}
