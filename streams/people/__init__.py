"""Names: who waits, who cools down, who is new and engages, and why. From the changelog alone."""

from streams.people.facts import Waiting, strength_when_last_heard, waiting
from streams.people.listings import (
    LISTINGS,
    Listing,
    Person,
    awaiting,
    connections,
    cooling,
    hollow,
    promising,
)

__all__ = [
    "LISTINGS",
    "Listing",
    "Person",
    "Waiting",
    "awaiting",
    "connections",
    "cooling",
    "hollow",
    "promising",
    "strength_when_last_heard",
    "waiting",
]
