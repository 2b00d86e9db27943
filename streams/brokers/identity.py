"""Topic ids, asked often: a topic that was deleted and created anew has another.

aiokafka's own question for metadata is too old to be told them, and a new connection for each
question, as administrative clients make it, is too dear to ask before every flush.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from io import BytesIO
from typing import Any
from uuid import UUID

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import (
    KafkaError,
    TopicAuthorizationFailedError,
    UnknownTopicOrPartitionError,
)
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.types import (
    AbstractType,
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

MISSING_FOR = 3.0
"""Seconds for which a topic may be unknown before it counts as deleted: brokers learn one after
the other."""

ANSWERED_WITHIN_MS = 5_000
"""Time after which an answer counts as lost, as when a broker falls just then. A flush waits for
it, and must not do so for as long as a transaction may last."""

_AGAIN = 0.1


class _Uuid(AbstractType):  # type: ignore[misc]
    @classmethod
    def encode(cls, value: bytes) -> bytes:
        return value

    @classmethod
    def decode(cls, data: BytesIO) -> bytes:
        return data.read(16)


class _Answer(Response):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 10
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString("utf-8")),
                ("port", Int32),
                ("rack", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("name", CompactString("utf-8")),
                ("topic_id", _Uuid),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("number", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("in_sync", CompactArray(Int32)),
                        ("offline", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("authorized_operations", Int32),
        ("tags", TaggedFields),
    )


class _QuestionV10(RequestStruct):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 10
    FLEXIBLE_VERSION = True
    RESPONSE_TYPE = _Answer
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(
                ("topic_id", _Uuid), ("name", CompactString("utf-8")), ("tags", TaggedFields)
            ),
        ),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class _Question(Request[_QuestionV10]):  # type: ignore[misc]
    API_KEY = 3

    def __init__(self, names: Collection[str]) -> None:
        self._names = names

    def build(self, request_struct_class: Any) -> Any:
        topics: list[Any] = [(bytes(16), name, {}) for name in self._names]
        return request_struct_class(topics, False, False, False, {})


class TopicIds:
    """Asks the cluster for topic ids, over a connection that stays open.

    It asks every broker that leads a partition of these topics: a leader knows what it serves, so
    an id that all of them give us is that of everything that was read before we asked.

    Args:
        connection: how to reach the brokers, as arguments of aiokafka's clients.
    """

    def __init__(self, connection: Mapping[str, Any]) -> None:
        self._connection = connection
        self._client: AIOKafkaClient | None = None
        self._leaders: set[int] = set()

    async def __call__(self, names: Collection[str]) -> dict[str, str | None]:
        """Return the id of each topic: None where there is no such topic, or no such thing.

        Waits for as long as no broker answers.

        Raises:
            TopicAuthorizationFailedError: we may not know.
        """
        clock = asyncio.get_running_loop().time
        deadline = clock() + MISSING_FOR
        while True:
            try:
                answers = await self._ask(names)
            except NotImplementedError:  # the broker knows no question that has ids in its answer
                return dict.fromkeys(names)
            except TopicAuthorizationFailedError:
                raise
            except (KafkaError, OSError):
                self._leaders = set()
                await asyncio.sleep(_AGAIN)
                deadline = clock() + MISSING_FOR
                continue
            first, *others = answers
            unsettled = set(names) - first.keys() or any(other != first for other in others)
            if not unsettled or clock() > deadline:
                return dict.fromkeys(names) | first
            await asyncio.sleep(_AGAIN)

    async def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            await self._client.close()

    async def _ask(self, names: Collection[str]) -> list[dict[str, str | None]]:
        client = await self._connected()
        nodes = self._leaders or {client.get_random_node()}
        answers = await asyncio.gather(*(client.send(node, _Question(names)) for node in nodes))
        self._leaders = {
            partition[2]
            for answer in answers
            for topic in answer.topics
            for partition in topic[4]
            if partition[2] >= 0
        }
        if self._leaders - nodes:
            return await self._ask(names)
        return [_ids(answer) for answer in answers]

    async def _connected(self) -> AIOKafkaClient:
        if self._client is None:
            client = AIOKafkaClient(
                **self._connection,
                client_id="closeknit-topic-ids",
                request_timeout_ms=ANSWERED_WITHIN_MS,
            )
            try:
                await client.bootstrap()
            except BaseException:
                await client.close()
                raise
            self._client = client
        return self._client


def _ids(answer: _Answer) -> dict[str, str | None]:
    """The ids of the topics that exist, None for one that has none."""
    ids = {}
    for error_code, name, topic_id, *_ in answer.topics:
        if error_code == TopicAuthorizationFailedError.errno:
            raise TopicAuthorizationFailedError(f"we may not describe {name}")
        if error_code != UnknownTopicOrPartitionError.errno:
            ids[name] = str(UUID(bytes=topic_id)) if any(topic_id) else None
    return ids
