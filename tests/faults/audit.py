"""The audit: what became of every record of a load, found out from the logs and the recount alone.

Each record is in the tables or, by its origin, in the dead letters, once; each stray was re-sent
once; every position in the changelog is behind the last record; and relationships and census equal
the recount.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

from tests.engine.system import System
from tests.engine.test_recorded import same
from tests.faults.load import SERIAL, Load, Sent
from tests.faults.logs import Origin, Reader, Record
from tests.model.recount import Recount

REROUTED = "closeknit-rerouted-from"
PARTITION_RECORD = b"\x00partition-record"


class Audit:
    """Follows the logs of a system under a load; may be asked again and again.

    Attributes:
        recount: of everything that the logs hold and that should be in the tables.
        events: records found in the source topics.
        letters, resent: how many there were.
    """

    def __init__(self, system: System, load: Load) -> None:
        self.recount = Recount()
        self.events = self.letters = self.resent = 0
        self._system = system
        self._load = load
        self._reader = Reader(system.settings.broker, system.partitions)
        self._kinds = {system.topic(kind): kind for kind in system.settings.topics}
        self._arrived = bytearray()
        self._behind: dict[tuple[str, int], int] = {}
        self._due_letters: dict[Origin, int] = {}
        self._due_strays: dict[Origin, int] = {}

    def recreated(self, kind: str) -> None:
        """Note that a topic is another one from now on; all of the old one has been audited."""
        topic = self._system.topic(kind)
        self._reader.forget(topic)
        self._behind = {place: end for place, end in self._behind.items() if place[0] != topic}

    # -- what the logs say

    def follow(self) -> list[str]:
        """Read what is new in the logs; return what is wrong with it."""
        return [*self._sources(), *self._letters()]

    def owed(self) -> list[str]:
        """What is missing in the logs as they were read: it may still be under way."""
        absent = len(self._load.sent) - sum(map(bool, self._arrived))
        found = [
            *([f"{absent} records of the load are in no topic"] if absent else ()),
            *([f"never re-sent: {self._examples(self._due_strays)}"] if self._due_strays else ()),
            *(
                [f"neither in tables nor dead letters: {self._examples(self._due_letters)}"]
                if self._due_letters
                else ()
            ),
        ]
        return [*found, *self._reader.held_back()] if found else []

    def _sources(self) -> Iterator[str]:
        resent: list[Record] = []
        for record in self._reader.read(*self._kinds):
            self.events += 1
            topic, partition, offset = record.origin
            self._behind[topic, partition] = offset
            if record.header(REROUTED) is not None:
                resent.append(record)
            else:
                yield from self._arrival(record)
        for record in resent:
            yield from self._return(record)

    def _arrival(self, record: Record) -> Iterator[str]:
        serial = int(record.header(SERIAL) or -1)
        if not 0 <= serial < len(self._load.sent):
            yield f"{record.origin}: a record that the load did not send"
            return
        sent = self._load.sent[serial]
        self._arrived.extend(bytes(max(0, len(self._load.sent) - len(self._arrived))))
        self._arrived[serial] += 1
        here = self._kinds[record.origin.topic], record.origin.partition
        if self._arrived[serial] > 1 or here != (sent.kind, sent.partition):
            yield f"{record.origin}: record {serial} of the load is there again, or is astray"
        elif sent.event is None:
            self._due_letters[record.origin] = serial
        elif sent.home is not None:
            self._due_strays[record.origin] = serial
        else:
            self.recount.read(sent.event, record.origin.partition)

    def _return(self, record: Record) -> Iterator[str]:
        self.resent += 1
        topic, partition, offset = (record.header(REROUTED) or "").rsplit("/", 2)
        serial = self._due_strays.pop(Origin(topic, int(partition), int(offset)), None)
        if serial is None:
            yield f"{record.origin}: re-sent twice, or for no reason: {topic}/{partition}/{offset}"
            return
        sent = self._load.sent[serial]
        if (record.origin.partition, record.value) != (sent.home, sent.value):
            yield f"{record.origin}: re-sent to the wrong partition, or changed"
        elif sent.event is not None:
            self.recount.read(sent.event, record.origin.partition)

    def _letters(self) -> Iterator[str]:
        for record in self._reader.read(self._system.settings.dead_letters):
            self.letters += 1
            origin = Origin(
                record.header("closeknit-topic") or "",
                int(record.header("closeknit-partition") or -1),
                int(record.header("closeknit-offset") or -1),
            )
            serial = self._due_letters.pop(origin, None)
            if serial is None:
                yield f"{record.origin}: a dead letter too many, of {origin}"
                continue
            yield from _verbatim(record, self._load.sent[serial], serial)

    def _examples(self, due: dict[Origin, int]) -> str:
        some = [f"{origin} {self._load.sent[n]}" for origin, n in list(due.items())[:3]]
        return f"{len(due)} records, such as {some}"

    # -- what the tables say

    def unpassed(self) -> list[str]:
        """Source partitions of which the changelog's own positions are not past the last record."""
        changelog = self._system.settings.changelog
        found = []
        for number in range(self._system.partitions):
            value = self._reader.last_value(changelog, number, PARTITION_RECORD)
            upto = {} if value is None else json.loads(value)["next"]
            found += [
                f"{topic}/{number}: {upto.get(topic)} in the changelog, records up to {last}"
                for (topic, partition), last in self._behind.items()
                if partition == number and upto.get(topic, {"offset": 0})["offset"] <= last
            ]
        return found

    def tables(self) -> list[str]:
        """Compare the exported relationships and census with the recount: what differs."""
        want = {(one["account"], one["member"]): one for one in self.recount.relationships()}
        got = self._system.relationships()
        wrong = [f"no relationship {key}" for key in want.keys() - got.keys()]
        wrong += [f"relationship {key} from nowhere" for key in got.keys() - want.keys()]
        wrong += [
            f"relationship {key}: {_differing(got[key], want[key])}"
            for key in want.keys() & got.keys()
            if not same(got[key], want[key])
        ]
        counted = {one["account"]: one for one in self.recount.census()}
        exported = self._system.census()
        return wrong + [
            f"census of {account}: {_differing(exported.get(account, {}), want_of)}"
            for account in counted.keys() | exported.keys()
            if (want_of := counted.get(account, {})) != exported.get(account)
        ]

    def census(self) -> Counter[tuple[str, str]]:
        """What Prometheus should see, by series and account, zeros left out."""
        return +Counter(
            {
                (series, one["account"]): n
                for one in self.recount.census()
                for series, n in one["series"].items()
            }
        )


def _verbatim(letter: Record, sent: Sent, serial: int) -> Iterator[str]:
    reason = letter.header("closeknit-reason")
    whole = (letter.key, letter.value, reason, letter.header(SERIAL))
    if whole != (sent.key, sent.value, sent.reason, str(serial)):
        yield f"{letter.origin}: not the refused record, or another reason: {whole} of {sent}"


def _differing(got: dict[str, Any], want: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    flat = [{**one, **one.get("series", {})} for one in (got, want)]
    return {
        name: (flat[0].get(name), flat[1].get(name))
        for name in flat[0].keys() | flat[1].keys()
        if name != "series" and flat[0].get(name) != flat[1].get(name)
    }
