"""Mappings: what a rule makes of a record, what it refuses, and what is wrong with a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jmespath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.events import Event, InvalidEvent, Reason, encode
from streams.sources.expressions import LONGEST, Unanswerable, compiled
from streams.sources.items import sendable
from streams.sources.mapping import MOST_EVENTS, Mapped
from streams.sources.mapping_file import InvalidMapping, read_mapping

EXAMPLES = Path(__file__).parents[2] / "docs" / "mappings"

RULE = """
[[rule]]
kind = "like"
id = "id"
account = "'acme'"
member = "who"
at = "at"
"""
RECORD = {"id": "1", "who": "bob", "at": "2026-07-04T14:38:07Z"}


def mapping(text: str = RULE) -> Mapped:
    return read_mapping(text, "m.toml")


def refusal(mapped: Mapped, record: object) -> InvalidEvent:
    with pytest.raises(InvalidEvent) as caught:
        mapped.events(record)
    return caught.value


def event(**fields: Any) -> Event:
    return Event(**{"kind": "like", "account": "acme", "member": "bob", **RECORD_EVENT, **fields})


RECORD_EVENT = {"id": "1", "at": "2026-07-04T14:38:07Z"}


def test_a_rule_makes_an_event_of_a_record() -> None:
    """Expressions look into it; a literal stands in quotes, a known word needs none."""
    assert mapping().events(RECORD) == [event()]


@pytest.mark.parametrize(
    ("line", "record", "expected"),
    [
        ("op = \"gone && 'remove' || 'add'\"", {"gone": True}, {"op": "remove"}),
        ('op = "what"', {}, {}),  # nothing: the default
        ('direction = "outbound"', {}, {"direction": "outbound"}),
        ("seeded = true", {}, {"seeded": True}),
        ('seeded = "old"', {"old": True}, {"seeded": True}),
        ('post = "n"', {"n": 12345678901234567890}, {"post": "12345678901234567890"}),
        ('via = "@.id"', {}, {"via": "1"}),
    ],
)
def test_fields_beyond_the_required_ones(
    line: str, record: dict[str, Any], expected: dict[str, Any]
) -> None:
    assert mapping(RULE + line).events(RECORD | record) == [event(**expected)]


@pytest.mark.parametrize(
    ("unit", "value", "at"),
    [
        ("epoch-s", 1783175887, "2026-07-04T14:38:07.000Z"),
        ("epoch-s", 1783175887.396, "2026-07-04T14:38:07.396Z"),  # a double is a little less
        ("epoch-s", "1783175887.3969", "2026-07-04T14:38:07.396Z"),  # cut off, not rounded
        ("epoch-ms", 1783175887396, "2026-07-04T14:38:07.396Z"),
        ("epoch-us", 1783175887396999, "2026-07-04T14:38:07.396Z"),
        ("rfc3339", "2026-07-04T14:38:07+02:00", "2026-07-04T14:38:07+02:00"),
    ],
)
def test_times_are_read_in_their_unit(unit: str, value: object, at: str) -> None:
    mapped = mapping(f'{RULE}at_format = "{unit}"')
    assert mapped.events(RECORD | {"at": value}) == [event(at=at)]


@pytest.mark.parametrize(
    ("change", "reason", "says"),
    [
        ({"who": None}, Reason.MISSING_FIELD, "member: who gives nothing"),
        ({"who": 1.5}, Reason.WRONG_TYPE, "member: who gives 1.5"),
        ({"who": True}, Reason.WRONG_TYPE, "gives True"),
        ({"who": {"a": 1}}, Reason.WRONG_TYPE, "gives an object"),
        ({"who": "b b"}, Reason.INVALID_MEMBER, "U+0020"),
        ({"who": "acme"}, Reason.SELF_INTERACTION, "both"),
        ({"id": ""}, Reason.INVALID_ID, "0 characters"),
        ({"at": "today"}, Reason.INVALID_TIME, "RFC 3339"),
        ({"at": 5}, Reason.INVALID_TIME, "RFC 3339"),
    ],
)
def test_a_record_that_makes_no_event_is_refused_with_rule_field_and_reason(
    change: dict[str, Any], reason: Reason, says: str
) -> None:
    refused = refusal(mapping(), RECORD | change)
    assert refused.reason == reason
    assert refused.detail.startswith("rule 1 (line 2): ")
    assert says in refused.detail


@pytest.mark.parametrize("value", [-1, "x", None, True, 1e300, [], "NaN", "Infinity", "9" * 5000])
def test_what_is_no_number_of_seconds_is_refused(value: object) -> None:
    refused = refusal(mapping(f'{RULE}at_format = "epoch-s"'), RECORD | {"at": value})
    assert refused.reason in {Reason.INVALID_TIME, Reason.MISSING_FIELD}


@pytest.mark.parametrize("word", ["tick", "LIKE", "poke"])
def test_a_kind_that_is_none_is_refused(word: str) -> None:
    """Ticks too: they are for replays."""
    refused = refusal(mapping(RULE.replace('"like"', '"what"')), RECORD | {"what": word})
    assert refused.reason == Reason.UNKNOWN_KIND


def test_several_rules_make_several_events_and_one_that_fails_takes_all_with_it() -> None:
    """A record is refused as a whole, so that it can be mended and sent again as a whole."""
    mapped = mapping(RULE + RULE.replace('"like"', '"reply"').replace('"id"', '"other"'))
    assert [made.kind for made in mapped.events(RECORD | {"other": "2"})] == ["like", "reply"]
    assert refusal(mapped, RECORD).detail.startswith("rule 2 (line 9): id")


def test_a_rule_applies_only_when_it_says_so() -> None:
    mapped = mapping(RULE + "when = \"type == 'x'\"")
    assert mapped.events(RECORD) == []
    assert mapped.events("no object at all") == []
    assert len(mapped.events(RECORD | {"type": "x"})) == 1


def test_a_rule_can_go_through_a_list_and_still_see_the_record() -> None:
    each = RULE.replace('"who"', '"item.who"').replace('"id"', '"item.id"') + 'each = "likes"'
    mapped = mapping(each.replace('at = "at"', 'at = "record.at"'))
    likes = [{"who": "bob", "id": "1"}, {"who": "cleo", "id": "2"}]
    made = mapped.events({"at": RECORD["at"], "likes": likes})
    assert [(one.member, one.id) for one in made] == [("bob", "1"), ("cleo", "2")]
    assert mapped.events({}) == []
    assert refusal(mapped, {"likes": {}}).reason == Reason.WRONG_TYPE
    many = {"at": RECORD["at"], "likes": likes[:1] * (MOST_EVENTS + 1)}
    assert refusal(mapped, many).reason == Reason.TOO_LARGE


def test_an_id_can_be_made_of_other_fields() -> None:
    """The same for the same values, whatever the order of keys within them; another for others."""
    mapped = mapping(RULE.replace('id = "id"', 'id = { hash = ["a", "b"] }'))
    first = mapped.events(RECORD | {"a": {"x": 1, "y": 2}, "b": 1})[0].id
    assert first == mapped.events(RECORD | {"b": 1, "a": {"y": 2, "x": 1}})[0].id
    assert first != mapped.events(RECORD | {"a": {"x": 1, "y": 2}, "b": "1"})[0].id
    assert refusal(mapped, RECORD | {"a": 1}).detail.endswith("id: b gives nothing")


def test_everything_that_is_wrong_with_a_file_is_said_at_once_with_its_line() -> None:
    text = """
[defaults]
account = 5
when = "x"

[[rule]]
kind = "like"
member = "a["
memer = "b"
at = "at"
at_format = "epoch"

[[rule]]
when = "frobnicate(@)"
id = { sha = "x" }
"""
    with pytest.raises(InvalidMapping) as caught:
        mapping(text)
    found = [problem.partition(": ") for problem in caught.value.problems]
    places = [place for place, _, _ in found]
    assert places == [f"m.toml:{n}" for n in (4, 3, 8, 9, 11, 6, 14, 15, 13)]
    said = "\n".join(caught.value.problems)
    for part in (
        "defaults, when: when belongs to a rule",
        "did you mean member?",
        "has no id",
        "no function frobnicate()",
        "must be rfc3339, epoch-s",
    ):
        assert part in said


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "it needs rules"),
        ("rule = 1", "it needs rules"),
        ("[[rule]\n", "is not TOML"),
        ("x = 1\n" + RULE, "x is none of its tables"),
        ("defaults = 1\n" + RULE, "defaults must be a table"),
        (RULE * 201, "201 rules"),
        ("#" * (257 << 10), "larger than"),
        (RULE + f'when = "{"a" * (LONGEST + 1)}"', "longer than"),
        (RULE + f'when = "{"(" * 1900}"', "is not JMESPath"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(text: str, says: str) -> None:
    with pytest.raises(InvalidMapping, match=says):
        mapping(text)


@pytest.mark.parametrize(
    ("name", "made"),
    [
        ("segment", ["like", "like-", "reply", "reply>", "share", "", "missing_field"]),
        (
            "rudderstack",
            ["like", "reply", "share> share>", "follow", "follow-", "", "invalid_time"],
        ),
        ("hubspot", ["follow", "follow-", "reply", "", "invalid_time"]),
    ],
)
def test_the_examples_make_what_they_show(name: str, made: list[str]) -> None:
    """Each line of its samples: kinds, removals (-), outbound ones (>), or the refusal."""
    mapped = read_mapping((EXAMPLES / f"{name}.toml").read_text(), f"{name}.toml")
    found = []
    for line in (EXAMPLES / f"{name}.jsonl").read_bytes().splitlines():
        try:
            events = mapped.read(line)
        except InvalidEvent as invalid:
            found.append(str(invalid.reason))
            continue
        found.append(
            " ".join(
                one.kind + "-" * (one.op == "remove") + ">" * (one.direction == "outbound")
                for one in events
            )
        )
    assert found == made


def test_a_removal_of_the_examples_names_what_it_takes_back() -> None:
    for name, lines in (("segment", (0, 1)), ("rudderstack", (3, 4)), ("hubspot", (0, 1))):
        mapped = read_mapping((EXAMPLES / f"{name}.toml").read_text(), f"{name}.toml")
        samples = (EXAMPLES / f"{name}.jsonl").read_bytes().splitlines()
        add, remove = (mapped.read(samples[line])[0] for line in lines)
        assert (add.id, add.kind, add.account, add.member) == (
            *(remove.id, remove.kind, remove.account, remove.member),
        )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abcdef"), inner, max_size=4)
    ),
    max_leaves=12,
)
HOSTILE = mapping(
    RULE.replace('"who"', '"join(a, b)"').replace('"id"', "\"to_string(sort_by(c, &d) || 'x')\"")
    + 'each = "item.a || @"\nwhen = "length(record.e) > `0` || ceil(sum(record.f)) > `1`"\n'
)


@given(JSON)
def test_whatever_a_record_is_it_makes_events_or_is_refused(record: object) -> None:
    """No other error, and every event is one that the engine takes."""
    for mapped in (mapping(), HOSTILE):
        try:
            events = mapped.events(record)
        except InvalidEvent:
            continue
        for one in events:
            sendable(one, encode(one))


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("sort(@)", [1, "a"]),
        ("ceil(sum(@))", [1.7e308, 1.7e308]),
        ("abs(@)", "x"),
        ("join(',', @)", [1]),
        ("max_by(@, &a)", [{"a": 1}, {"a": "b"}]),
        ("length(@)", 5),
    ],
)
def test_an_expression_without_an_answer_says_so_and_raises_nothing_else(
    expression: str, value: object
) -> None:
    with pytest.raises(Unanswerable):
        compiled(expression)(value)


@given(JSON)
def test_a_path_of_fields_gives_what_the_interpreter_gives(record: object) -> None:
    """They take a shorter way."""
    for path in ("a", "a.b", "a.b.c"):
        assert compiled(path)(record) == jmespath.search(path, record)


def test_a_record_that_is_not_json_is_refused() -> None:
    for value, reason in ((b"{", Reason.NOT_JSON), (b"", Reason.EMPTY), (b"\xff", Reason.NOT_JSON)):
        with pytest.raises(InvalidEvent) as caught:
            mapping().read(value)
        assert caught.value.reason == reason
    assert mapping().read(json.dumps(RECORD).encode()) == [event()]
