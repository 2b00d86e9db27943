"""The worlds and the recording, which everything else is compared on."""

import ast
import sys
from collections import Counter
from itertools import islice
from pathlib import Path
from types import ModuleType

import pytest

from tests.model import collegemsg, recount, worlds
from tests.model.recount import SERIES, Recount, series
from tests.model.worlds import random_moves, tell


def test_the_worlds_reach_every_series_and_outcome() -> None:
    """Otherwise agreement on them would say nothing about the rest."""
    seen: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()
    evicted = 0
    for seed in range(96):
        counted = Recount(ignored_members={"fan-11"})
        counted.read_all(tell(random_moves(seed)))
        outcomes += counted.outcomes
        for account in counted.census():
            seen.update(name for name, n in account["series"].items() if n)
        evicted += sum(bool(r.evicted) for r in counted.relations.values())
    silent = {series("relationships", stage="passive", following="no")}  # cannot be
    assert set(SERIES) - set(seen) == silent
    assert set(outcomes) == {"applied", "duplicate", "unresolved", "late", "ignored", "tick"}
    assert evicted > 50


@pytest.mark.parametrize(
    ("module", "others"),
    [
        (recount, set()),  # nothing but Python
        (worlds, {"hypothesis", "kafka"}),  # to draw with, and for Kafka's own word on places
    ],
)
def test_recount_and_worlds_share_nothing_with_what_they_judge(
    module: ModuleType, others: set[str]
) -> None:
    """A mistake that both make would agree with itself."""
    tree = ast.parse(Path(str(module.__file__)).read_text(encoding="utf-8"))
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module or ".")
    assert {name.partition(".")[0] for name in imported} - sys.stdlib_module_names == others


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
