"""The way to the brokers: name, connection, TLS, log-in, and what they can do.

Clients say of all this that no broker answers. So each step is taken here by itself, with
aiokafka's own connection.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from aiokafka.conn import AIOKafkaConnection, create_conn
from aiokafka.errors import (
    IllegalSaslStateError,
    KafkaError,
    SaslAuthenticationFailed,
    UnsupportedSaslMechanismError,
)
from aiokafka.protocol.metadata import MetadataRequest

from streams.doctor.finding import Found, ok, problem, warning
from streams.settings import Settings

PATIENCE = 5.0
"""Seconds that one server may take to answer."""

Versions = Mapping[int, tuple[int, int]]
"""Number of a request to the oldest and newest version of it that a broker knows."""


class Way(NamedTuple):
    """What came of the attempts to connect, by server: None, or why not."""

    bootstrap: Mapping[str, BaseException | None]
    advertised: Mapping[str, BaseException | None]
    versions: Versions


async def explore(settings: Settings) -> Way:
    """Connect to every bootstrap server, and to every broker that they name."""
    servers = settings.broker.split(",")
    tried = await asyncio.gather(*(_connect(settings, server) for server in servers))
    bootstrap = {server: error for server, (_, error) in zip(servers, tried, strict=True)}
    connections = [connection for connection, _ in tried if connection is not None]
    if not connections:
        return Way(bootstrap, {}, {})
    versions: Versions = connections[0]._versions
    brokers: list[str] = []
    try:
        async with asyncio.timeout(PATIENCE):
            answer = await connections[0].send(MetadataRequest([]))
    except (OSError, KafkaError, TimeoutError) as error:
        # Whoever does not log in where that is wanted is told versions, and no more.
        bootstrap = {server: found or error for server, found in bootstrap.items()}
    else:
        brokers = [
            f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            for _, host, port, *_ in answer.brokers
        ]
    for connection in connections:
        connection.close()
    others = [broker for broker in brokers if bootstrap.get(broker, True) is not None]
    tried = await asyncio.gather(*(_connect(settings, broker) for broker in others))
    for connection, _ in tried:
        if connection is not None:
            connection.close()
    advertised = {broker: error for broker, (_, error) in zip(others, tried, strict=True)}
    return Way(bootstrap, advertised, versions)


async def _connect(
    settings: Settings, server: str
) -> tuple[AIOKafkaConnection | None, BaseException | None]:
    host, _, port = server.rpartition(":")
    options = settings.connection()
    del options["bootstrap_servers"]
    try:
        async with asyncio.timeout(PATIENCE):
            connection = await create_conn(host.strip("[]"), int(port), **options)
    except (OSError, KafkaError, TimeoutError) as error:
        return None, error
    return connection, None


def judge_way(settings: Settings, way: Way) -> Iterator[Found]:
    """Say who answers; one bootstrap server is enough, but every broker is needed."""
    answering = [server for server, error in way.bootstrap.items() if error is None]
    for server, error in way.bootstrap.items():
        if error is not None:
            verdict = warning if answering else problem
            yield verdict(*explain(settings, server, error))
    for broker, error in way.advertised.items():
        if error is not None:
            text, _ = explain(settings, broker, error)
            yield problem(
                f"{answering[0]} answers and names {broker} as the address of a broker, but "
                f"there: {text}",
                "mend advertised.listeners in that broker's configuration, or the way from here",
            )
    if answering and not any(way.advertised.values()):
        secured = settings.security_protocol
        brokers = len(way.advertised.keys() | set(answering))
        yield ok(
            f"{', '.join(answering)} answers"
            + (f" ({secured})" if secured != "PLAINTEXT" else "")
            + (f", {brokers} brokers can be reached" if brokers > 1 else "")
        )


def explain(settings: Settings, server: str, error: BaseException) -> tuple[str, str]:
    """Return what went wrong on the way to a server, and what to do."""
    host = server.rpartition(":")[0]
    protocol = settings.security_protocol
    match error:
        case socket.gaierror():
            return (
                f"the name {host} is not known here ({error.strerror})",
                "look for a slip in CLOSEKNIT_BROKER; ask whoever runs the network for the name",
            )
        case ConnectionRefusedError():
            return (
                f"nobody listens at {server}",
                "start Kafka, or point CLOSEKNIT_BROKER at it; to try things out: "
                "`closeknit broker`",
            )
        case ssl.SSLCertVerificationError():
            return (
                f"the certificate of {server} is not trusted: {error.verify_message}",
                "set CLOSEKNIT_SSL_CAFILE to the authority that signed it; its host name must be "
                "the one in CLOSEKNIT_BROKER",
            )
        case ssl.SSLError(reason="WRONG_VERSION_NUMBER"):
            return (
                f"{server} does not speak TLS, and CLOSEKNIT_SECURITY_PROTOCOL is {protocol}",
                "use the port that speaks TLS, or the protocol "
                f"{'SASL_PLAINTEXT' if protocol.startswith('SASL') else 'PLAINTEXT'}",
            )
        case ssl.SSLError() if not isinstance(error, ssl.SSLEOFError):
            return (
                f"TLS with {server} failed: {error.reason or error}",
                "if it wants to know who we are, set CLOSEKNIT_SSL_CERTFILE and "
                "CLOSEKNIT_SSL_KEYFILE; its own log says more",
            )
        case SaslAuthenticationFailed():
            return (
                f"{server} does not let {settings.sasl_username} in"
                + (f": {error.args[0]}" if error.args and error.args[0] else ""),
                "check CLOSEKNIT_SASL_USERNAME and CLOSEKNIT_SASL_PASSWORD",
            )
        case UnsupportedSaslMechanismError():
            return (
                f"{server} knows no log-in by {settings.sasl_mechanism}",
                "set CLOSEKNIT_SASL_MECHANISM to one that it knows: PLAIN, SCRAM-SHA-256 or "
                "SCRAM-SHA-512",
            )
        case IllegalSaslStateError():
            return (
                f"{server} wants no log-in, and CLOSEKNIT_SECURITY_PROTOCOL is {protocol}",
                "use the port that does, or the protocol "
                f"{'SSL' if protocol.endswith('SSL') else 'PLAINTEXT'}",
            )
        case TimeoutError():
            return (
                f"{server} does not answer within {PATIENCE:g} s",
                "is a firewall in between, or does the port want TLS? "
                f"CLOSEKNIT_SECURITY_PROTOCOL is {protocol}",
            )
        case OSError() if error.strerror and not isinstance(error, ConnectionError | ssl.SSLError):
            return (f"{server} cannot be reached: {error.strerror}", "check CLOSEKNIT_BROKER")
        case _:
            return (
                f"{server} accepts connections and hangs up on us ({type(error).__name__})",
                "is it Kafka, and is it the port for this protocol? "
                f"CLOSEKNIT_SECURITY_PROTOCOL is {protocol}",
            )


_TRANSACTIONS = {
    22: "InitProducerId",
    24: "AddPartitionsToTxn",
    25: "AddOffsetsToTxn",
    26: "EndTxn",
    28: "TxnOffsetCommit",
}
_METADATA, _WITH_TOPIC_IDS = 3, 10
_FETCH, _READ_COMMITTED = 1, 4


def judge_versions(versions: Versions) -> Iterator[Found]:
    """Whether the broker can do what we ask for: Apache Kafka can since 0.11."""
    missing = [name for number, name in _TRANSACTIONS.items() if number not in versions]
    if versions.get(_FETCH, (0, 0))[1] < _READ_COMMITTED:
        missing.append("Fetch of committed records")
    if missing:
        yield problem(
            f"the broker knows no transactions ({', '.join(missing)}): a worker cannot run",
            "use Apache Kafka 3.0 or newer, or a broker that is compatible with it",
        )
        return
    yield ok("it knows transactions")
    if versions.get(_METADATA, (0, 0))[1] < _WITH_TOPIC_IDS:
        yield warning(
            "it has no topic ids: a source topic that is deleted and created anew is noticed only "
            "while it is shorter than the old one",
            "use Apache Kafka 3.0 or newer; before you create a topic anew, stop the workers and "
            "run `closeknit reset`",
        )
