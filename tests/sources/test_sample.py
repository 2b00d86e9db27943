"""The sample that ships: reproducible, valid, and telling its story."""

import gzip
from collections import Counter
from types import SimpleNamespace

import pytest

from streams.core.partition import Partition, Rules
from streams.core.relationship import Strength
from streams.core.series import SERIES
from streams.sample import PATH
from streams.sample.make import encode, events
from streams.sources import Jsonl, Lines, Sendable


def test_the_sample_is_what_its_maker_makes() -> None:
    """Nobody edited it by hand, and it stays small."""
    made = b"".join(encode(event) + b"\n" for event in events())
    assert gzip.decompress(PATH.read_bytes()) == made
    assert PATH.stat().st_size < 60_000


@pytest.fixture(scope="module")
def census() -> dict[str, dict[str, int]]:
    """Account → series → count, at the end of the sample."""
    rules = Rules(partitions=1, strength=Strength(), clock="event")
    partition = Partition(0, rules)
    outcomes: Counter[str] = Counter()
    for offset, item in enumerate(Jsonl().read(Lines(str(PATH)))):
        assert isinstance(item, Sendable), item
        record = SimpleNamespace(
            key=item.key, value=item.value, timestamp=item.at_ms, headers=(), offset=offset
        )
        outcomes.update(partition.apply(item.kind, [record], item.at_ms).outcomes)
    assert outcomes == {"applied": outcomes.total()}
    partition.settle()
    return {
        account: dict(
            zip(map(str, SERIES), partition.census.read(account, partition.clock), strict=True)
        )
        for account in partition.census.accounts()
    }


def test_begging_brings_followers_and_costs_talk(census: dict[str, dict[str, int]]) -> None:
    """The pattern that the alert is for: replies fall while follows rise."""
    peak = census["peak-sneakers"]
    replies = 'closeknit_interactions{direction="inbound",kind="reply",window="7d"}'
    before = (
        'closeknit_interactions_previous{ago="7d",direction="inbound",kind="reply",window="7d"}'
    )
    assert peak[replies] < 0.7 * peak[before]
    follows = peak['closeknit_follows{window="7d"}']
    assert follows > 10 * peak['closeknit_follows_previous{ago="7d",window="7d"}']
    hollow = peak['closeknit_followers_by_tenure{engaged="no",tenure="0-7d"}']
    assert hollow > 0.8 * follows


def test_who_answers_has_connections_and_who_is_only_liked_has_none(
    census: dict[str, dict[str, int]],
) -> None:
    """Followers alone would rank them the other way round."""
    connections = 'closeknit_relationships{following="yes",stage="connection"}'
    harbour, inkwell = census["harbour-coffee"], census["inkwell-books"]
    assert harbour["closeknit_followers"] < inkwell["closeknit_followers"]
    assert harbour[connections] >= 20
    assert inkwell[connections] == 0
