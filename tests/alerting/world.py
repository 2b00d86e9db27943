"""Invented workers, as Prometheus would see them: what each exports at each moment.

Times are minutes since the beginning of a case; Prometheus is told that this was 1 January 1970.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from streams.metrics.names import TOPICS

MINUTE, HOUR, DAY = 1, 60, 24 * 60
Four = tuple[float, float, float, float]
Samples = dict[str, float]
Seen = Callable[[int], Samples]
"""What is exported at a minute."""


@dataclass(frozen=True)
class Account:
    """What the tables say of one account. By default: nothing has changed for weeks."""

    replies: float = 100
    replies_before: Four = (100, 100, 100, 100)
    """In the week before this one, and in the three before that."""
    replies_1d: float = 14
    follows: float = 100
    follows_before: Four = (100, 100, 100, 100)
    replies_28d: float = 400
    replies_28d_before: float = 400
    follows_28d: float = 400
    follows_28d_before: float = 400
    follows_1d: float = 14
    engaged_0_7d: tuple[float, float] = (50, 50)
    """Followers of that tenure: yes, no."""
    engaged_7_28d: tuple[float, float] = (100, 100)
    engaged_28_90d: tuple[float, float] = (100, 100)
    waiting: tuple[float, float] = (0, 0)
    """People who have waited for an answer for 1-3 days, for 3-7 days."""
    waiting_7_28d: float = 0
    repliers: tuple[float, float, float] = (10, 60, 160)
    """In 1 day, in 7 days, in 28 days."""

    def samples(self, name: str) -> Samples:
        found: Samples = {}

        def put(family: str, count: float, **labels: str) -> None:
            inner = ",".join(
                f"{label}={json.dumps(value, ensure_ascii=False)}"
                for label, value in {"account": name, **labels}.items()
            )
            found[f"closeknit_{family}{{{inner}}}"] = count

        inbound = {"kind": "reply", "direction": "inbound"}
        put("followers", 1000)
        put("follows", self.follows_1d, window="1d")
        put("interactions", self.replies_1d, **inbound, window="1d")
        for window, replies, follows in (
            ("7d", self.replies, self.follows),
            ("28d", self.replies_28d, self.follows_28d),
        ):
            put("interactions", replies, **inbound, window=window)
            put("follows", follows, window=window)
        for week, replies, follows in zip(
            ("7d", "14d", "21d", "28d"), self.replies_before, self.follows_before, strict=True
        ):
            put("interactions_previous", replies, **inbound, window="7d", ago=week)
            put("follows_previous", follows, window="7d", ago=week)
        for kind in "like", "share":  # which nobody has ever done: a topic may be unused
            put("interactions_previous", 0, kind=kind, direction="inbound", window="7d", ago="7d")
        put("interactions_previous", self.replies_28d_before, **inbound, window="28d", ago="28d")
        put("follows_previous", self.follows_28d_before, window="28d", ago="28d")
        for tenure, cohort in (
            ("0-7d", self.engaged_0_7d),
            ("7-28d", self.engaged_7_28d),
            ("28-90d", self.engaged_28_90d),
        ):
            for engaged, count in zip(("yes", "no"), cohort, strict=True):
                put("followers_by_tenure", count, tenure=tenure, engaged=engaged)
        waiting = (*self.waiting, self.waiting_7_28d)
        for age, count in zip(("1-3d", "3-7d", "7-28d"), waiting, strict=True):
            put("awaiting_reply", count, age=age)
        for window, count in zip(("1d", "7d", "28d"), self.repliers, strict=True):
            put("repliers", count, window=window, following="yes")
            put("repliers", 0, window=window, following="no")
        return found


@dataclass(frozen=True)
class Worker:
    """What one worker exports besides its process."""

    partitions: Iterable[int] = (0, 1)
    of: int = 2
    """How many partitions there are."""
    accounts: Mapping[str, Account] = field(default_factory=dict)
    lag: Mapping[str, float] = field(default_factory=dict)
    """Seconds by topic; 0 where it does not say."""
    lag_unknown: Sequence[str] = ()
    last_event: Mapping[str, float] = field(default_factory=dict)
    """By topic, seconds since the epoch; a minute ago where it does not say."""
    never: Sequence[str] = ()
    """Topics from which no event has come."""
    over_limit: bool = False

    def __call__(self, minute: int) -> Samples:
        now = minute * 60
        found: Samples = {
            "closeknit_partitions": self.of,
            "closeknit_accounts_over_limit": self.over_limit,
        }
        for name, account in self.accounts.items():
            found |= account.samples(name)
        for number in self.partitions:
            found[f'closeknit_partition_ready{{partition="{number}"}}'] = 1
            found[f'closeknit_clock_timestamp_seconds{{partition="{number}"}}'] = now
            for topic in TOPICS:
                place = f'{{topic="{topic}",partition="{number}"}}'
                if topic not in self.lag_unknown:
                    found[f"closeknit_consumer_lag_seconds{place}"] = self.lag.get(topic, 0)
                if topic not in self.never:
                    last = self.last_event.get(topic, now - 60)
                    found[f"closeknit_last_event_timestamp_seconds{place}"] = last
        return found


def on(instance: str, seen: Seen) -> Seen:
    """The same, as scraped from one instance."""
    label = f'instance="{instance}",job="closeknit"'

    def scraped(minute: int) -> Samples:
        return {
            f"{name.partition('{')[0]}{{{label}{',' if '{' in name else '}'}"
            f"{name.partition('{')[2]}": value
            for name, value in seen(minute).items()
        }

    return scraped


def one(account: Account, name: str = "acme", **worker: object) -> Seen:
    """A world of one worker and one account."""
    return on("a", replace(Worker(accounts={name: account}), **worker))  # type: ignore[arg-type]


def together(*all_of: Seen) -> Seen:
    """Several workers at once."""

    def seen(minute: int) -> Samples:
        found: Samples = {}
        for scraped in all_of:
            found |= scraped(minute)
        return found

    return seen


def then(first: Seen, *changes: tuple[int, Seen]) -> Seen:
    """One world, and from a minute on another."""

    def seen(minute: int) -> Samples:
        current = first
        for since, world in changes:
            if minute >= since:
                current = world
        return current(minute)

    return seen


def nobody(minute: int) -> Samples:
    """Nothing is scraped."""
    return {}
