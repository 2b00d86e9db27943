"""The worlds and the recording, which everything else is compared on."""

from collections import Counter
from itertools import islice

from tests.model import collegemsg, worlds
from tests.model.recount import SERIES, Recount, series
from tests.model.worlds import random_moves, tell


def test_the_worlds_reach_every_series_and_outcome() -> None:
    """Otherwise agreement on them would say nothing about the rest."""
    seen: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()
    evicted = 0
    for seed in range(96):
        recount = Recount(ignored_members={"fan-11"})
        recount.read_all(tell(random_moves(seed)))
        outcomes += recount.outcomes
        for account in recount.census():
            seen.update(name for name, n in account["series"].items() if n)
        evicted += sum(bool(r.evicted) for r in recount.relations.values())
    silent = {series("relationships", stage="passive", following="no")}  # cannot be
    assert set(SERIES) - set(seen) == silent
    assert set(outcomes) == {"applied", "duplicate", "unresolved", "late", "ignored", "tick"}
    assert evicted > 50


def test_worlds_place_records_as_kafkas_own_java_tests_do() -> None:
    """Known hashes of `Utils.murmur2` in Apache Kafka's UtilsTest."""
    known = {b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536}
    for key, hashed in known.items():
        assert worlds.partition_of(key, 12) == (hashed & 0x7FFFFFFF) % 12


@collegemsg.needs_recording
def test_each_line_of_collegemsg_is_received_and_sent() -> None:
    received, sent = islice(collegemsg.events(), 2)
    reply = {"kind": "reply", "id": "1", "at": "2004-04-15T14:56:01Z"}
    assert received == reply | {"account": "2", "member": "1", "direction": "inbound"}
    assert sent == reply | {"account": "1", "member": "2", "direction": "outbound"}
