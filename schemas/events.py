"""One event on the wire: its model, its codec, and every reason to refuse one.

Everything that can be judged from the bytes of a value alone lives here: `decode`, `decode_many`
and `encode`, and the pure rules for ids (`check_id`, `check_identity`), which callers apply only
where they must, since a key seen before has been checked before. What needs a topic, a clock or a
partition is judged in `streams.core.admission`; what `at` means, in `streams.core.time`.

The JSON Schemas beside this file say the same for strangers; the tests hold both to one verdict.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum
from itertools import chain
from typing import Any, Final, Literal, NoReturn, final, get_args

import msgspec
import orjson

Kind = Literal["like", "reply", "follow", "share", "tick"]
Op = Literal["add", "remove"]
Direction = Literal["inbound", "outbound"]

TOPIC_OF: Final[Mapping[str, str]] = {
    "like": "likes",
    "reply": "replies",
    "follow": "follows",
    "share": "shares",
}
"""The topic of each kind, without its prefix. A tick belongs to every topic."""

MAX_ID: Final = 512
"""Characters in an event's id."""

MAX_IDENTITY: Final = 256
"""Characters in an account or a member."""

# Unicode white space and control characters, spelled out: `\s` differs between regex dialects,
# and the JSON Schemas carry the same class.
FORBIDDEN_IN_IDENTITY: Final = (
    r"[\u0000-\u0020\u007f-\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"
)
_forbidden = re.compile(FORBIDDEN_IN_IDENTITY).search


class Reason(StrEnum):
    """Why a record became a dead letter.

    `meaning` explains it to the person who finds it; `remedy` completes "what to do".
    """

    meaning: str
    remedy: str

    def __new__(cls, value: str, meaning: str, remedy: str) -> "Reason":
        """Keep the sentences beside the value."""
        reason = str.__new__(cls, value)
        reason._value_ = value
        reason.meaning = meaning
        reason.remedy = remedy
        return reason

    TOO_LARGE = (
        "too_large",
        "the value is larger than the largest allowed",
        "raise CLOSEKNIT_MAX_VALUE_BYTES, or redrive without what is large: --unset FIELD",
    )
    EMPTY = (
        "empty",
        "the value is null or has no bytes",
        "nothing can be made of it; an undone interaction is an event with op remove, not a "
        "tombstone: tell the producer",
    )
    NOT_JSON = (
        "not_json",
        "the value is not one JSON document in UTF-8",
        "have its producer write JSON (not Avro, not a schema's prefix, not two documents) and "
        "send it again; there is nothing here that could be set",
    )
    WRONG_TYPE = (
        "wrong_type",
        "the value is not an object, or a field has the wrong JSON type",
        "mend the producer, then redrive with --set FIELD=VALUE or --unset FIELD",
    )
    MISSING_FIELD = (
        "missing_field",
        "a required field is not there",
        "mend the producer, then redrive with --set FIELD=VALUE",
    )
    UNKNOWN_KIND = (
        "unknown_kind",
        "kind, op or direction is none of the known words",
        "redrive with the right word, such as --set kind=share; leave what is no like, reply, "
        "follow or share",
    )
    KIND_MISMATCH = (
        "kind_mismatch",
        "the kind belongs to another topic",
        "have the producer choose the topic by kind; redrive sends it to the topic of its kind, "
        "or with --set kind=KIND makes it one of the topic that it was in",
    )
    INVALID_ID = (
        "invalid_id",
        f"id is empty or longer than {MAX_ID} characters",
        "give each event a stable id of its own (a hash, if the platform's is too long): "
        "redrive one letter at a time with --set id=ID",
    )
    INVALID_ACCOUNT = (
        "invalid_account",
        f"account is not 1 to {MAX_IDENTITY} characters without white space or control characters",
        "redrive with --set account=ACCOUNT",
    )
    INVALID_MEMBER = (
        "invalid_member",
        f"member is not 1 to {MAX_IDENTITY} characters without white space or control characters",
        "redrive those of one member together with --set member=MEMBER",
    )
    SELF_INTERACTION = (
        "self_interaction",
        "account and member are the same",
        "nothing, mostly: an account that likes itself has no relationship by that",
    )
    INVALID_TIME = (
        "invalid_time",
        "at is not an RFC 3339 time with an offset from 1970 to 2199, leap seconds excluded",
        "have the producer write an offset (Z or +02:00), then redrive with --set at=TIME",
    )
    IN_FUTURE = (
        "in_future",
        "at is further ahead of the clocks than allowed",
        "look at the producer's clock, then redrive with --set at=TIME, or raise "
        "CLOSEKNIT_MAX_AHEAD if that is meant",
    )
    MISPLACED = (
        "misplaced",
        "in the wrong partition again after being re-sent once",
        "make CLOSEKNIT_PARTITIONS the same for all workers (`closeknit topics check`), then "
        "redrive: it is placed anew",
    )


class InvalidEvent(ValueError):
    """A value that is not an event: `reason` for counting, `detail` for the reader."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


# Unknown fields are allowed on the wire, yet forbidden to msgspec: it does not look closely into
# what it skips (bytes that are no UTF-8, numbers beyond a double). With nothing to skip, each byte
# of an accepted value has been parsed as a field of ours; all else takes the slow path.
@final
class Event(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=True):
    """One event as it is on the wire, its types checked and nothing else.

    A tick leaves `id`, `account` and `member` empty. The last four fields are not part of the
    state; they are kept for sources, sinks and later features.
    """

    kind: Kind
    at: str
    id: str = ""
    account: str = ""
    member: str = ""
    op: Op = "add"
    direction: Direction = "inbound"
    seeded: bool = False
    platform: str | None = None
    post: str | None = None
    via: str | None = None
    in_reply_to: str | None = None


_decoder = msgspec.json.Decoder(Event)
_encoder = msgspec.json.Encoder()


def decode(value: bytes) -> Event:
    """Read one event; unknown fields are ignored, of a repeated field the last counts.

    Raises:
        InvalidEvent: empty, not JSON (as orjson judges it), a wrong type, a missing field or an
            unknown kind, op or direction. Nothing else, whatever the bytes.
    """
    try:
        event = _decoder.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        pass
    else:
        if _is_whole(event):
            return event
    return _examine(value)


def decode_many(values: Sequence[bytes]) -> list[Event | InvalidEvent]:
    """Read many events: for each, in order, what `decode` returns or raises."""
    # Not as lines in one go: msgspec reads those as a stream, so that an event could span two
    # values, and looking out for that costs more than it saves.
    try:
        events = list(map(_decoder.decode, values))
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return list(map(_decode_or_refuse, values))
    for event in events:
        if not (event.id and event.account and event.member) and event.kind != "tick":
            return list(map(_decode_or_refuse, values))
    return list(events)


def encode(event: Event) -> bytes:
    """Write an event as compact JSON, leaving out fields that have their default."""
    return _encoder.encode(event)


def check_id(id: str) -> tuple[Reason, str] | None:
    """Say what is wrong with an event's id, or None."""
    if 1 <= len(id) <= MAX_ID:
        return None
    return Reason.INVALID_ID, f"id has {len(id)} characters; 1 to {MAX_ID} are allowed"


def check_identity(account: str, member: str) -> tuple[Reason, str] | None:
    """Say what is wrong with the two ends of a relationship, or None."""
    if (
        1 <= len(account) <= MAX_IDENTITY
        and 1 <= len(member) <= MAX_IDENTITY
        and account != member
        # Nearly all ids are visible ASCII, and this is ten times faster than to search them.
        and _are_visible_ascii((account, member))
    ):
        return None
    for field, text, reason in (
        ("account", account, Reason.INVALID_ACCOUNT),
        ("member", member, Reason.INVALID_MEMBER),
    ):
        if not 1 <= len(text) <= MAX_IDENTITY:
            return reason, f"{field} has {len(text)} characters; 1 to {MAX_IDENTITY} are allowed"
        if found := _forbidden(text):
            return reason, (
                f"{field} holds U+{ord(found[0]):04X} at character {found.start() + 1}; "
                "white space and control characters are not allowed"
            )
    if account == member:
        return Reason.SELF_INTERACTION, f"account and member are both {_quote(account)}"
    return None


def check_identities(
    pairs: Collection[tuple[str, str]],
) -> dict[tuple[str, str], tuple[Reason, str]]:
    """`check_identity` for many accounts and members: what is wrong, where something is."""
    suspects = pairs
    if _are_visible_ascii(chain.from_iterable(pairs)):
        suspects = [
            (account, member)
            for account, member in pairs
            if account == member
            or not (0 < len(account) <= MAX_IDENTITY and 0 < len(member) <= MAX_IDENTITY)
        ]
    return {pair: fault for pair in suspects if (fault := check_identity(*pair))}


def _are_visible_ascii(texts: Iterable[str]) -> bool:
    together = "".join(texts)
    return together.isascii() and together.isprintable() and " " not in together


# The slow path: read again with orjson, and say exactly what is wrong.

_FIELDS = frozenset(Event.__struct_fields__)
_KINDS = get_args(Kind)
_REQUIRED = ("id", "account", "member", "at")
_REQUIRED_OF_TICK = ("at",)
_STRINGS = ("at", "id", "account", "member")
_WORDS = (("op", get_args(Op)), ("direction", get_args(Direction)))
_STRINGS_OR_NULL = ("platform", "post", "via", "in_reply_to")
_JSON_TYPES = {
    type(None): "null",
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "an array",
    dict: "an object",
}


def _is_whole(event: Event) -> bool:
    """Are the fields there that the model cannot tell from empty ones?"""
    return bool(event.id and event.account and event.member) or event.kind == "tick"


def _decode_or_refuse(value: bytes) -> Event | InvalidEvent:
    try:
        event = _decoder.decode(value)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _examine_or_refuse(value)
    return event if _is_whole(event) else _examine_or_refuse(value)


def _examine_or_refuse(value: bytes) -> Event | InvalidEvent:
    try:
        return _examine(value)
    except InvalidEvent as refusal:
        # It is kept as a value: with its traceback it would keep this call's frames alive.
        return refusal.with_traceback(None)


def _examine(value: bytes) -> Event:
    if not value:
        raise InvalidEvent(Reason.EMPTY, "the value has no bytes")
    try:
        fields = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        detail = f"the value is not JSON: {error.msg} (character {error.pos + 1})"
        raise InvalidEvent(Reason.NOT_JSON, detail) from None
    if type(fields) is not dict:
        _refuse_type("the value", "an object", fields)
    known = {name: fields[name] for name in fields if name in _FIELDS}
    # Most often nothing is wrong but for a field that we do not know: leave early.
    try:
        event = msgspec.convert(known, Event)
    except msgspec.ValidationError:
        pass
    else:
        if _is_whole(event):
            return event
    _check(known)
    return Event(**known)


def _check(fields: dict[str, Any]) -> None:
    if "kind" not in fields:
        raise InvalidEvent(Reason.MISSING_FIELD, 'the field "kind" is missing')
    _check_word(fields, "kind", _KINDS)
    for name in _REQUIRED_OF_TICK if fields["kind"] == "tick" else _REQUIRED:
        if name not in fields:
            raise InvalidEvent(
                Reason.MISSING_FIELD, f'the field "{name}" is missing; a {fields["kind"]} needs it'
            )
    for name in _STRINGS:
        if type(fields.get(name, "")) is not str:
            _refuse_type(f'the field "{name}"', "a string", fields[name])
    for name, words in _WORDS:
        if name in fields:
            _check_word(fields, name, words)
    if type(fields.get("seeded", False)) is not bool:
        _refuse_type('the field "seeded"', "a boolean", fields["seeded"])
    for name in _STRINGS_OR_NULL:
        if type(fields.get(name, "")) not in {str, type(None)}:
            _refuse_type(f'the field "{name}"', "a string or null", fields[name])


def _check_word(fields: dict[str, Any], name: str, words: tuple[str, ...]) -> None:
    word = fields[name]
    if type(word) is not str:
        _refuse_type(f'the field "{name}"', "a string", word)
    if word not in words:
        raise InvalidEvent(
            Reason.UNKNOWN_KIND,
            f'the field "{name}" is {_quote(word)}; known are {", ".join(words)}',
        )


def _refuse_type(what: str, wanted: str, found: Any) -> NoReturn:
    raise InvalidEvent(
        Reason.WRONG_TYPE, f"{what} is {_JSON_TYPES[type(found)]}; {wanted} is wanted"
    )


def _quote(text: str) -> str:
    """A stranger's text for a message: visible whatever it holds, and never long."""
    return ascii(text if len(text) <= 40 else text[:37] + "...")
