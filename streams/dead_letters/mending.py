"""Mending: fields of a refused value set to other values, or taken out; all else stays verbatim."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, get_args

import msgspec
import orjson

from schemas.events import Direction, Event, Kind, Op, check_id, check_identity
from streams.core.time import parse_at

_WORDS = {"kind": get_args(Kind), "op": get_args(Op), "direction": get_args(Direction)}


class WrongMend(ValueError):
    """What was asked for can make no event, or not of this value."""


class Mend(NamedTuple):
    """Fields to set, with their values in JSON, and names of fields to take out."""

    set: Mapping[str, str | bool]
    unset: frozenset[str]

    @classmethod
    def parse(cls, assignments: Iterable[str], unset: Iterable[str] = ()) -> Mend:
        """Read `field=value` of each field to set; the value is typed as the event's field.

        Any field may be taken out, for an unknown one can be what makes a value too large.

        Raises:
            WrongMend: no such field, a value that the engine would refuse, a field named twice.
        """
        fields: dict[str, str | bool] = {}
        out = frozenset(unset)
        for assignment in assignments:
            name, equals, text = assignment.partition("=")
            if not equals:
                raise WrongMend(f"{assignment!r} is not of the form field=value")
            if name in fields or name in out:
                raise WrongMend(f"{name} is named twice")
            fields[name] = _typed(name, text)
        return cls(fields, out)

    def __bool__(self) -> bool:
        return bool(self.set or self.unset)

    def __call__(self, value: bytes | None) -> bytes:
        """Return the value mended; every field that is not named keeps its bytes.

        Raises:
            WrongMend: the value is no JSON object.
        """
        try:
            whole = orjson.loads(value or b"")
            if type(whole) is not dict:
                raise WrongMend("the value is no JSON object: it has no fields")
            # Read a second time, as pieces: numbers that no double holds, the order of fields and
            # white space within them stay as they are.
            fields: dict[str, Any] = _pieces.decode(value or b"")
        except (orjson.JSONDecodeError, msgspec.MsgspecError, RecursionError):
            raise WrongMend("the value is not JSON: it has no fields") from None
        for name in self.unset:
            fields.pop(name, None)
        return msgspec.json.encode(fields | dict(self.set))


_pieces = msgspec.json.Decoder(dict[str, msgspec.Raw])


def _typed(name: str, text: str) -> str | bool:
    if name not in Event.__struct_fields__:
        raise WrongMend(f"{name!r} is no field; there are {', '.join(Event.__struct_fields__)}")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise WrongMend(f"{name} is not UTF-8 text") from None
    if name in _WORDS and text not in _WORDS[name]:
        raise WrongMend(f"{name} is {text!r}; known are {', '.join(_WORDS[name])}")
    if name == "seeded":
        if text not in {"true", "false"}:
            raise WrongMend(f"seeded is {text!r}; it is true or false")
        return text == "true"
    if name == "at":
        try:
            parse_at(text)
        except ValueError as error:
            raise WrongMend(f"at is {error}") from None
    fault = None
    if name == "id":
        fault = check_id(text)
    elif name in {"account", "member"}:
        # The other end only has to be valid and different.
        other = "-" if text != "-" else "+"
        fault = check_identity(*((text, other) if name == "account" else (other, text)))
    if fault:
        raise WrongMend(fault[1])
    return text
