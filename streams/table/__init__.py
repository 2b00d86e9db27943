"""The relationships table: packed values by partition number, written behind in transactions."""

from streams.table.halt import (
    BrokenInvariant,
    Fenced,
    FlushFailed,
    Halt,
    RecoveryStuck,
    SourceReplaced,
    Stalled,
    UnfitState,
    Unreadable,
)
from streams.table.table import RelationshipsTable, TableSettings

__all__ = [
    "BrokenInvariant",
    "Fenced",
    "FlushFailed",
    "Halt",
    "RecoveryStuck",
    "RelationshipsTable",
    "SourceReplaced",
    "Stalled",
    "TableSettings",
    "UnfitState",
    "Unreadable",
]
