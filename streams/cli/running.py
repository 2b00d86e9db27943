"""What every command does around its work: settings, quiet clients, errors in one sentence."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator
from contextlib import contextmanager

import aiokafka.errors
import click
import kafka.errors

from streams.brokers import BrokerUnavailableError
from streams.committed import ReadingStuck
from streams.core.packing import CorruptValue
from streams.core.partition_record import UnknownFormat
from streams.metrics.server import CannotListenError
from streams.settings import InvalidSettings, Settings, load
from streams.topics import (
    Found,
    NotCreated,
    Planned,
    Unreachable,
    administration,
    find,
    plan,
    plan_state,
)

_EXPECTED = (BrokerUnavailableError, CorruptValue, NotCreated, ReadingStuck, UnknownFormat)
_UNREACHABLE = (
    Unreachable,
    aiokafka.errors.KafkaConnectionError,
    aiokafka.errors.KafkaTimeoutError,
    aiokafka.errors.NodeNotReadyError,
    aiokafka.errors.RequestTimedOutError,
    kafka.errors.KafkaConnectionError,
    kafka.errors.KafkaTimeoutError,
    kafka.errors.NodeNotReadyError,
    kafka.errors.RequestTimedOutError,
    # As they come, when a broker falls while it is talked to. Not every ConnectionError: one is
    # that of a closed pipe behind us.
    ConnectionRefusedError,
    ConnectionResetError,
    TimeoutError,
)


class Failure(click.ClickException):
    """It could not be done."""

    exit_code = 3


class WrongSettings(click.ClickException):
    """The settings cannot be used: every problem on a line of its own."""

    exit_code = 2

    def format_message(self) -> str:
        """Return the problems under a heading."""
        lines = self.message.splitlines()
        return "the settings cannot be used:\n" + "\n".join(f"  {line}" for line in lines)


def read_settings() -> Settings:
    """Load the settings, or end the command with everything that is wrong with them."""
    try:
        return load()
    except InvalidSettings as invalid:
        raise WrongSettings(str(invalid)) from None


@contextmanager
def plain_errors(settings: Settings) -> Iterator[None]:
    """Let what may well happen end the command with a sentence instead of a traceback."""
    for client in ("aiokafka", "kafka"):
        logging.getLogger(client).setLevel(logging.CRITICAL)
    try:
        yield
    except _EXPECTED as error:
        raise Failure(str(error)) from error
    except CannotListenError as error:
        raise Failure(error.strerror or str(error)) from error
    except _UNREACHABLE as error:
        raise Failure(
            f"no Kafka broker answers at {settings.broker}: is it running, and is CLOSEKNIT_BROKER "
            f"right? ({_reason(error)}) `closeknit doctor` looks further"
        ) from error
    except (aiokafka.errors.KafkaError, kafka.errors.KafkaError) as error:
        raise Failure(
            f"Kafka at {settings.broker} refused: {_reason(error)}; `closeknit doctor` looks "
            "further"
        ) from error


def _reason(error: BaseException) -> str:
    # kafka-python quotes the whole request and response after the name.
    return str(error).partition(" Request '")[0] or type(error).__name__


def planned_topics(settings: Settings) -> list[Planned]:
    """The topics that a worker needs, as the settings want them."""
    return plan(
        settings.topics.values(),
        settings.changelog,
        settings.dead_letters,
        settings.partitions,
        settings.replication_factor,
    )


def all_topics(settings: Settings) -> list[Planned]:
    """Those of workers and those of live sources."""
    *sources, changelog, dead_letters = planned_topics(settings)
    state = plan_state(settings.sources_state, settings.replication_factor)
    return [*sources, state, changelog, dead_letters]


def existing_topics(settings: Settings, names: Collection[str]) -> dict[str, Found]:
    """Find the topics, or end the command when one is missing. Never creates any."""
    with administration(settings.connection()) as admin:
        found = find(admin, names)
    if missing := [name for name in names if name not in found]:
        raise Failure(
            f"no topic {', '.join(missing)} at {settings.broker}: run `closeknit topics create`"
        )
    return found


def source_partitions(settings: Settings) -> int:
    """Return how many partitions the source topics have, or end the command if they differ."""
    found = existing_topics(settings, list(settings.topics.values()))
    if wrong := {n for topic in found.values() if (n := topic.partitions) != settings.partitions}:
        raise Failure(
            f"a source topic has {min(wrong)} partitions, the settings say {settings.partitions}: "
            "run `closeknit topics check`"
        )
    return settings.partitions


def counted(n: int, noun: str) -> str:
    """Return "1 line", "2,000 lines"."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"
