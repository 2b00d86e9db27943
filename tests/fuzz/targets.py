"""What is fuzzed: each a source of hostile input, and what must hold of every piece of it.

A claim returns when all is well. It fails by raising: what the code under test must not raise, or
an assertion that something was accepted which the judge, who shares no code with it, refuses.
"""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import orjson
from hypothesis import strategies as st

from schemas.events import TOPIC_OF, Event, Reason
from streams.changelog import Changelog
from streams.core.dead_letter import dead_letter_headers
from streams.core.formats import UnknownFormat, in_memory
from streams.core.packing import CorruptValue, Parts, Summary, entry, hash_of, pack, unpack
from streams.core.partition import Partition, Rules
from streams.core.partition_record import PartitionRecord, Position
from streams.dead_letters import (
    Address,
    DeadLetter,
    Mend,
    Target,
    WrongMend,
    parse,
    planned,
)
from streams.export import relationships
from streams.settings.lists import InvalidList, read_accounts, read_ignored
from streams.sources import Csv, Jetstream, Jsonl, Malformed, Reader
from tests.fuzz.damage import PIECES, damaged
from tests.fuzz.packed import END_MS, well_made
from tests.model.recount import milliseconds
from tests.schemas.documents import examples, judge, read, schema_accepts, validator
from tests.sources import test_jetstream as bluesky

KINDS = tuple(TOPIC_OF)
RULES = Rules(partitions=4, clock="wall")
NOW = 1_800_000_000_000  # in 2027
AT = 1_783_175_887_396  # in 2026
CLOCK = AT // 3_600_000


class Fuzzed(NamedTuple):
    """Hostile input, and the claim about each piece of it."""

    input: st.SearchStrategy[Any]
    claim: Callable[[Any], None]


def accepts(kind: str, value: bytes) -> bool:
    """What an event must be, said by its schema, by the recount's clock, and by nobody of ours."""
    fields = json.loads(value)
    return (
        schema_accepts(kind, value)
        and (kind == "tick" or fields["account"] != fields["member"])
        and 0 <= milliseconds(fields["at"]) < END_MS
    )


# -- events

EVENTS = [
    value
    for verdict in ("valid", "invalid")
    for path in examples(verdict, *KINDS, "tick")
    if len(value := b"".join(line.strip() for line in read(path).splitlines())) < 2_000
]


def an_event_is_accepted_only_if_its_schema_accepts_it(value: bytes) -> None:
    """Whatever the topic; and nothing else is raised than a reason."""
    for kind in (*KINDS, "tick"):
        if judge(kind, value) is None:
            assert accepts(kind, value)


# -- what is stored

LIKE, REPLY = entry(hash_of(0, "1"), 0, AT), entry(hash_of(1, "2"), 1, AT)
SUMMARY = Summary((1,) * 6, (AT,) * 6, (AT,) * 2, 3.5, AT // 86_400_000)
CELL = (CLOCK << 4 | 6).to_bytes(4, "little") + (1).to_bytes(4, "little")
VALUES = [
    pack(Parts(log=LIKE)),
    pack(Parts(log=LIKE + REPLY * 70)),
    pack(Parts(AT, b"12345678", b"87654321", SUMMARY, CELL * 3, LIKE)),
    pack(Parts(None, b"12345678", b"", None, b"", b"")),
    pack(Parts(None, b"", b"", SUMMARY, CELL, REPLY)),
]
NUMBERS = tuple(
    number.to_bytes(size, "little")
    for size in (1, 4, 8)
    for number in (0, 1, 7, 2 ** (size * 8) - 1)
)


def a_packed_value_is_accepted_only_if_it_could_have_been_written(value: bytes) -> None:
    """And everything that is ever asked of it has an answer."""
    try:
        sound = in_memory(value)
    except CorruptValue:
        return
    assert well_made(sound)
    assert unpack(pack(unpack(sound))) == unpack(sound)
    # A clock is never far behind what was applied: any time in here, so the end of time.
    for document in relationships(Changelog({b"acme ada": sound}, {}), END_MS // 3_600_000):
        assert orjson.dumps(document)
    partition = Partition(0, RULES)
    partition.restore(b"acme ada", sound)
    partition.restored(CLOCK)
    partition.census.read("acme", CLOCK)


RECORDS = [
    PartitionRecord(
        clock=CLOCK,
        next={"likes": Position(7, "a"), "replies": Position(0)},
        settings={"like": 1.0},
    ).encode(),
    PartitionRecord(clock=-1, next={}, settings={}).encode(),
]


def a_partition_record_is_accepted_only_if_it_says_where_to_read_on(value: bytes) -> None:
    """Format, clock, offsets and settings, each of its type and no number below what it can be."""
    try:
        record = PartitionRecord.decode(value)
    except UnknownFormat:
        return
    said = json.loads(value)
    assert type(said["format"]) is int
    assert said["format"] == 1
    assert said["clock"] == record.clock >= -1
    for topic, position in said["next"].items():
        assert position["offset"] == record.next[topic].offset >= 0
        assert position.get("topic_id") is None or type(position["topic_id"]) is str
    assert said["settings"].keys() == record.settings.keys()
    assert PartitionRecord.decode(record.encode()) == record


# -- replays


def every_event_of_a_replay_is_one(source: Reader, text: bytes) -> None:
    """A line is malformed, left out, or an event that the engine and its schema accept."""
    for item in source.read(text.splitlines(keepends=True)):
        if isinstance(item, Malformed):
            assert item.reason
            continue
        assert judge(item.kind, item.value) is None
        assert accepts(item.kind, item.value)
        fields = json.loads(item.value)
        assert item.at_ms == milliseconds(fields["at"])
        if item.kind != "tick":
            assert item.key == f"{fields['account']} {fields['member']}".encode()


CSV = [
    b"kind,id,account,member,at,seeded\nlike,1,acme,bob,2026-07-04T14:38:07Z,\n"
    b'follow,2,acme,"b,ob",2026-07-04T14:38:07+02:00,true\n',
    b"\xef\xbb\xbfat,kind,colour\r\n2026-07-04T14:38:07Z,tick,red\r\n",
]
JETSTREAM = [
    bluesky.like(bluesky.ADA) + b"\n" + bluesky.line(bluesky.ADA, "app.bsky.feed.like", "l1"),
    bluesky.reply(bluesky.ADA),
    bluesky.follow(bluesky.ADA) + b"\n" + bluesky.like(bluesky.BEN),
    b'{"did":"did:plc:ada","time_us":1783175887396999,"kind":"account",'
    b'"account":{"active":false,"status":"deleted"}}',
]


# -- dead letters


def a_dead_letter_is_read_only_if_it_has_all_that_a_letter_has(record: Any) -> None:
    """Anybody may write to the topic; what is shown of it keeps to its schema."""
    letter = parse(record)
    if letter is None:
        return
    assert record.headers[:6] != ()
    document = letter.document()
    if letter.reason not in list(Reason):  # a newer version may have more of them
        document["reason"] = "empty"
    validator("dead-letter").validate(json.loads(orjson.dumps(document)))
    ours = [value for name, value in record.headers if name == "closeknit-offset"]
    assert str(letter.origin.offset).encode() in {value.lstrip(b"0") or b"0" for value in ours}


@st.composite
def letters(draw: st.DrawFn) -> Any:
    """A record that may be a dead letter, its headers damaged, lost, doubled or turned."""
    headers = dead_letter_headers(Reason.EMPTY, "no bytes", "likes", 3, 17, AT, [("own", b"1")])
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(headers) - 1))
        name, value = headers[at]
        match draw(st.integers(0, 3)):
            case 0:
                headers[at] = (name, draw(damaged([value], SHORT)))
            case 1:
                headers[at:at] = [headers[draw(st.integers(0, len(headers) - 1))]]
            case 2 if len(headers) > 1:
                del headers[at]
            case _:
                headers.append(headers.pop(at))
    return SimpleNamespace(
        topic="d",
        partition=0,
        offset=0,
        timestamp=draw(st.sampled_from([-1, 0, AT, 2**62])),
        key=draw(st.none() | st.binary(max_size=5)),
        value=draw(st.none() | st.binary(max_size=5)),
        headers=tuple(headers),
    )


SHORT = tuple(piece for piece in PIECES if len(piece) < 1_000)
ASSIGNMENTS = [
    *(b"kind=reply", b"op=remove", b"direction=outbound", b"seeded=true", b"id=1", b"member=eve"),
    *(b"account=acme", b"at=2026-07-04T14:38:07+02:00", b"platform=", b"via=x=y"),
]


def a_mended_letter_would_be_accepted_only_if_its_schema_accepts_it(
    asked: tuple[bytes, list[bytes], list[str]],
) -> None:
    """Nothing but the named fields has changed, and it goes to the topic of its kind."""
    value, assignments, unset = asked
    letter = DeadLetter(
        Address("d", 0, 0), "invalid_time", "x", Address("likes", 1, 7), AT, AT, b"k", value, ()
    )
    try:
        mend = Mend.parse([one.decode(errors="surrogateescape") for one in assignments], unset)
    except WrongMend:
        mend = Mend({}, frozenset(unset))
    plan = planned(
        letter, mend, Target({topic: kind for kind, topic in TOPIC_OF.items()}, RULES), NOW
    )
    if plan.refusal is not None:
        return
    assert plan.value is not None
    event = json.loads(plan.value)
    if event["kind"] != "tick":
        assert plan.topic == TOPIC_OF[event["kind"]]
        assert plan.key == f"{event['account']} {event['member']}".encode()
    assert accepts(event["kind"], plan.value)
    before = {name: one for name, one in json.loads(value).items() if name not in unset}
    assert event == before | dict(mend.set)


# -- lists

ACCOUNTS = [b'id,name,group\nacme,Acme,brands\nb,"B, Inc",\n', b"\xef\xbb\xbfid\r\na\r\n"]
IGNORED = [b"# staff\nada\n\nben\n", b"\xef\xbb\xbfx\r\n"]


def a_list_is_read_only_if_each_of_its_ids_can_be_one(text: bytes) -> None:
    """Both files, and no id twice."""
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).write_bytes(text)
        for read_list in (read_accounts, read_ignored):
            try:
                found: Any = read_list(Path(file.name))
            except InvalidList:
                continue
            ids = [one.id for one in found.entries] if hasattr(found, "entries") else found.members
            assert len(ids) == len(set(ids))
            for id in ids:
                event = {"kind": "like", "at": "2026-07-04T14:38:07Z", "id": "1", "account": id}
                other = "-" if id != "-" else "+"
                assert schema_accepts("like", orjson.dumps({**event, "member": other}))
                assert id in text.decode("utf-8-sig")


TARGETS: dict[str, Fuzzed] = {
    "events": Fuzzed(damaged(EVENTS), an_event_is_accepted_only_if_its_schema_accepts_it),
    "packed values": Fuzzed(
        damaged(VALUES, NUMBERS), a_packed_value_is_accepted_only_if_it_could_have_been_written
    ),
    "partition record": Fuzzed(
        damaged(RECORDS), a_partition_record_is_accepted_only_if_it_says_where_to_read_on
    ),
    "replayed JSON lines": Fuzzed(
        st.lists(damaged(EVENTS), max_size=3).map(b"\n".join),
        lambda text: every_event_of_a_replay_is_one(Jsonl(), text),
    ),
    "replayed CSV": Fuzzed(damaged(CSV), lambda text: every_event_of_a_replay_is_one(Csv(), text)),
    "replayed Jetstream": Fuzzed(
        damaged(JETSTREAM), lambda text: every_event_of_a_replay_is_one(Jetstream(None), text)
    ),
    "headers of dead letters": Fuzzed(
        letters(), a_dead_letter_is_read_only_if_it_has_all_that_a_letter_has
    ),
    "mended dead letters": Fuzzed(
        st.tuples(
            damaged(EVENTS),
            st.lists(damaged(ASSIGNMENTS, SHORT) | st.sampled_from(ASSIGNMENTS), max_size=3),
            st.lists(st.sampled_from([*Event.__struct_fields__, "note", ""]), max_size=2),
        ),
        a_mended_letter_would_be_accepted_only_if_its_schema_accepts_it,
    ),
    "lists of accounts and members": Fuzzed(
        damaged([*ACCOUNTS, *IGNORED]), a_list_is_read_only_if_each_of_its_ids_can_be_one
    ),
}
