"""A Faust app set up for chunks."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import faust

from streams.transport.ledger import Ledger
from streams.transport.rebalance import TakeoverManager


class TransportSettings(NamedTuple):
    """What the transport must know of the settings; times in seconds unless they say ms.

    Attributes:
        group: the consumer group.
        broker: bootstrap servers, ``host:port`` separated by commas.
        kafka: how to reach the brokers, as keyword arguments of aiokafka's clients.
        chunk_size: records in a chunk, at most.
        flush_interval: between two flushes.
        session_timeout: after which a silent worker is declared dead by the broker.
        heartbeat_interval: between two signs of life.
        rebalance_timeout: how long the group waits for a worker to flush and rejoin.
        request_timeout: how long a request to the broker may take.
        group_instance_id: a stable name of this worker (static membership), or None.
        data_dir: a directory that Faust may write to.
        partitions: of all source topics together, which one worker may have to read alone.
    """

    group: str
    broker: str
    kafka: Mapping[str, Any]
    chunk_size: int
    flush_interval: float
    session_timeout: float
    heartbeat_interval: float
    rebalance_timeout: float
    request_timeout: float
    group_instance_id: str | None
    data_dir: str
    partitions: int


#: Bytes that are read ahead, compressed as they may be, for all partitions together; and how many
#: of them in one answer of a broker.
READ_AHEAD, ANSWER = 64 << 20, 16 << 20

#: A broker answers when it has so many bytes for us, or after so many ms: chunks of a few records
#: cost ten times as much a record as those of hundreds, and a flush comes but twice a second.
WORTH_AN_ANSWER, LINGER_MS = 1 << 20, 100


def fetch_limits(partitions: int) -> dict[str, int]:
    """Return aiokafka's limits for a consumer of so many partitions.

    It asks for no more of a partition while it holds something of it, so it holds at most a
    partition's limit for each. That is never below a broker's largest batch by default.
    """
    share = READ_AHEAD // max(1, partitions)
    return {
        "max_partition_fetch_bytes": min(max(share, 1 << 20), 4 << 20),
        "fetch_max_bytes": ANSWER,
    }


class ChunkedApp(faust.App):  # type: ignore[misc]
    """Faust with chunks for messages and a ledger for tables.

    Attributes:
        ledger: owns the state; set before the app starts.
        rounds: rebalances begun so far; work of an earlier round is abandoned.
        failure: why the ledger could not take its partitions; the app cannot go on.
        kafka, consumer_settings: keyword arguments for aiokafka's consumer.
        chunk_size: records in a chunk, at most.
    """

    mundane_level = "debug"

    def __init__(self, settings: TransportSettings, ledger: Ledger) -> None:
        super().__init__(
            settings.group,
            broker=[f"chunks://{host}" for host in settings.broker.split(",")],
            datadir=settings.data_dir,
            autodiscover=False,
            TableManager=TakeoverManager,
            web_enabled=False,
            topic_allow_declare=False,
            topic_disable_leader=True,
            stream_wait_empty=False,
            stream_buffer_maxsize=64,
            broker_commit_interval=settings.flush_interval,
            broker_session_timeout=settings.session_timeout,
            broker_heartbeat_interval=settings.heartbeat_interval,
            broker_rebalance_timeout=settings.rebalance_timeout,
            broker_request_timeout=settings.request_timeout,
        )
        self.ledger = ledger
        self.rounds = 0
        self.failure: Exception | None = None
        self.chunk_size = settings.chunk_size
        self.kafka = settings.kafka
        self.consumer_settings = {
            "group_instance_id": settings.group_instance_id,
            "session_timeout_ms": int(settings.session_timeout * 1000),
            "heartbeat_interval_ms": int(settings.heartbeat_interval * 1000),
            "rebalance_timeout_ms": int(settings.rebalance_timeout * 1000),
            "request_timeout_ms": int(settings.request_timeout * 1000),
            # Nothing is polled while a large partition is recovered; heartbeats go on meanwhile.
            "max_poll_interval_ms": 3_600_000,
            "max_poll_records": 8 * settings.chunk_size,
            **fetch_limits(settings.partitions),
            "fetch_min_bytes": WORTH_AN_ANSWER,
            "fetch_max_wait_ms": LINGER_MS,
        }
        self.on_partitions_revoked.connect(self._flush_what_was_applied)

    @property
    def consumer_started(self) -> bool:
        """Whether there is a consumer to ask yet."""
        return self._consumer is not None and self._consumer.started

    async def _producer_flush(self, logger: Any) -> None:
        # Faust's producer has sent nothing; every write is in a transaction of the ledger.
        pass

    async def _flush_what_was_applied(self, *_: Any, **__: Any) -> None:
        await self.ledger.flush()
