"""The world of the demo: ten weeks of four brands, a few of whose records went wrong."""

from __future__ import annotations

from typing import Final

from streams.synthetic.cast import Cast, Defects, World

DEMO: Final = World(
    seed=3,
    first_day="2026-06-29",
    days=70,
    accounts=(
        Cast("harbour-coffee", "Harbour Coffee", "food", "conversation", 400),
        Cast("inkwell-books", "Inkwell Books", "culture", "owner-stops-answering", 700, turn=46),
        Cast("peak-sneakers", "Peak Sneakers", "sports", "begging", 800, turn=52, surge=15.4),
        Cast("summit-bikes", "Summit Bikes", "sports", "viral", 800, turn=50),
    ),
    defects=Defects(duplicates=0.0005, late=0.0002, misrouted=0.0003, malformed=0.0003),
)
"""Harbour Coffee answers everybody, the owner of Inkwell Books stops answering, Peak Sneakers begs
for followers, and a post of Summit Bikes goes viral."""
