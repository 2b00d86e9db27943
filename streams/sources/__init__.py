"""Where events come from: pure readers of lines, one module per format."""

from streams.sources.canonical import Csv, Jsonl
from streams.sources.files import UnreadableFileError, read_lines
from streams.sources.items import Malformed, Sendable, Source
from streams.sources.jetstream import Jetstream

__all__ = [
    "Csv",
    "Jetstream",
    "Jsonl",
    "Malformed",
    "Sendable",
    "Source",
    "UnreadableFileError",
    "read_lines",
]
