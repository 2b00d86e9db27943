"""What goes wrong on the way from an account to Kafka: twice, late, astray, or broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, count
from typing import Any, Final, NamedTuple

import msgspec
import orjson

from schemas.events import Event, Reason, encode
from streams.core.placement import partition_of, relationship_key
from streams.core.time import DAY_MS, format_ms, parse_at
from streams.synthetic.cast import World
from streams.synthetic.rhythm import Dice
from streams.synthetic.story import events

_LATE_DAYS: Final = (63, 91)
"""How late something late is: beyond the 56 days of the longest window, whatever the partition."""


class Delivery(NamedTuple):
    """A record as its producer sends it.

    Attributes:
        kind: that of its topic.
        key: what Kafka's default partitioner places it by.
        at_ms: when it was sent, in the world's time.
        value: the event on the wire, or something broken.
        defect: which of `Defects` it is; empty for what is as it should be.
    """

    kind: str
    key: bytes
    at_ms: int
    value: bytes
    defect: str = ""


class Malformation(NamedTuple):
    """A way to break an event: what a producer does, why it is refused, and how to do it."""

    what: str
    reason: Reason
    broken: Callable[[bytes], bytes]


def deliveries(world: World, partitions: int | None = None) -> Iterator[Delivery]:
    """Everything that is sent, in its order: the events of a world, and its defects beside them.

    Defects are additional: the events, their order and their values are those of a world without
    (but for a misrouted one, which has another key).

    Args:
        world: whose `defects` say how often.
        partitions: of every topic; None, as in a file, or 1: nothing can be misrouted.
    """
    clean = map(_delivery, events(world))
    if not any(world.defects):
        return clean
    return _spoilt(clean, world, partitions or 1)


def _delivery(event: Event) -> Delivery:
    key = relationship_key(event.account, event.member)
    return Delivery(event.kind, key, parse_at(event.at), encode(event))


def _spoilt(clean: Iterator[Delivery], world: World, partitions: int) -> Iterator[Delivery]:
    dice = world.random("defects").random
    duplicates, late, misrouted, malformed = world.defects
    numbers = count()
    for delivery in clean:
        chance = dice() - duplicates
        if chance < 0:
            yield delivery
            if b'"op"' not in delivery.value:  # another removal would find nothing to remove
                yield delivery._replace(defect="duplicates")
            continue
        if (chance := chance - late) < 0:
            yield delivery
            if delivery.kind != "follow" and b'"op"' not in delivery.value:
                yield _late(delivery, dice)
            continue
        if (chance := chance - misrouted) < 0:
            yield _misrouted(delivery, partitions)
            continue
        yield delivery
        if chance < malformed:
            way = MALFORMATIONS[next(numbers) % len(MALFORMATIONS)]
            yield delivery._replace(value=way.broken(delivery.value), defect="malformed")


def _late(delivery: Delivery, dice: Dice) -> Delivery:
    """The like of somebody whose telephone was off for two months."""
    event = msgspec.json.decode(delivery.value, type=Event)
    low, high = _LATE_DAYS
    at = max(0, delivery.at_ms - int((low + (high - low) * dice()) * DAY_MS))
    late = msgspec.structs.replace(event, id=f"{event.id}-late", at=format_ms(at))
    return delivery._replace(value=encode(late), defect="late")


def _misrouted(delivery: Delivery, partitions: int) -> Delivery:
    """Keyed by the member alone, or by the account: as producers do that know no better."""
    if partitions < 2:
        return delivery
    account, _, member = delivery.key.partition(b" ")
    home = partition_of(delivery.key, partitions)
    others = (b"%s %d" % (member, n) for n in count())
    for key in chain((member, account), others):
        if partition_of(key, partitions) != home:
            return delivery._replace(key=key, defect="misrouted")
    raise AssertionError("some key is always elsewhere")


def _with(**changes: Any) -> Callable[[bytes], bytes]:
    """Other values of fields; None is none."""

    def broken(value: bytes) -> bytes:
        fields = orjson.loads(value) | changes
        return orjson.dumps({name: field for name, field in fields.items() if field is not None})

    return broken


def _zoneless(value: bytes) -> bytes:
    return _with(at=orjson.loads(value)["at"].removesuffix("Z"))(value)


def _narcissus(value: bytes) -> bytes:
    return _with(member=orjson.loads(value)["account"])(value)


MALFORMATIONS: Final = (
    Malformation("is cut off", Reason.NOT_JSON, lambda value: value[: len(value) // 2]),
    Malformation("writes times without an offset", Reason.INVALID_TIME, _zoneless),
    Malformation("writes ids as numbers", Reason.WRONG_TYPE, _with(id=4711)),
    Malformation("forgets the member", Reason.MISSING_FIELD, _with(member=None)),
    Malformation("has words of its own", Reason.UNKNOWN_KIND, _with(kind="retweet")),
    Malformation("sends display names", Reason.INVALID_MEMBER, _with(member="Ada Birch")),
    Malformation("has no id to give", Reason.INVALID_ID, _with(id="")),
    Malformation("takes the account for a member", Reason.SELF_INTERACTION, _narcissus),
    Malformation(
        "writes Latin-1",
        Reason.NOT_JSON,
        lambda value: value.replace(b'"member":"', b'"member":"\xe9'),
    ),
)
"""What a broken producer does, in turn."""
