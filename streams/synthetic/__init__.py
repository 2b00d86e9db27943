"""Invented worlds: accounts and their people over some weeks, by seed, with the truth about them.

Pure, and the same bytes for the same seed on every machine and Python from 3.11 on.
"""

from streams.synthetic.cast import Cast, Defects, World
from streams.synthetic.course import Day, course
from streams.synthetic.defects import MALFORMATIONS, Delivery, Malformation, deliveries
from streams.synthetic.demo import DEMO
from streams.synthetic.labels import Label, labels
from streams.synthetic.scenarios import SCENARIOS, Habits, Phase, Scenario
from streams.synthetic.story import events

__all__ = [
    "DEMO",
    "MALFORMATIONS",
    "SCENARIOS",
    "Cast",
    "Day",
    "Defects",
    "Delivery",
    "Habits",
    "Label",
    "Malformation",
    "Phase",
    "Scenario",
    "World",
    "course",
    "deliveries",
    "events",
    "labels",
]
