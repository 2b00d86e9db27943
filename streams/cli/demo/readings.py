"""What the demo shows while it runs: read from the worker's `/metrics`, as Prometheus would."""

from __future__ import annotations

import http.client
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import urlsplit

from streams.core.admission import Outcome

_SAMPLE = re.compile(r"^(closeknit_\w+)(?:\{(.*)\})? (\S+)$", re.MULTILINE)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_TIMEOUT = 10.0
"""Seconds that an answer may take: the machine may be slow, and the worker busy."""


class Sample(NamedTuple):
    """A line of a page of metrics."""

    name: str
    labels: Mapping[str, str]
    value: float


class Standing(NamedTuple):
    """How one account stands.

    Attributes:
        followers: who follow now.
        active: members with a like, share or reply in the last 7 days.
        repliers: members with a reply in the last 7 days.
        connections: members with whom replies went both ways, on two of the last 28 days or more.
        hollow: followers who have never liked, shared or replied.
    """

    followers: int
    active: int
    repliers: int
    connections: int
    hollow: int

    @property
    def hollow_share(self) -> float:
        """Hollow followers among all followers, 0 to 1."""
        return self.hollow / self.followers if self.followers else 0.0


class Reading(NamedTuple):
    """One look at the worker.

    Attributes:
        now: the hour that now is in the tables; None before anything was read.
        accounts: standing by account id.
        outcomes: records read by what became of them.
        lag: records in the topics that are not read yet.
        unwritten: relationships changed since the last flush: not in the counts yet.
        dead_letters: how many by reason.
    """

    now: datetime | None
    accounts: Mapping[str, Standing]
    outcomes: Mapping[str, int]
    lag: int
    unwritten: int
    dead_letters: Mapping[str, int]

    @property
    def refused(self) -> str:
        """The dead letters in words, the most frequent reason first."""
        ranked = sorted(self.dead_letters.items(), key=lambda each: (-each[1], each[0]))
        reasons = ", ".join(f"{reason} {n}" for reason, n in ranked)
        return f"{sum(self.dead_letters.values()):,}{reasons and f': {reasons}'}"

    @property
    def records(self) -> int:
        """Records sent that were read; one in the wrong partition is read twice."""
        return sum(self.outcomes.values()) - self.outcomes.get(Outcome.REROUTED, 0)

    @property
    def events(self) -> int:
        """Events among them, good or bad."""
        return self.records - self.outcomes.get(Outcome.TICK, 0)


def fetch(url: str) -> Reading:
    """Look at the worker whose metrics are there.

    Raises:
        OSError: it does not answer.
    """
    return reading(scraped(url))


def scraped(url: str) -> list[Sample]:
    """Everything on that page.

    Raises:
        OSError: nobody answers.
    """
    # Not with urllib, which would ask a proxy where one is set.
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.netloc, timeout=_TIMEOUT)
    try:
        connection.request("GET", where.path)
        page = connection.getresponse().read()
    except http.client.HTTPException as error:
        raise ConnectionError(f"the worker gave no proper answer: {error!r}") from error
    finally:
        connection.close()
    return samples(page.decode())


def samples(page: str) -> list[Sample]:
    """Everything of ours on a page of metrics."""
    return [
        Sample(name, dict(_LABEL.findall(labels)), float(value))
        for name, labels, value in _SAMPLE.findall(page)
    ]


def reading(page: Iterable[Sample]) -> Reading:
    """Choose from a page what the demo shows."""
    named: dict[str, list[Sample]] = defaultdict(list)
    for sample in page:
        named[sample.name].append(sample)
    clocks = [sample.value for sample in named["closeknit_clock_timestamp_seconds"]]
    outcomes: Counter[str] = Counter()
    for sample in named["closeknit_events_total"]:
        outcomes[sample.labels["outcome"]] += int(sample.value)
    listed = (sample.labels["account"] for sample in named["closeknit_account_info"])
    return Reading(
        now=datetime.fromtimestamp(max(clocks), UTC) if clocks else None,
        accounts={
            account: standing(
                sample
                for family in _FAMILIES
                for sample in named[family]
                if sample.labels["account"] == account
            )
            for account in listed
        },
        outcomes=outcomes,
        lag=_sum(named["closeknit_consumer_lag_records"]),
        unwritten=_sum(named["closeknit_dirty_relationships"]),
        dead_letters={
            sample.labels["reason"]: int(sample.value)
            for sample in named["closeknit_dead_letters_total"]
            if sample.value
        },
    )


_FAMILIES = (
    "closeknit_followers",
    "closeknit_active_members",
    "closeknit_repliers",
    "closeknit_relationships",
)


def standing(of_one_account: Iterable[Sample]) -> Standing:
    """Choose from the samples of one account what the demo shows."""
    found = list(of_one_account)

    def total(family: str, **labels: str) -> int:
        return _sum(
            sample
            for sample in found
            if sample.name == f"closeknit_{family}" and labels.items() <= sample.labels.items()
        )

    return Standing(
        followers=total("followers"),
        active=total("active_members", window="7d"),
        repliers=total("repliers", window="7d"),
        connections=total("relationships", stage="connection"),
        hollow=total("relationships", stage="passive"),
    )


def _sum(of: Iterable[Sample]) -> int:
    return int(sum(sample.value for sample in of))
