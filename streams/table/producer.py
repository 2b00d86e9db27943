"""aiokafka's transactional producer, with the one failure mended that it does not retry."""

from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, NodeNotReadyError


class Producer(AIOKafkaProducer):  # type: ignore[misc]
    """Rides out a broker that falls while it is asked who coordinates a transaction.

    aiokafka 0.14 retries every request of a transaction over a lost connection but this one: there
    its sending task ends, and with it the worker, each time a broker happens to fall right then.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._look_up = self.client.coordinator_lookup
        self.client.coordinator_lookup = self._coordinator_lookup

    async def _coordinator_lookup(self, kind: int, key: str) -> int:
        try:
            return int(await self._look_up(kind, key))
        except KafkaConnectionError as lost:
            # The sending task knows this one: it fetches metadata, waits and asks again.
            raise NodeNotReadyError(str(lost)) from lost
