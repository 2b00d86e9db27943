"""`closeknit people`: names and reasons, in any form, on one world with known answers."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Closeknit
from tests.cli.kafka import write_down
from tests.conftest import Broker
from tests.docs.pages import Page
from tests.people.worlds import events

DID = "did:plc:abcdefghijklmnopqrstuvwx"  # the form and length of Bluesky's
LONG = "a-very-long-name-of-somebody@a-very-long-name.example"
ACME = f"""
ada: follow in 900h, reply in 600h, 3 reply in 300h, reply out 310h, 2 reply in 60h
ben: reply in 5h
{DID}: follow in 100h, 2 like in 90h, share in 40h
cleo: follow in 200h
dario: seeded in 10h
eve: follow in 400h, 8 reply in 340h, 2 like in 330h, 4 reply out 320h
{LONG}: follow in 30h
zoë\u202e: follow in 20h
"""
BOOKS = """
ada: like in 30h
gil: follow in 900h, 3 reply in 300h, 2 reply in 60h
"""


@pytest.fixture(scope="module")
def written(embedded_broker: Broker) -> dict[str, str]:
    """Settings for a changelog that has the world in it."""
    return write_down(embedded_broker, "people", [*events(ACME), *events(BOOKS, "books")])


def test_without_a_list_the_first_few_of_the_most_pressing_are_shown(on_world: Closeknit) -> None:
    assert (
        on_world("people").stdout
        == f"""\
acme, 2026-03-20 10:00 UTC

awaiting (2): They wait for your answer; longest wait first.
  ada  waiting 12 d: 5 replies unanswered, the last 2 d ago; you replied once before
  ben  waiting 5 h: 1 reply unanswered; you never replied

promising (2): New followers who engage; strongest first.
  eve                               followed 16 d ago; since then 8 replies and 2 likes on 1 day; \
you replied 4 times
  {DID}  followed 4 d ago; since then 1 share and 2 likes on 2 days; \
you never replied

cooling (1): Strong once, silent for 7 to 28 days; strongest first.
  eve  8 replies and 2 likes on 1 day; you replied 4 times; last heard 13 d ago

books, 2026-03-20 10:00 UTC

awaiting (1): They wait for your answer; longest wait first.
  gil  waiting 12 d: 5 replies unanswered, the last 2 d ago; you never replied

promising (0): New followers who engage; strongest first.

cooling (0): Strong once, silent for 7 to 28 days; strongest first.

All of a list: closeknit people --awaiting. One of them in full:
closeknit people show MEMBER. Other lists: --connections, --hollow.
"""
    )


def test_lists_that_are_asked_for_are_shown_and_no_others(on_world: Closeknit) -> None:
    """Of an account, so many of each; what could steer a terminal is spelt out."""
    output = on_world("people", "--hollow", "--connections", "--account", "acme", "--limit", "2")
    assert (
        output.stdout
        == """\
acme, 2026-03-20 10:00 UTC

connections (2): You talk with each other; strongest first.
  eve  8 replies and 2 likes on 1 day; you replied 4 times; last heard 13 d ago
  ada  6 replies on 3 days; you replied once; last heard 2 d ago; waiting 12 d for an answer

hollow (2 of 4): They follow and never engaged; latest follow first.
  zoë\\u202e                         followed 20 h ago; never a like, share or reply
  a-very-long-name-of-som….example  followed 30 h ago; never a like, share or reply

"""
    )


def test_jsonl_has_all_that_is_known_of_each(on_world: Closeknit) -> None:
    """And the document of an export besides: no fact differs."""
    output = on_world("people", "--awaiting", "--hollow", "--format", "jsonl").stdout
    rows = [json.loads(line) for line in output.splitlines()]
    assert [(row["list"], row["rank"], row["account"], row["member"]) for row in rows] == [
        ("awaiting", 1, "acme", "ada"),
        ("awaiting", 2, "acme", "ben"),
        ("hollow", 1, "acme", "zoë\u202e"),
        ("hollow", 2, "acme", LONG),
        ("hollow", 3, "acme", "cleo"),
        ("hollow", 4, "acme", "dario"),
        ("awaiting", 1, "books", "gil"),
    ]
    ada = rows[0]
    assert (ada["waiting_since"], ada["unanswered"]) == ("2026-03-07T22:30:00.000Z", 5)
    assert ada["why"].startswith("waiting 12 d: 5 replies")
    assert rows[2]["strength_when_last_heard"] is rows[2]["waiting_since"] is None
    documents = map(json.loads, on_world("export", "--account", "acme").stdout.splitlines())
    exported = {document["member"]: document for document in documents}
    for row in rows[:-1]:
        assert row.items() >= exported[row["member"]].items()


def test_csv_is_the_same_flattened(on_world: Closeknit) -> None:
    """The ids are whole."""
    rows = list(csv.DictReader(io.StringIO(on_world("people", "--hollow", "--format=csv").stdout)))
    assert [row["member"] for row in rows] == ["zoë\u202e", LONG, "cleo", "dario"]
    assert rows[2]["why"] == "followed 8 d ago; never a like, share or reply"
    assert (rows[2]["followed_at"], rows[2]["inbound_like_28"]) == ("2026-03-12T02:30:00.000Z", "0")
    assert on_world("people", "--cooling", "--account=books", "--format=csv").stdout.startswith(
        "list,rank,account,name,member,why,"
    )


def test_as_of_ages_everybody(on_world: Closeknit) -> None:
    """Ten days later nobody awaits but who wrote last; looking back is refused."""
    later = on_world("people", "--awaiting", "--account=acme", "--as-of=2026-04-15T12:00:00Z")
    assert "awaiting (1)" in later.stdout
    assert "ben  waiting 26 d" in later.stdout
    refused = on_world("people", "--as-of", "2026-03-19T00:00:00Z", expect=3).output
    assert refused.startswith("Error: the tables stand at 2026-03-20T10:00:00.000Z")


def test_the_accounts_file_names_and_chooses_and_the_ignore_list_hides(
    on_world: Closeknit, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """In its order, also those of which nothing is known yet; any other can be asked for."""
    (tmp_path / "accounts.csv").write_text("id,name\nsoon,Soon\nbooks,The Books\n")
    (tmp_path / "ignored.txt").write_text("ben\n")
    monkeypatch.setenv("CLOSEKNIT_ACCOUNTS", "accounts.csv")
    monkeypatch.setenv("CLOSEKNIT_IGNORE", "ignored.txt")
    shown = on_world("people", "--awaiting")
    titles = [line for line in shown.stdout.splitlines() if "UTC" in line]
    assert titles == [
        "Soon (soon), 2026-03-20 10:00 UTC",
        "The Books (books), 2026-03-20 10:00 UTC",
    ]
    assert shown.stderr == "1 other account is not in accounts.csv: --account ID names any.\n"
    asked = on_world("people", "--awaiting", "--account", "acme")
    assert "ada  waiting" in asked.stdout
    assert "ben" not in asked.stdout
    assert asked.stderr == ""
    hidden = on_world("people", "show", "ben", expect=3).output
    assert "ben is on the ignore list ignored.txt" in hidden


def test_show_explains_one_relationship_completely(on_world: Closeknit) -> None:
    assert (
        on_world("people", "show", "ada", "--account", "acme").stdout
        == """\
ada and acme, 2026-03-20 10:00 UTC

stage     connection: replies both ways in the last 28 days, on 3 of them (2 are enough)
lasts     until 2026-04-04 12:00 UTC if nothing happens
waiting   for your answer for 12 d: 5 replies unanswered
follows   since 2026-02-10 22:30 UTC
strength  16.5; 19.1 when last heard; it halves every 14 days
lists     awaiting, connections

               1 day  7 days  28 days  in all  strength
their replies      0       2        6       6      14.4
your replies       0       0        1       1       2.1

2026-02-10 22:30 UTC  37 d ago  followed, and follows since
2026-02-23 10:30 UTC  25 d ago  first heard from them
2026-03-07 12:30 UTC  12 d ago  first heard from you; your last reply; last heard from you
2026-03-17 22:30 UTC   2 d ago  their last reply; last heard from them
"""
    )


def test_show_says_what_the_page_shows(on_world: Closeknit) -> None:
    (example,) = Page.read("docs/people.md").blocks("console")
    command, _, output = example.text.partition("\n")
    assert on_world(*command.split()[2:]).stdout == output


def test_show_says_what_is_next_and_takes_every_account(on_world: Closeknit) -> None:
    """Of each account that knows the member, one after the other."""
    output = on_world("people", "show", "ada").stdout
    assert "ada and acme, 2026" in output
    assert "ada and books, 2026" in output
    assert "next      a reply from them makes it a conversation\n" in output


def test_show_of_one_who_did_nothing_has_nothing_to_count(on_world: Closeknit) -> None:
    assert (
        on_world("people", "show", "dario").stdout
        == """\
dario and acme, 2026-03-20 10:00 UTC

stage     passive: they follow, and never liked, shared or replied
next      a reply from them makes it a conversation, a like or share a fan
follows   since before we looked
strength  0.0; it halves every 14 days
lists     hollow
"""
    )


def test_show_as_jsonl_is_a_document_per_account(on_world: Closeknit) -> None:
    output = on_world("people", "show", "ada", "--format", "jsonl").stdout
    acme, books = map(json.loads, output.splitlines())
    assert acme["lists"].keys() == {"awaiting", "connections"}
    assert acme["timeline"][0] == {
        "at": "2026-02-10T22:30:00.000Z",
        "what": "followed, and follows since",
    }
    assert sum(acme["strength_consists_of"].values()) == pytest.approx(acme["strength"])
    assert (books["stage"], books["next_step"]) == (
        "fan",
        "a reply from them makes it a conversation",
    )


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["show", "adda"], 3, "no member adda is known: did you mean ada?"),
        (["show", "ADA"], 3, "no member ADA is known: did you mean ada?"),
        (["show", "ef"], 3, f"no member ef is known: did you mean {DID}?"),  # a part of it
        (["show", "did:p…vwx"], 3, f"did you mean {DID}?"),  # as a table shows it
        (["show", "nobody"], 3, "no member nobody is known: `closeknit export` writes"),
        (
            ["show", "ben", "--account", "books"],
            3,
            "no member ben of books is known: `closeknit export`",
        ),
        (
            ["show", "ada", "--account", "boks"],
            3,
            "no account boks is known: did you mean books?",
        ),
        (["--awaiting", "--account", "acm"], 3, "no account acm is known: did you mean acme?"),
        (["--account", "acme", "show", "ada"], 2, "options of `people show` come after it"),
        (["--limit", "0"], 2, "0 is not in the range x>=1"),
        (["awaiting"], 2, "No such command 'awaiting'"),
    ],
)
def test_what_cannot_be_shown_is_said_with_a_way_out(
    arguments: list[str], code: int, said: str, on_world: Closeknit
) -> None:
    assert said in on_world("people", *arguments, expect=code).output


def test_before_anything_was_written_down_it_says_so(
    closeknit: Closeknit, written: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in written.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("CLOSEKNIT_APP", f"{written['CLOSEKNIT_APP']}-new")
    monkeypatch.setenv("CLOSEKNIT_TOPIC_PREFIX", f"{written['CLOSEKNIT_APP']}-new-")
    closeknit("topics", "create")
    assert "Nothing was written down yet" in closeknit("people").stderr
    assert "Nothing was written down yet" in closeknit("people", "show", "ada").stderr


def test_without_utf8_and_into_a_closed_pipe_it_ends_well(written: dict[str, str]) -> None:
    """No traceback; the reader got what it wanted."""
    command = f"'{sys.executable}' -m streams people --hollow --limit 1"
    done = subprocess.run(
        ["sh", "-c", f"{command}; {command} --format=jsonl | true"],
        env={**os.environ, **written, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "zo\\xeb\\u202e" in done.stdout
    assert done.stderr == ""
