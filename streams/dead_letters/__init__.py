"""Dead letters: finding, reading, mending and redriving what could not be applied."""

from streams.dead_letters.letters import (
    REDRIVEN,
    Address,
    Box,
    DeadLetter,
    Selection,
    parse,
    read_letters,
)
from streams.dead_letters.mending import Mend, WrongMend
from streams.dead_letters.redrive import (
    NOT_MENDED,
    REDRIVEN_FROM,
    Planned,
    Redriven,
    Target,
    planned,
    redrive,
)

__all__ = [
    "NOT_MENDED",
    "REDRIVEN",
    "REDRIVEN_FROM",
    "Address",
    "Box",
    "DeadLetter",
    "Mend",
    "Planned",
    "Redriven",
    "Selection",
    "Target",
    "WrongMend",
    "parse",
    "planned",
    "read_letters",
    "redrive",
]
