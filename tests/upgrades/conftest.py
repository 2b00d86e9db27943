"""Systems on real Kafka, as the tests of the engine have them."""

from tests.engine.conftest import kafka_system, new_system

__all__ = ["kafka_system", "new_system"]
