"""Relationships and census as documents, from the changelog, at one clock for everybody."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import orjson

from streams.changelog import Changelog
from streams.core.partition import Partition, Rules
from streams.core.placement import account_of
from streams.core.relationship import Relationship, Strength
from streams.core.series import SERIES
from streams.core.time import HOUR_MS, format_ms, hour_of

_TIMES = (
    "followed_at",
    "first_inbound_at",
    "last_inbound_at",
    "first_outbound_at",
    "last_outbound_at",
)


class TooEarly(ValueError):
    """The tables have passed the time that was asked for: they cannot tell how it was."""


def clock_at(changelog: Changelog, as_of: int | None) -> int:
    """The clock of an export: the hour of `as_of` (ms), or the greatest stored one.

    Raises:
        TooEarly: `as_of` lies in an hour before it.
    """
    if as_of is None:
        return changelog.clock
    if hour_of(as_of) < changelog.clock:
        raise TooEarly(
            f"the tables stand at {format_ms(changelog.clock * HOUR_MS)}, after "
            f"{format_ms(as_of)}: they know how things stand at that hour or later, not before; "
            "to look back, replay the events up to then under another CLOSEKNIT_APP"
        )
    return hour_of(as_of)


def relationships(
    changelog: Changelog, clock: int, account: str | None = None, stages: Collection[str] = ()
) -> Iterator[dict[str, Any]]:
    """Every relationship (or those of one account, or in some stages), sorted by key.

    Raises:
        CorruptValue: a value that we did not write.
    """
    prefix = b"" if account is None else f"{account} ".encode()
    strength = changelog.strength
    for key in sorted(key for key in changelog.values if key.startswith(prefix)):
        relationship = Relationship.unpack(changelog.values[key])
        if not stages or relationship.stage(clock) in stages:
            of, _, member = key.decode().partition(" ")
            yield document(of, member, relationship, clock, strength)


def document(
    account: str, member: str, relationship: Relationship, clock: int, strength: Strength
) -> dict[str, Any]:
    """All that is known of one relationship, as it stands at this clock."""
    times = {name: getattr(relationship, name) for name in _TIMES}
    return {
        "account": account,
        "member": member,
        "stage": str(relationship.stage(clock)),
        "following": relationship.following,
        **{name: None if ms is None else format_ms(ms) for name, ms in times.items()},
        **relationship.counts(clock),
        "active_days": relationship.active_days(clock),
        "awaiting": relationship.awaiting(clock),
        "strength": relationship.strength(clock, strength),
        "as_of": format_ms(clock * HOUR_MS),
    }


def census(
    changelog: Changelog, clock: int, account: str | None = None
) -> Iterator[dict[str, Any]]:
    """The counts of every account, or of one: what all workers together would export then."""
    # A count is a sum over partitions, so one partition that holds everything counts the same.
    rules = Rules(partitions=1, strength=changelog.strength, clock="event")
    everything = Partition(0, rules)
    for key, value in changelog.values.items():
        if account is None or account_of(key) == account:
            everything.restore(key, value)
    everything.restored(clock)
    for name in sorted(everything.census.accounts()):
        counts = everything.census.read(name, clock)
        yield {
            "account": name,
            "as_of": format_ms(clock * HOUR_MS),
            "series": {str(series): n for series, n in zip(SERIES, counts, strict=True)},
        }


LONG_COLUMNS = ("account", "as_of", "series", "value")
"""The columns of the census as CSV."""


def long(documents: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The census with a row per series, as a table wants it."""
    for document in documents:
        for series, n in document["series"].items():
            cells = (document["account"], document["as_of"], series, n)
            yield dict(zip(LONG_COLUMNS, cells, strict=True))


def as_jsonl(documents: Iterable[dict[str, Any]]) -> Iterator[bytes]:
    """One JSON object per line."""
    for document in documents:
        yield orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)


def as_csv(documents: Iterable[dict[str, Any]], columns: Sequence[str]) -> Iterator[bytes]:
    """CSV with a header row, even above no rows; null is an empty cell."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    yield buffer.getvalue().encode()
    for document in documents:
        buffer.seek(0)
        buffer.truncate()
        flat = dict(_flatten("", document))
        writer.writerow(_cell(flat[name]) for name in columns)
        yield buffer.getvalue().encode()


def relationship_columns() -> list[str]:
    """The columns of relationships as CSV: nested fields become `inbound_like_7`."""
    blank = document("account", "member", Relationship(), 0, Strength())
    return [name for name, _ in _flatten("", blank)]


def _flatten(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, nested in value.items():
            yield from _flatten(f"{prefix}_{name}" if prefix else name, nested)
    else:
        yield prefix, value


def _cell(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value
