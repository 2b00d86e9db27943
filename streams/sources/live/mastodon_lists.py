"""Who an account is, who follows it and whom it follows, and what it posted last."""

from __future__ import annotations

import logging
from contextlib import suppress
from typing import NamedTuple

import msgspec
from yarl import URL

from streams.sources.live.mastodon_api import Api, Refusal
from streams.sources.live.source import SourceFailed
from streams.sources.mastodon import (
    Me,
    Status,
    identity,
    read_account,
    read_items,
    read_status,
)

log = logging.getLogger(__name__)

_SPARE = 0.5
"""Share of our requests that long lists leave to what happens now."""

_PAGES = 5
"""So many pages of the account's own statuses are compared with what we remember."""


class Listed(NamedTuple):
    """Members by account id, and whether that is all of them."""

    members: dict[str, str]
    complete: bool


class _Urls(msgspec.Struct):
    streaming: str = ""


class _Configuration(msgspec.Struct):
    urls: _Urls = msgspec.field(default_factory=_Urls)


class _Instance(msgspec.Struct):
    domain: str
    configuration: _Configuration = msgspec.field(default_factory=_Configuration)


class _OldUrls(msgspec.Struct):
    streaming_api: str = ""


class _OldInstance(msgspec.Struct):
    uri: str
    urls: _OldUrls = msgspec.field(default_factory=_OldUrls)


class _Counts(msgspec.Struct):
    followers_count: int = 0
    following_count: int = 0


async def introduce(api: Api) -> tuple[Me, str, URL]:
    """The account of the token, the domain in its name, and where the stream is.

    Raises:
        Refusal: the instance does not tell.
        SourceFailed: the token is not valid, or this is no Mastodon.
    """
    try:
        account = read_account((await api.get("/api/v1/accounts/verify_credentials")).body)
        domain, streaming = await _instance(api)
    except (ValueError, RecursionError) as error:
        raise SourceFailed(
            f"the answers of {api.base} are not Mastodon's ({error}): is --instance right?"
        ) from error
    return Me(account.id, identity(account.acct, domain)), domain, _streaming(api, streaming)


def own_statuses(me: Me) -> str:
    """The path of the account's statuses."""
    return f"/api/v1/accounts/{me.id}/statuses"


async def read_list(api: Api, me: Me, name: str) -> Listed:
    """All `followers`, or all whom the account is `following`.

    Raises:
        Refusal: the instance does not tell.
        ValueError: an answer is no list.
    """
    members: dict[str, str] = {}
    complete = True
    asked = {"limit": "80"}
    while True:
        answer = await api.get(f"/api/v1/accounts/{me.id}/{name}", asked, spare=_SPARE)
        before = len(members)
        for item in read_items(answer.body):
            try:
                account = read_account(item.value)
            except ValueError:
                complete = False
                continue
            members[account.id] = account.acct
        link = answer.links.get("next")
        if link is None:
            break
        if "max_id" not in link or len(members) == before:
            complete = False  # it goes in circles
            break
        asked = {"limit": "80", "max_id": link["max_id"]}
    counts = msgspec.json.decode((await api.get(f"/api/v1/accounts/{me.id}")).body, type=_Counts)
    expected = counts.followers_count if name == "followers" else counts.following_count
    if 2 * len(members) < expected:
        complete = False
    if not complete:
        log.warning(
            "The list %s of %s shows %d of %d: nothing is taken back",
            name,
            me.acct,
            len(members),
            expected,
        )
    domain = me.acct.rpartition("@")[2]
    return Listed({id: identity(acct, domain) for id, acct in members.items()}, complete)


async def recent_statuses(api: Api, me: Me) -> tuple[set[str], str]:
    """The ids of the account's latest statuses, and since when these are all; empty: ever.

    Raises:
        Refusal: the instance does not tell.
        ValueError: an answer is no list.
    """
    ids: set[str] = set()
    oldest = ""
    asked = {"limit": "40"}
    for _ in range(_PAGES):
        page = _statuses((await api.get(own_statuses(me), asked, spare=_SPARE)).body)
        if not page or page[-1].id in ids:
            return ids, ""
        ids.update(status.id for status in page)
        oldest = page[-1].created_at
        asked = {"limit": "40", "max_id": page[-1].id}
    return ids, oldest


def _statuses(body: bytes) -> list[Status]:
    found = []
    for item in read_items(body):
        with suppress(ValueError):
            found.append(read_status(item.value))
    return found


async def _instance(api: Api) -> tuple[str, str]:
    try:
        new = msgspec.json.decode((await api.get("/api/v2/instance")).body, type=_Instance)
    except Refusal as refusal:
        if refusal.status != 404:
            raise
    else:
        return new.domain, new.configuration.urls.streaming
    old = msgspec.json.decode((await api.get("/api/v1/instance")).body, type=_OldInstance)
    domain = URL(old.uri).host if "://" in old.uri else old.uri
    return domain or old.uri, old.urls.streaming_api


def _streaming(api: Api, told: str) -> URL:
    """Where the stream is: never somewhere to which the token would go in the clear."""
    try:
        url = URL(told)
    except ValueError:
        return api.base
    if url.host is None:
        return api.base
    scheme = "https" if url.scheme in {"wss", "https"} or api.base.scheme == "https" else "http"
    return url.with_scheme(scheme).origin()
