"""What goes wrong on the way from an account to Kafka: twice, late, astray, or broken."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain, count, cycle
from typing import Any, Final, NamedTuple

import msgspec
import orjson

from schemas.events import Event, Reason, encode
from streams.core.placement import partition_of, relationship_key
from streams.core.time import DAY_MS, format_ms, parse_at
from streams.synthetic.cast import Defects, World
from streams.synthetic.rhythm import Dice
from streams.synthetic.story import events

_LATE_DAYS: Final = (63, 91)
"""How late something late is: beyond the 56 days of the longest window, whatever the partition."""


class Delivery(NamedTuple):
    """A record as its producer sends it.

    Attributes:
        event: what it is about.
        value: the event on the wire, or something broken.
        defect: which of `Defects` it is; empty for what is as it should be.
        astray: the key of a misrouted one.
    """

    event: Event
    value: bytes
    defect: str = ""
    astray: bytes = b""

    @property
    def kind(self) -> str:
        """That of its topic."""
        return self.event.kind

    @property
    def key(self) -> bytes:
        """What Kafka's default partitioner places it by."""
        return self.astray or relationship_key(self.event.account, self.event.member)

    @property
    def at_ms(self) -> int:
        """When it was to happen."""
        return parse_at(self.event.at)


class Malformation(NamedTuple):
    """A way to break an event: what a producer does, why it is refused, and how to do it."""

    what: str
    reason: Reason
    broken: Callable[[bytes], bytes]


def deliveries(world: World, partitions: int | None = None) -> Iterator[Delivery]:
    """Everything that is sent, in its order: the events of a world, and its defects beside them.

    Defects are additional: the events, their order and their values are those of a world without
    (but for the key of a misrouted one).

    Args:
        world: whose `defects` say how often.
        partitions: of every topic; None, as in a file, or 1: nothing can be misrouted.
    """
    if not any(world.defects):
        return (Delivery(event, encode(event)) for event in events(world))
    return _spoilt(world, partitions or 1)


def _spoilt(world: World, partitions: int) -> Iterator[Delivery]:
    dice = world.random("defects").random
    ways = cycle(MALFORMATIONS)
    for event in events(world):
        delivery = Delivery(event, encode(event))
        match _fate(dice(), world.defects):
            case "duplicates" if event.op == "add":  # a removal sent twice finds nothing to remove
                yield delivery
                yield delivery._replace(defect="duplicates")
            case "late" if event.op == "add" and event.kind != "follow":
                yield delivery
                yield Delivery(event, encode(_long_ago(event, dice)), "late")
            case "misrouted":
                yield _misrouted(delivery, partitions)
            case "malformed":
                yield delivery
                yield Delivery(event, next(ways).broken(delivery.value), "malformed")
            case _:
                yield delivery


def _fate(chance: float, defects: Defects) -> str:
    for name, rate in zip(Defects._fields, defects, strict=True):
        if chance < rate:
            return name
        chance -= rate
    return ""


def _long_ago(event: Event, dice: Dice) -> Event:
    """The like of somebody whose telephone was off for two months."""
    low, high = _LATE_DAYS
    at = max(0, parse_at(event.at) - int((low + (high - low) * dice()) * DAY_MS))
    return msgspec.structs.replace(event, id=f"{event.id}-late", at=format_ms(at))


def _misrouted(delivery: Delivery, partitions: int) -> Delivery:
    """Keyed by the member alone, or by the account: as producers do that know no better."""
    if partitions < 2:
        return delivery
    account, member = delivery.event.account, delivery.event.member
    home = partition_of(delivery.key, partitions)
    for name in chain((member, account), (f"{member}-{n}" for n in count())):
        if partition_of(key := name.encode(), partitions) != home:
            return delivery._replace(defect="misrouted", astray=key)
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
