"""The relationships table: packed values by partition number, written behind in transactions."""

from streams.table.cap import Cap
from streams.table.halt import (
    BrokenInvariant,
    Fenced,
    FlushFailed,
    Halt,
    RecoveryStuck,
    SourceReplaced,
    Stalled,
    TooManyInvalid,
    UnfitState,
    Unreadable,
)
from streams.table.settings import TableSettings
from streams.table.table import RelationshipsTable

__all__ = [
    "BrokenInvariant",
    "Cap",
    "Fenced",
    "FlushFailed",
    "Halt",
    "RecoveryStuck",
    "RelationshipsTable",
    "SourceReplaced",
    "Stalled",
    "TableSettings",
    "TooManyInvalid",
    "UnfitState",
    "Unreadable",
]
