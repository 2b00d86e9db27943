"""Where events come from: pure readers of lines, one module per format."""

from streams.sources.canonical import Csv, Jsonl
from streams.sources.files import Lines, UnreadableFile
from streams.sources.items import Malformed, Reader, Sendable
from streams.sources.jetstream import Jetstream

__all__ = [
    "Csv",
    "Jetstream",
    "Jsonl",
    "Lines",
    "Malformed",
    "Reader",
    "Sendable",
    "UnreadableFile",
]
