"""Reads a mapping file: everything that is wrong with it is said at once, with its lines."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple

from schemas.events import Event
from streams.sources.expressions import Expression, InvalidExpression, compiled
from streams.sources.mapping import REQUIRED, UNITS, WORDS, Hash, Mapped, Rule

MOST_RULES = 200
LARGEST = 256 << 10
"""Bytes of a mapping file."""

_RFC3339 = "rfc3339"
_KEYS = ("when", "each", "at_format", *Event.__struct_fields__)


class InvalidMapping(ValueError):
    """The mapping cannot be used; `problems` has a sentence for each thing to mend."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def read_mapping(text: str, name: str) -> Mapped:
    """Read a mapping file.

    Args:
        text: what it holds.
        name: for messages.

    Raises:
        InvalidMapping: with everything that is wrong.
    """
    if len(text) > LARGEST:
        raise InvalidMapping([f"{name} is larger than {LARGEST} bytes"])
    try:
        document = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise InvalidMapping([f"{name} is not TOML: {error}"]) from None
    reading = _Reading(name, _lines(text))
    rules = reading.document(document)
    if reading.problems:
        raise InvalidMapping(reading.problems)
    return Mapped(rules)


class _Place(NamedTuple):
    """A table of the file (-1 is `defaults`), and one of its keys; empty for the table itself."""

    rule: int
    key: str = ""


class _Reading:
    def __init__(self, name: str, lines: Mapping[_Place, int]) -> None:
        self.problems: list[str] = []
        self._name = name
        self._lines = lines

    def document(self, document: Mapping[str, Any]) -> list[Rule]:
        for key in document.keys() - {"defaults", "rule"}:
            self._say(_Place(-2), f"{key} is none of its tables: there are [defaults] and [[rule]]")
        defaults = document.get("defaults", {})
        rules = document.get("rule", [])
        if type(defaults) is not dict:
            self._say(_Place(-2), "defaults must be a table: [defaults]")
            defaults = {}
        if type(rules) is not list or not rules or not all(type(rule) is dict for rule in rules):
            self._say(_Place(-2), "it needs rules: one [[rule]] for each kind of event")
            rules = []
        if len(rules) > MOST_RULES:
            self._say(_Place(-2), f"it has {len(rules)} rules; {MOST_RULES} are allowed")
            rules = []
        for key in ("when", "each"):
            if key in defaults:
                self._say(_Place(-1, key), f"{key} belongs to a rule")
        shared = self._table(_Place(-1), defaults)
        return [self._rule(number, rule, shared) for number, rule in enumerate(rules)]

    def _rule(self, number: int, table: Mapping[str, Any], shared: Mapping[str, Any]) -> Rule:
        place = _Place(number)
        own = self._table(place, table)
        together = {**shared, **own}
        if missing := [key for key in REQUIRED if key not in together]:
            self._say(place, f"has no {', no '.join(missing)}, and neither have the defaults")
        line = self._lines.get(place)
        when, each = together.pop("when", None), together.pop("each", None)
        id = together.pop("id", None)
        unit = together.pop("at_format", None)
        return Rule(
            name=f"rule {number + 1}" + (f" (line {line})" if line else ""),
            when=when and when[1],
            each=each and each[1],
            fields=together if isinstance(id, Hash) or id is None else {"id": id, **together},
            id=id or Hash(()),
            unit=unit if unit != _RFC3339 else None,
        )

    def _table(self, place: _Place, table: Mapping[str, Any]) -> dict[str, Any]:
        """What its keys mean, without those that are wrong."""
        found: dict[str, Any] = {}
        for key, value in table.items():
            here = place._replace(key=key)
            if key not in _KEYS:
                near = get_close_matches(key, _KEYS, n=1)
                self._say(here, f"no such field{f'; did you mean {near[0]}?' if near else ''}")
                found[near[0] if near else key] = None
            elif key == "at_format":
                found[key] = self._unit(here, value)
            elif type(value) is dict and key == "id":
                found[key] = self._hash(here, value)
            else:
                found[key] = self._expression(here, value)
        return found

    def _unit(self, place: _Place, value: object) -> Any:
        if value == _RFC3339 or value in UNITS:
            return UNITS.get(str(value), _RFC3339)
        self._say(place, f"must be {_RFC3339}, {', '.join(UNITS)}")
        return None

    def _hash(self, place: _Place, value: Mapping[str, Any]) -> Hash | None:
        parts = value.get("hash")
        if value.keys() != {"hash"} or type(parts) is not list or not parts:
            self._say(place, 'must be an expression, or { hash = ["EXPRESSION", …] }')
            return None
        return Hash([part for text in parts if (part := self._expression(place, text))])

    def _expression(self, place: _Place, value: object) -> tuple[str, Expression] | None:
        if type(value) is bool and place.key == "seeded":
            return str(value).lower(), lambda _: value
        if type(value) is not str:
            self._say(place, "must be a string: a JMESPath expression")
            return None
        if value in WORDS.get(place.key, ()):
            return value, lambda _: value
        try:
            return value, compiled(value)
        except InvalidExpression as error:
            self._say(place, f"{value[:80]!r} is not JMESPath: {error}")
            return None

    def _say(self, place: _Place, problem: str) -> None:
        line = self._lines.get(place, self._lines.get(place._replace(key="")))
        table = "" if place.rule == -2 else "defaults" if place.rule == -1 else "rule"
        if place.rule >= 0:
            table = f"rule {place.rule + 1}"
        where = ", ".join(part for part in (table, place.key) if part)
        at = f"{self._name}:{line}" if line else self._name
        self.problems.append(f"{at}: {where}: {problem}" if where else f"{at}: {problem}")


_RULE = re.compile(r"\s*\[\[\s*rule\s*\]\]")
_DEFAULTS = re.compile(r"\s*\[\s*defaults\s*\]")
_KEY = re.compile(r"\s*[\"']?([A-Za-z_-]+)[\"']?\s*=")


def _lines(text: str) -> dict[_Place, int]:
    """Where things are, as tomllib does not tell: for files written as people write them."""
    found: dict[_Place, int] = {}
    rule, table = -1, -2
    for number, line in enumerate(text.splitlines(), 1):
        if _RULE.match(line):
            rule += 1
            table = rule
            found[_Place(table)] = number
        elif _DEFAULTS.match(line):
            table = -1
            found[_Place(table)] = number
        elif key := _KEY.match(line):
            found.setdefault(_Place(table, key[1]), number)
    return found
