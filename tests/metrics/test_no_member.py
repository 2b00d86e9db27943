"""No member is ever named to Prometheus."""

import logging
from typing import NamedTuple

import orjson

from streams.core.partition import Partition, Rules
from streams.core.series import SERIES
from streams.metrics.meters import Meters
from streams.metrics.names import TOPICS
from tests.metrics.world import page, partition, samples, value


class Read(NamedTuple):
    """What a partition reads of a Kafka record."""

    value: bytes
    timestamp: int = 0
    headers: tuple[tuple[str, bytes], ...] = ()
    key: bytes | None = None
    offset: int = 0


EVENTS = {
    "like": {"direction": "inbound"},
    "reply": {"direction": "outbound"},
    "follow": {},
    "share": {"member": None},  # refused, and it names a member all the same
}


def event(kind, **fields):
    at = "2026-07-04T14:38:07.396Z"
    event = {"kind": kind, "id": "id-secret", "account": "brand", "member": "member-secret"}
    return Read(orjson.dumps(event | {"at": at, "via": "member-secret"} | fields))


def test_no_member_is_in_the_page_or_in_the_log(caplog):
    """Applied, duplicate or refused: a page holds counts by account, and nothing of whom."""
    owned, meters = Partition(0, Rules(partitions=1)), Meters()
    with caplog.at_level(logging.DEBUG, logger="streams"):
        for (kind, fields), topic in zip(EVENTS.items(), TOPICS, strict=True):
            applied = owned.apply(kind, [event(kind, **fields)] * 2, now_ms=0)
            meters.count(topic, applied.outcomes)
            for refused in applied.refused:
                meters.dead_letter(refused.reason)
        owned.settle()
        text = page(partition(clock=owned.clock, census=owned.census), meters=meters)()
    found = samples(text)
    assert value(found, "closeknit_active_members", account="brand", window="1d", following="yes")
    assert sum(meters.dead_letters.values()) == 2
    assert len(SERIES) == sum(("account", "brand") in labels for _, labels in found) - 1
    assert b"secret" not in text
    assert "secret" not in caplog.text
