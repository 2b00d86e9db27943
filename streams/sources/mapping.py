"""Mappings: declared rules that make canonical events of somebody else's records.

    [defaults]                               # what all rules share
    account = "'acme'"
    at = "timestamp"

    [[rule]]
    when = "event == 'Post Liked'"           # JMESPath; without it, every record
    kind = "like"
    id = "messageId"
    member = "userId"

A value is a JMESPath expression over the record, so a text of its own stands in quotes of
JMESPath's. Where only a few words are possible (kind, op, direction) such a word stands for itself.
`docs/mappings.md` tells it in full; nothing here reads a clock or a file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NamedTuple

import orjson

from schemas.events import TOPIC_OF, Event, InvalidEvent, Reason, encode
from streams.core.time import END_MS, format_ms
from streams.sources.expressions import Expression, Unanswerable, is_true
from streams.sources.items import sendable

MOST_EVENTS = 1000
"""Events that one record may become."""

WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "kind": tuple(TOPIC_OF),
    "op": ("add", "remove"),
    "direction": ("inbound", "outbound"),
}
"""Fields of which the values are known: such a word needs no quotes. Ticks are not for mappings."""

REQUIRED: Final = ("kind", "id", "account", "member", "at")

UNITS: Final[Mapping[str, Decimal]] = {
    "epoch-s": Decimal(1000),
    "epoch-ms": Decimal(1),
    "epoch-us": Decimal("0.001"),
}
"""Milliseconds in one of each."""

NO_RULE: Final = "no rule of the mapping applies"


class Hash(NamedTuple):
    """An id made of other values, where the platform has none."""

    parts: Sequence[tuple[str, Expression]]


class Rule(NamedTuple):
    """One kind of event to be made of a record.

    Attributes:
        name: for messages: its number and line.
        when: applies where this is true.
        each: what it is made of, one by one; None: of the record itself.
        fields: of the event: the expression as written, and compiled.
        id: as in `fields`, or a hash.
        unit: of a number in `at`; None where that is RFC 3339.
    """

    name: str
    when: Expression | None
    each: Expression | None
    fields: Mapping[str, tuple[str, Expression]]
    id: tuple[str, Expression] | Hash
    unit: Decimal | None


class Made(NamedTuple):
    """An event, and the rule that made it."""

    rule: str
    event: Event


class Mapped(NamedTuple):
    """A mapping file, compiled: see `streams.sources.mapping_file.read_mapping`."""

    rules: Sequence[Rule]

    def events(self, record: object) -> list[Event]:
        """Make the events of one record, as JSON values; none where no rule applies.

        Raises:
            InvalidEvent: one of them is no event, so that none is made.
        """
        return [made.event for made in self.explained(record)]

    def explained(self, record: object) -> list[Made]:
        """Do the same, and name the rules.

        Raises:
            InvalidEvent: see `events`.
        """
        made: list[Made] = []
        for rule in self.rules:
            try:
                for event in _apply(rule, record):
                    made.append(Made(rule.name, event))
                    if len(made) > MOST_EVENTS:
                        raise InvalidEvent(
                            Reason.TOO_LARGE, f"becomes more than {MOST_EVENTS} events"
                        )
            except InvalidEvent as invalid:
                raise InvalidEvent(invalid.reason, f"{rule.name}: {invalid.detail}") from None
        return made

    def read(self, value: bytes) -> list[Event]:
        """Do the same with a record that is still JSON.

        Raises:
            InvalidEvent: see `events`; or it is not JSON.
        """
        return self.events(read_json(value))


def read_json(value: bytes) -> object:
    """Read a record.

    Raises:
        InvalidEvent: it is not JSON.
    """
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError as error:
        reason = Reason.NOT_JSON if value else Reason.EMPTY
        raise InvalidEvent(reason, f"the record is not JSON: {error.msg}") from None


def _apply(rule: Rule, record: object) -> Iterator[Event]:
    if rule.each is None:
        scopes: Sequence[object] = (record,)
    else:
        found = _answer("each", rule.each, record)
        if found is None:
            return
        if type(found) is not list:
            raise InvalidEvent(Reason.WRONG_TYPE, f"each gives {_shown(found)}, and not a list")
        scopes = [{"item": item, "record": record} for item in found]
    for scope in scopes:
        if rule.when is None or is_true(_answer("when", rule.when, scope)):
            yield _event(rule, scope)


def _event(rule: Rule, scope: object) -> Event:
    fields: dict[str, Any] = {}
    for name, (text, expression) in rule.fields.items():
        value = _answer(name, expression, scope)
        if value is None:
            if name in REQUIRED:
                raise InvalidEvent(Reason.MISSING_FIELD, f"{name}: {text} gives nothing")
            continue
        if name == "seeded":
            if type(value) is not bool:
                raise InvalidEvent(
                    Reason.WRONG_TYPE, f"seeded: {text} gives {_shown(value)}, not true or false"
                )
            fields[name] = value
        elif name == "at" and rule.unit is not None:
            fields[name] = _time(text, value, rule.unit)
        else:
            fields[name] = _text(name, text, value)
            if name in WORDS and fields[name] not in WORDS[name]:
                raise InvalidEvent(
                    Reason.UNKNOWN_KIND,
                    f"{name}: {text} gives {_shown(value)}; known are {', '.join(WORDS[name])}",
                )
    if isinstance(rule.id, Hash):
        fields["id"] = _hashed(rule.id, scope)
    event = Event(**fields)
    sendable(event, encode(event))
    return event


def _answer(name: str, expression: Expression, scope: object) -> Any:
    try:
        return expression(scope)
    except Unanswerable as error:
        raise InvalidEvent(Reason.WRONG_TYPE, f"{name}: {error}") from None


def _text(name: str, text: str, value: object) -> str:
    # Ids are often numbers elsewhere. Not 1.0, nor true: those are no ids.
    if type(value) is str:
        return value
    if type(value) is int:
        return str(value)
    raise InvalidEvent(
        Reason.WRONG_TYPE, f"{name}: {text} gives {_shown(value)}, not a string or a whole number"
    )


def _time(text: str, value: object, unit: Decimal) -> str:
    try:
        if type(value) not in {int, float, str}:
            raise InvalidOperation
        # As it is written: 1783175887.396 as a double is a little less.
        ms = Decimal(str(value)) * unit
        if not 0 <= ms < END_MS:
            raise InvalidOperation
    except InvalidOperation:
        raise InvalidEvent(
            Reason.INVALID_TIME,
            f"at: {text} gives {_shown(value)}, which is no time from 1970 to 2199 in this unit",
        ) from None
    return format_ms(int(ms))


def _hashed(id: Hash, scope: object) -> str:
    parts = []
    for text, expression in id.parts:
        value = _answer("id", expression, scope)
        if value is None:
            raise InvalidEvent(Reason.MISSING_FIELD, f"id: {text} gives nothing")
        parts.append(value)
    try:
        packed = orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError as error:
        raise InvalidEvent(Reason.WRONG_TYPE, f"id: {error}") from None
    return hashlib.sha256(packed).hexdigest()[:32]


def _shown(value: object) -> str:
    """A stranger's value for a message: visible whatever it holds, and never long."""
    text = ascii(value) if not isinstance(value, list | dict) else type(value).__name__
    return {"list": "a list", "dict": "an object"}.get(text, text[:60])
