"""ActivityStreams 2 activities, as events of the accounts that we watch.

| activity | event |
|---|---|
| `Like`, `Announce` of a note | like, share between actor and whoever owns the note |
| `Create` of a note with `inReplyTo` | reply between its author and the owner of the other note |
| `Follow` of an actor | follow |
| `Undo` of an activity, `Delete` of a note | the removal of what it did |
| `Delete` of an actor by itself | the removal of all that it did |

Whose a note is, is told by its `attributedTo`, by the URL that an account's notes begin with, or by
a `Create` seen before. An actor likes, shares or follows a thing once, so these events are named by
kind, actor and object: an `Undo` that embeds its activity without an id names them too. One that
has only the activity's id needs the memory of what it did.

https://www.w3.org/TR/activitystreams-core/
"""

from __future__ import annotations

import hashlib
from collections import ChainMap
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, cast

import msgspec

from schemas.events import Direction, Event, InvalidEvent, Kind, Reason, check_id, encode
from streams.core.time import format_ms
from streams.sources.items import sendable

NOT_OURS = "concerns none of the accounts"
SELF = "self-interaction"
NO_REPLY = "a note that replies to nobody"
NO_INTERACTION = "an activity that is no interaction"
WHOSE = "unresolved: whose note it is is not known"
NOT_SEEN = "unresolved: takes back what was not seen before"
NOT_THEIRS = "takes back what another actor did"

_VOCABULARY = ("https://www.w3.org/ns/activitystreams#", "as:")
_KINDS: Mapping[str, Kind] = {"Like": "like", "Announce": "share", "Follow": "follow"}

Remembered = dict[str, bytes | None]
"""What to remember from now on, by key; None forgets."""


class _Deed(msgspec.Struct, array_like=True):
    """What an activity did to whom: enough to take it back."""

    kind: Kind
    actor: str
    target: str
    id: str
    activity: str
    post: str | None


class Told(NamedTuple):
    """What one activity says: events, or why there are none."""

    events: list[Event]
    left_out: str | None = None


_deed = msgspec.json.Decoder(_Deed)
_pack = msgspec.json.Encoder().encode


class ActivityStreams:
    """Turns activities into events.

    Args:
        accounts: the actors that we watch, each with what the URLs of its notes begin with.
        memory: of activities read before.
    """

    def __init__(self, accounts: Mapping[str, str], memory: Mapping[str, bytes]) -> None:
        self._accounts = accounts
        self._memory = dict(memory)

    def read(self, activity: object, now_ms: int, remembered: Remembered) -> Told:
        """Read one activity, as JSON values, received at `now_ms` (for those without a time).

        What is to be remembered is added to `remembered`, unless it raises, and looked up there:
        nothing else is changed until `remember` is told that it holds.

        Raises:
            InvalidEvent: it is no activity, or its event would be none.
        """
        new: Remembered = {}
        recall = ChainMap(new, remembered, cast("Remembered", self._memory))
        told = _Reading(self._accounts, recall).read(activity, now_ms)
        remembered |= new
        return told

    def remember(self, remembered: Remembered) -> None:
        """Make what was read the memory of what comes."""
        for key, value in remembered.items():
            if value is None:
                self._memory.pop(key, None)
            else:
                self._memory[key] = value


class _Reading:
    """The reading of one activity: `memory` is what came before, and takes what it adds."""

    def __init__(self, accounts: Mapping[str, str], memory: ChainMap[str, bytes | None]) -> None:
        self._accounts = accounts
        self._memory = memory

    def read(self, activity: object, now_ms: int) -> Told:
        if type(activity) is not dict:
            raise InvalidEvent(Reason.WRONG_TYPE, "an activity is an object")
        types = _types(activity)
        if not types:
            raise InvalidEvent(Reason.MISSING_FIELD, "the activity has no type")
        if not types & {*_KINDS, "Create", "Undo", "Delete"}:
            return Told([], NO_INTERACTION)
        at = _time(activity, now_ms)
        if "Undo" in types:
            return self._undo(activity, at)
        if "Delete" in types:
            return self._delete(activity, at)
        deed = self._deed(activity, types)
        if isinstance(deed, str):
            return Told([], deed)
        events = self._events(deed, at)
        if events:
            self._keep(deed)
        return Told(events, None if events else NOT_OURS)

    def _deed(self, activity: dict[str, Any], types: set[str]) -> _Deed | str:
        """What an activity did, or why that is nothing of ours."""
        name = _optional_id(activity)
        actor = _reference(activity, "actor")
        if "Create" in types:
            return self._reply(activity, name, actor)
        kind = next(_KINDS[type] for type in _KINDS if type in types)
        thing = _reference(activity, "object")
        target = thing if kind == "follow" else self._owner(activity["object"], thing)
        if target is None:
            return WHOSE
        if target == actor:
            return SELF
        post = None if kind == "follow" else thing
        return _Deed(kind, actor, target, _event_id(kind, actor, thing), name, post)

    def _reply(self, activity: dict[str, Any], name: str, actor: str) -> _Deed | str:
        note = _one(activity.get("object"))
        if type(note) is not dict:
            return WHOSE
        if not (parents := list(_many(note.get("inReplyTo")))):
            self._learn_note(note, actor)
            return NO_REPLY
        id = _reference(activity, "object")
        known = [
            (owner, _id_of(parent, "inReplyTo"))
            for parent in parents
            if (owner := self._owner(parent, _id_of(parent, "inReplyTo"))) is not None
        ]
        if not known:
            self._learn_note(note, actor)
            return WHOSE
        target, post = min(known, key=lambda one: one[0] not in self._accounts)
        if actor in self._accounts or target in self._accounts:
            self._memory[f"note {id}"] = actor.encode()
        return SELF if target == actor else _Deed("reply", actor, target, id, name, post)

    def _learn_note(self, note: dict[str, Any], actor: str) -> None:
        if actor in self._accounts:
            self._memory[f"note {_id_of(note, 'object')}"] = actor.encode()

    def _undo(self, undo: dict[str, Any], at: str) -> Told:
        undone = _one(undo.get("object"))
        name = _id_of(undone, "object") if type(undone) is str else _optional_id(undone)
        deed = self._known(f"activity {name}") if name else None
        if deed is None and type(undone) is dict:
            deed = self._embedded({"actor": undo.get("actor"), **undone})
        return self._take_back(deed, undo, at)

    def _embedded(self, undone: dict[str, Any]) -> _Deed | None:
        """What an activity did of which we do not know the id: it is known by its parts."""
        types = _types(undone)
        if not types & _KINDS.keys():
            return None
        kind = next(_KINDS[type] for type in _KINDS if type in types)
        id = _event_id(kind, _reference(undone, "actor"), _reference(undone, "object"))
        if (known := self._known(f"deed {id}")) is not None:
            return known
        found = self._deed(undone, types)
        return None if isinstance(found, str) else found

    def _delete(self, delete: dict[str, Any], at: str) -> Told:
        thing = _reference(delete, "object")
        if thing == _reference(delete, "actor"):
            deeds = [deed for deed in self._deeds() if deed.actor == thing]
            events = [event for deed in deeds for event in self._remove(deed, at)]
            return Told(events, None if events else NOT_SEEN)
        return self._take_back(self._known(f"deed {thing}"), delete, at)

    def _take_back(self, deed: _Deed | None, activity: dict[str, Any], at: str) -> Told:
        if deed is None:
            return Told([], NOT_SEEN)
        if deed.actor != _reference(activity, "actor"):
            return Told([], NOT_THEIRS)
        events = self._remove(deed, at)
        return Told(events, None if events else NOT_OURS)

    def _remove(self, deed: _Deed, at: str) -> list[Event]:
        self._memory[f"deed {deed.id}"] = None
        if deed.activity:
            self._memory[f"activity {deed.activity}"] = None
        return self._events(deed, at, remove=True)

    def _events(self, deed: _Deed, at: str, *, remove: bool = False) -> list[Event]:
        sides: list[tuple[str, str, Direction]] = []
        if deed.target in self._accounts:
            sides.append((deed.target, deed.actor, "inbound"))
        if deed.actor in self._accounts:
            sides.append((deed.actor, deed.target, "outbound"))
        events = [
            Event(
                kind=deed.kind,
                op="remove" if remove else "add",
                id=deed.id,
                account=account,
                member=member,
                direction=direction,
                at=at,
                platform="activitystreams",
                post=None if deed.kind == "reply" else deed.post,
                in_reply_to=deed.post if deed.kind == "reply" else None,
            )
            for account, member, direction in sides
        ]
        for event in events:
            sendable(event, encode(event))
        return events

    def _owner(self, note: object, id: str) -> str | None:
        """Whose a note is, if that can be known."""
        one = _one(note)
        if type(one) is dict and (author := _one(one.get("attributedTo"))) is not None:
            return _id_of(author, "attributedTo")
        if (known := self._memory.get(f"note {id}")) is not None:
            return known.decode()
        return next(
            (name for name, prefix in self._accounts.items() if id.startswith(prefix)), None
        )

    def _keep(self, deed: _Deed) -> None:
        packed = _pack(deed)
        self._memory[f"deed {deed.id}"] = packed
        if deed.activity:
            self._memory[f"activity {deed.activity}"] = packed

    def _known(self, key: str) -> _Deed | None:
        packed = self._memory.get(key)
        return None if packed is None else _deed.decode(packed)

    def _deeds(self) -> list[_Deed]:
        return [
            _deed.decode(packed)
            for key, packed in self._memory.items()
            if packed is not None and key.startswith("deed ")
        ]


def _event_id(kind: Kind, actor: str, thing: str) -> str:
    # A digest: the two ends together may be longer than an id may be.
    return f"{kind}:{hashlib.sha256(f'{actor} {thing}'.encode()).hexdigest()[:32]}"


def _types(thing: dict[str, Any]) -> set[str]:
    """Its types, however they are written: as a word, an IRI, a list."""
    found = set()
    for name in _many(thing.get("type")):
        if type(name) is not str:
            raise InvalidEvent(Reason.WRONG_TYPE, "type is a string, or a list of strings")
        for prefix in _VOCABULARY:
            name = name.removeprefix(prefix)  # noqa: PLW2901
        found.add(name)
    return found


def _time(activity: dict[str, Any], now_ms: int) -> str:
    at = activity.get("published")
    note = _one(activity.get("object"))
    if at is None and type(note) is dict and "Create" in _types(activity):
        at = note.get("published")
    if at is None:
        return format_ms(now_ms)
    if type(at) is not str:
        raise InvalidEvent(Reason.WRONG_TYPE, "published is not a string")
    return at


def _reference(thing: dict[str, Any], name: str) -> str:
    """The id of what a property refers to: by a string, or an object with an id."""
    value = _one(thing.get(name))
    if value is None:
        raise InvalidEvent(Reason.MISSING_FIELD, f"the activity has no {name}, or several")
    return _id_of(value, name)


def _id_of(value: object, name: str) -> str:
    one = _one(value)
    id = one.get("id", one.get("href")) if type(one) is dict else one
    if type(id) is not str:
        raise InvalidEvent(Reason.WRONG_TYPE, f"{name} is neither an id nor an object with one")
    return id


def _optional_id(thing: object) -> str:
    id = thing.get("id", "") if type(thing) is dict else ""
    if type(id) is not str:
        raise InvalidEvent(Reason.WRONG_TYPE, "id is not a string")
    if id and (wrong := check_id(id)):
        raise InvalidEvent(*wrong)
    return id


def _one(value: object) -> object:
    """A property's only value: in JSON-LD a list of one is that one."""
    if type(value) is list:
        return value[0] if len(value) == 1 else None
    return value


def _many(value: object) -> Iterator[object]:
    if type(value) is list:
        yield from value
    elif value is not None:
        yield value
