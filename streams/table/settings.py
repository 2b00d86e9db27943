"""What the table must know of the settings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from streams.core.partition import Rules
from streams.table.cap import Cap


class TableSettings(NamedTuple):
    """What the table must know of the settings.

    Attributes:
        app: prefix of the transactional ids.
        kinds: the kind of event that each source topic carries.
        changelog: the compacted topic that holds the values.
        dead_letters: the topic for refused records.
        rules: how records are admitted and applied.
        kafka: how to reach the brokers, as keyword arguments of aiokafka's clients.
        transaction_timeout_ms: how long the broker waits for a transaction to end.
        request_timeout_ms: how long a request to the broker may take.
        max_dirty: dirty relationships and records to send, of all partitions, after which a flush
            is due at once.
        snapshots: directory of local snapshots, None for none.
        snapshot_after: see `Snapshots`.
        cap: how much of a source topic may be invalid.
        state_format: the format to write values in; None: see `streams.core.formats.to_write`.
    """

    app: str
    kinds: Mapping[str, str]
    changelog: str
    dead_letters: str
    rules: Rules
    kafka: Mapping[str, Any]
    transaction_timeout_ms: int
    request_timeout_ms: int
    max_dirty: int
    snapshots: Path | None = None
    snapshot_after: int = 20_000
    cap: Cap = Cap()
    state_format: int | None = None
