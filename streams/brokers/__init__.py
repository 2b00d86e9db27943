"""Brokers that we run ourselves, and what clients need to know to live with them."""

from streams.brokers.batches import UnreadableBatch
from streams.brokers.compatibility import accommodate
from streams.brokers.embedded import BrokerUnavailableError, EmbeddedBroker
from streams.brokers.identity import TopicIds

__all__ = [
    "BrokerUnavailableError",
    "EmbeddedBroker",
    "TopicIds",
    "UnreadableBatch",
    "accommodate",
]
