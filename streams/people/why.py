"""Why somebody is on a list, in plain words with numbers from the tables; never a bare score."""

from __future__ import annotations

from collections.abc import Mapping

from streams.core.relationship import Relationship
from streams.core.time import format_ms, hour_of
from streams.people.facts import Heard, Waiting, heard, heard_since, waiting

_PLURALS = {"person": "people", "reply": "replies"}
_KINDS = ("reply", "share", "like")  # what weighs most comes first


def awaiting(relationship: Relationship, wait: Waiting, clock: int) -> str:
    """Say how long they have been waiting, and whether we ever talked."""
    before = f"{replied(relationship)} before" if replies(relationship) else "you never replied"
    return f"waiting {span(wait.since, clock)}: {unanswered(wait, clock)}; {before}"


def heard_of(relationship: Relationship, last: int, clock: int) -> str:
    """Say what there is or was: the reason of connections, and of those who cool down."""
    said = [deeds(heard(relationship))]
    if relationship.recency().reply_in >= 0 or replies(relationship):
        said.append(replied(relationship))
    said.append(f"last heard {ago(last, clock)}")
    if wait := waiting(relationship, clock):
        said.append(f"waiting {span(wait.since, clock)} for an answer")
    return "; ".join(said)


def promising(relationship: Relationship, since: int, clock: int) -> str:
    """Say what they did since they followed, and whether we noticed."""
    said = f"followed {ago(since, clock)}; since then {deeds(heard_since(relationship, since))}"
    if wait := waiting(relationship, clock):
        return f"{said}; waiting {span(wait.since, clock)} for an answer"
    return f"{said}; {replied(relationship)}"


def hollow(relationship: Relationship, clock: int) -> str:
    """Say since when they have followed without a word."""
    since = relationship.followed_at
    said = "followed before we looked" if since is None else f"followed {ago(since, clock)}"
    said += "; never a like, share or reply"
    return f"{said}; {replied(relationship)}" if replies(relationship) else said


def unanswered(wait: Waiting, clock: int) -> str:
    """Return "1 reply unanswered" or "3 replies unanswered, the last 2 d ago"."""
    said = f"{count(wait.replies, 'reply')} unanswered"
    return said if wait.replies == 1 else f"{said}, the last {ago(wait.last, clock)}"


def deeds(done: Heard) -> str:
    """Return "14 replies, 1 share and 3 likes on 9 days"."""
    on = "on" if done.all_days else "on at least"
    return f"{listed(done.counts)} {on} {count(done.days, 'day')}"


def listed(counts: Mapping[str, int]) -> str:
    """Return "14 replies, 1 share and 3 likes", without what there is none of."""
    *head, tail = [count(counts[kind], kind) for kind in _KINDS if counts[kind]] or ["nothing"]
    return f"{', '.join(head)} and {tail}" if head else tail


def count(n: int, noun: str) -> str:
    """Return "1 reply", "2,000 replies"."""
    return f"{n:,} {noun if n == 1 else _PLURALS.get(noun, noun + 's')}"


def ago(at: int, clock: int) -> str:
    """Return "5 h ago", "11 d ago": whole hours below two days, then whole days."""
    return f"{span(at, clock)} ago"


def minute(at: int) -> str:
    """Return a time as people read it: "2026-07-04 14:38 UTC"."""
    text = format_ms(at)
    return f"{text[:10]} {text[11:16]} UTC"


def span(at: int, clock: int) -> str:
    """Return how long ago that was: "under 1 h", "5 h", "11 d"."""
    hours = clock - hour_of(at)
    if hours < 1:
        return "under 1 h"
    return f"{hours} h" if hours < 48 else f"{hours // 24:,} d"


def replies(relationship: Relationship) -> int:
    """How often we replied to them."""
    return relationship.counts(0)["outbound"]["reply"]["total"]


def replied(relationship: Relationship) -> str:
    """Return "you never replied", "you replied once", "you replied 12 times"."""
    n = replies(relationship)
    often = {0: "never replied", 1: "replied once", 2: "replied twice"}
    return f"you {often.get(n, f'replied {n:,} times')}"
