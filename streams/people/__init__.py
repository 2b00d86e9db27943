"""Names: who waits, who cools down, who is new and engages, and why. From the changelog alone."""

from streams.people.facts import Waiting, strength_when_last_heard, waiting
from streams.people.listings import (
    LISTINGS,
    Listing,
    Person,
    awaiting,
    by_account,
    connections,
    cooling,
    hollow,
    promising,
)
from streams.people.portrait import (
    Portion,
    consists_of,
    lasts_until,
    next_step,
    rule,
    timeline,
)

__all__ = [
    "LISTINGS",
    "Listing",
    "Person",
    "Portion",
    "Waiting",
    "awaiting",
    "by_account",
    "connections",
    "consists_of",
    "cooling",
    "hollow",
    "lasts_until",
    "next_step",
    "promising",
    "rule",
    "strength_when_last_heard",
    "timeline",
    "waiting",
]
