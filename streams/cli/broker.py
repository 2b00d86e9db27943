"""`closeknit broker`."""

from __future__ import annotations

import signal
import threading

import click

from streams.brokers import BrokerUnavailableError, EmbeddedBroker
from streams.cli.running import Failure


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=9092,
    show_default=True,
    help="Port on 127.0.0.1; 0 is any free one.",
)
def broker(port: int) -> None:
    """Run the embedded broker (for trying things out).

    It serves this machine only and keeps everything in memory: Ctrl-C ends and forgets it. The
    other commands find it at its default port without any setting.
    """
    over = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: over.set())
    try:
        with EmbeddedBroker(port) as running:
            click.echo(f"Kafka-compatible broker at {running.bootstrap}; Ctrl-C ends it.")
            while not over.wait(0.5):
                if not running.running:
                    raise Failure("the embedded broker ended by itself")
    except BrokerUnavailableError as error:
        raise Failure(str(error)) from error
