"""ActivityStreams in files: an outbox as it is exported, a list, or an activity on each line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import attrgetter
from typing import Any, NamedTuple

import orjson

from schemas.events import InvalidEvent, encode
from streams.core.time import parse_at
from streams.sources.activitystreams import ActivityStreams, Remembered
from streams.sources.items import Malformed, Sendable, sendable


class Activity(NamedTuple):
    """One activity, when it happened, and its number in its file, from 1."""

    at_ms: int
    number: int
    body: dict[str, Any]


class _Kept(NamedTuple):
    at_ms: int
    file: str
    number: int
    body: dict[str, Any]


class Activities:
    """Collects the activities of several exports, and reads them in the order of time.

    They are held in memory. What takes something back refers to what was before, whichever file
    that is in, and the newest comes first in some exports.

    Args:
        accounts: see `ActivityStreams`.
    """

    def __init__(self, accounts: Mapping[str, str]) -> None:
        self.left_out: Counter[str] = Counter()
        self._reader = ActivityStreams(accounts, {})
        self._kept: list[_Kept] = []

    def activities(self, lines: Iterable[bytes]) -> Iterator[Activity | Malformed]:
        """What a file holds. History needs times: an activity that tells none is malformed."""
        whole = b"".join(lines)
        try:
            found = list(_items(orjson.loads(whole)))
        except orjson.JSONDecodeError:
            yield from _by_line(whole)
            return
        for number, body in enumerate(found, 1):
            yield _dated(number, body)

    def add(self, file: str, activity: Activity) -> None:
        """Take one of `activities`."""
        self._kept.append(_Kept(activity.at_ms, file, activity.number, activity.body))

    def events(self, on_malformed: Callable[[Malformed], None]) -> Iterator[Sendable]:
        """The events of everything that was added."""
        self._kept.sort(key=attrgetter("at_ms"))
        for at_ms, file, number, body in self._kept:
            remembered: Remembered = {}
            try:
                told = self._reader.read(body, at_ms, remembered)
                found = [sendable(event, encode(event)) for event in told.events]
            except InvalidEvent as invalid:
                on_malformed(Malformed(number, str(invalid), file))
                continue
            self._reader.remember(remembered)
            if told.left_out is not None:
                self.left_out[told.left_out] += 1
            yield from found


def _by_line(whole: bytes) -> Iterator[Activity | Malformed]:
    for number, line in enumerate(whole.splitlines(), 1):
        if line.strip():
            try:
                yield _dated(number, orjson.loads(line))
            except orjson.JSONDecodeError as error:
                yield Malformed(number, f"neither an activity nor a collection of them: {error}")


def _items(document: object) -> Iterator[object]:
    """The activities of a collection, or the one that it is."""
    if isinstance(document, list):
        yield from document
    elif isinstance(document, dict) and isinstance(first := document.get("first"), dict):
        yield from _items(first)
    elif isinstance(document, dict) and ("orderedItems" in document or "items" in document):
        yield from _items(document.get("orderedItems", document.get("items")))
    else:
        yield document


def _dated(number: int, body: object) -> Activity | Malformed:
    if not isinstance(body, dict):
        return Malformed(number, "an activity is an object")
    note = body.get("object")
    at = body.get("published")
    if at is None and body.get("type") == "Create" and isinstance(note, dict):
        at = note.get("published")
    if not isinstance(at, str):
        return Malformed(number, "does not say when it happened (published)")
    try:
        return Activity(parse_at(at), number, body)
    except ValueError as error:
        return Malformed(number, f"published is {error}")
