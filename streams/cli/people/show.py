"""`closeknit people show`: one member, completely."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import click

from streams import export
from streams.cli.audience import Audience, read_audience, similar
from streams.cli.parameters import Id, Time
from streams.cli.running import Failure, plain_errors, read_settings
from streams.cli.screen import print_table
from streams.core.placement import relationship_key
from streams.core.relationship import Relationship
from streams.core.time import HOUR_MS, format_ms, hour_of, parse_at
from streams.core.words import visible
from streams.people import (
    LISTINGS,
    consists_of,
    lasts_until,
    next_step,
    rule,
    strength_when_last_heard,
    timeline,
    waiting,
    why,
)


@click.command()
@click.argument("member", type=Id())
@click.option("--account", type=Id(), help="Only with this account; default: with every one.")
@click.option(
    "--format", "form", type=click.Choice(["text", "jsonl"]), default="text", show_default=True
)
@click.option(
    "--as-of",
    type=Time(),
    help="Age everything to this RFC 3339 time; default: the greatest stored clock.",
)
def show(*, member: str, account: str | None, form: str, as_of: int | None) -> None:
    """Explain one relationship completely.

    Its stage and why, what would take it further, what it consists of, and its history.
    """
    settings = read_settings()
    with plain_errors(settings):
        audience = read_audience(settings, as_of)
        if member in audience.ignored:
            raise Failure(
                f"{visible(member)} is on the ignore list {settings.ignore.path}: "
                "take them off it to see them"
            )
        accounts = sorted(audience.accounts) if account is None else audience.covered(account)
        known = [of for of in accounts if relationship_key(of, member) in audience.changelog.values]
        if not known:
            raise Failure(_unknown(audience, member, account))
        documents = (_document(audience, of, member) for of in known)
        if form == "jsonl":
            out = click.get_binary_stream("stdout")
            for line in export.as_jsonl(documents):
                out.write(line)
            out.flush()
        else:
            for number, document in enumerate(documents):
                if number:
                    click.echo()
                _print(audience.title(document["account"]), document)


def _unknown(audience: Audience, member: str, account: str | None) -> str:
    values = audience.changelog.values
    pairs = (key.decode().partition(" ")[::2] for key in values)
    known = sorted({who for of, who in pairs if account in {None, of}} - audience.ignored)
    where = "" if account is None else f" of {visible(account)}"
    return f"no member {visible(member)}{where} is known{similar(member, known)}"


def _document(audience: Audience, account: str, member: str) -> dict[str, Any]:
    """All that can be said of a relationship; the text is made of it."""
    changelog, clock = audience.changelog, audience.clock
    strength = changelog.strength
    relationship = Relationship.unpack(changelog.values[relationship_key(account, member)])
    wait = waiting(relationship, clock)
    until = lasts_until(relationship, clock)
    portions, evicted = consists_of(relationship, clock, strength)
    return {
        **export.document(account, member, relationship, clock, strength),
        "because": rule(relationship, clock),
        "next_step": next_step(relationship, clock, strength),
        "lasts_until": until and format_ms(until),
        "waiting_since": wait and format_ms(wait.since),
        "unanswered": wait.replies if wait else 0,
        "followed_by_us": bool(relationship.open_out),
        "strength_when_last_heard": strength_when_last_heard(relationship, clock, strength),
        "strength_consists_of": {
            **{f"{part.direction}_{part.kind}": part.strength for part in portions},
            "older": evicted,
        },
        "half_life_days": strength.half_life_days,
        "lists": _lists(audience, account, member),
        "timeline": [{"at": format_ms(at), "what": what} for at, what in timeline(relationship)],
    }


def _lists(audience: Audience, account: str, member: str) -> dict[str, str]:
    """Why they are on which list, by its name."""
    changelog, clock = audience.changelog, audience.clock
    key = relationship_key(account, member)
    alone = changelog._replace(values={key: changelog.values[key]})
    found: dict[str, str] = {}
    for name, listing in LISTINGS.items():
        here = listing.find(alone, clock, account, audience.ignored)
        if here and listing.compares:  # it may be another list with the others beside it
            everybody = listing.find(changelog, clock, account, audience.ignored)
            here = [person for person in everybody if person.member == member]
        found.update((name, person.why) for person in here)
    return found


def _print(title: str, document: dict[str, Any]) -> None:
    clock = hour_of(parse_at(document["as_of"]))
    as_of = why.minute(clock * HOUR_MS)
    click.echo(f"{visible(document['member'])} and {title}, {as_of}\n")
    print_table(*_sentences(document, clock))
    if counts := list(_counts(document)):
        click.echo()
        header = ("", "1 day", "7 days", "28 days", "in all", "strength")
        print_table(header, *counts, right=range(1, len(header)))
    if moments := document["timeline"]:
        click.echo()
        times = [(parse_at(moment["at"]), moment["what"]) for moment in moments]
        rows = [(why.minute(at), why.ago(at, clock), what) for at, what in times]
        print_table(*rows, right=[1])


def _sentences(document: dict[str, Any], clock: int) -> Iterator[tuple[str, str]]:
    yield "stage", f"{document['stage']}: {document['because']}"
    if document["next_step"]:
        yield "next", document["next_step"]
    if document["lasts_until"]:
        yield "lasts", f"until {why.minute(parse_at(document['lasts_until']))} if nothing happens"
    if since := document["waiting_since"]:
        replies = why.count(document["unanswered"], "reply")
        waited = why.span(parse_at(since), clock)
        yield "waiting", f"for your answer for {waited}: {replies} unanswered"
    yield "follows", _follows(document)
    strength = f"{document['strength']:,.1f}"
    if document["strength_when_last_heard"] is not None:
        strength += f"; {document['strength_when_last_heard']:,.1f} when last heard"
    yield "strength", f"{strength}; it halves every {document['half_life_days']:g} days"
    yield "lists", ", ".join(document["lists"]) or "none"


def _follows(document: dict[str, Any]) -> str:
    said = "no"
    if document["following"]:
        at = document["followed_at"]
        said = f"since {why.minute(parse_at(at))}" if at else "since before we looked"
    return f"{said}; you follow them" if document["followed_by_us"] else said


_SIDES = {"inbound": "their", "outbound": "your"}
_KINDS = {"reply": "replies", "share": "shares", "like": "likes"}


def _counts(document: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    """Yield a row for every kind and direction of which there is any."""
    portions = document["strength_consists_of"]
    for direction, whose in _SIDES.items():
        for kind, plural in _KINDS.items():
            counts = document[direction][kind]
            if counts["total"]:
                numbers = (f"{n:,}" for n in counts.values())
                yield f"{whose} {plural}", *numbers, f"{portions[f'{direction}_{kind}']:,.1f}"
    if portions["older"]:
        yield "older ones", "", "", "", "", f"{portions['older']:,.1f}"
