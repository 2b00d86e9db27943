"""aiokafka's transactional producer, with two of its ways mended."""

from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, NodeNotReadyError


class Producer(AIOKafkaProducer):  # type: ignore[misc]
    """Rides out a broker that falls while it is asked who coordinates a transaction.

    aiokafka 0.14 retries every request of a transaction over a lost connection but this one: there
    its sending task ends, and with it the worker, each time a broker happens to fall right then.
    So it does when a broker that has just woken up knows of no broker, itself included.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._look_up = self.client.coordinator_lookup
        self.client.coordinator_lookup = self._coordinator_lookup

    @property
    def failure(self) -> BaseException | None:
        """Why the sending task ended: a send after that only says that it is not allowed."""
        task = self._sender.sender_task
        return task.exception() if task is not None and task.done() else None

    async def _coordinator_lookup(self, kind: int, key: str) -> int:
        if self.client.get_random_node() is None:
            raise NodeNotReadyError("no broker is known")
        try:
            return int(await self._look_up(kind, key))
        except KafkaConnectionError as lost:
            # The sending task knows this one: it fetches metadata, waits and asks again.
            raise NodeNotReadyError(str(lost)) from lost
