"""Kafka records in chunks: the transport that Closeknit registers with Faust.

Faust spends some 350 µs on every message it delivers. This transport delivers up to a thousand
records of one partition as *one* message, a `Chunk`, and hands the questions that a table must
answer (where to read on, what a commit means, who owns a partition) to a `Ledger`.

Choose it with the URL scheme ``chunks://``.
"""

from streams.transport.app import ChunkedApp, TransportSettings
from streams.transport.chunks import Chunk, ChunkSchema
from streams.transport.consumer import ChunkConsumer, Transport
from streams.transport.ledger import Ledger
from streams.transport.rebalance import TakeoverManager

__all__ = [
    "Chunk",
    "ChunkConsumer",
    "ChunkSchema",
    "ChunkedApp",
    "Ledger",
    "TakeoverManager",
    "Transport",
    "TransportSettings",
]
