"""What every `closeknit source` command does around its source."""

from __future__ import annotations

import asyncio

import click

from streams import logs
from streams.cli.running import (
    existing_topics,
    plain_errors,
    source_partitions,
)
from streams.settings import Settings
from streams.sources.live.delivery import Places
from streams.sources.live.meters import Meters
from streams.sources.live.process import Feed, ProcessSettings, run_source


def start(
    ctx: click.Context,
    settings: Settings,
    name: str,
    meters: Meters,
    feed: Feed,
    *,
    linger: float = 0.1,
) -> None:
    """Run a source until it ends; exit with its status.

    Args:
        ctx: of the command.
        settings: valid settings.
        name: of the source, see `Source.name`.
        meters: its counters.
        feed: what it does, see `pump`.
        linger: seconds to wait for company before a transaction is begun.
    """
    with plain_errors(settings):
        logs.configure(settings.log_level)
        partitions = source_partitions(settings)
        existing_topics(settings, [settings.dead_letters, settings.sources_state])
        process = ProcessSettings(
            app=settings.app,
            kafka=settings.connection(),
            places=Places(
                settings.topics, partitions, settings.dead_letters, settings.sources_state
            ),
            transaction_timeout=settings.transaction_timeout,
            http_host=settings.http_host,
            http_port=settings.source_http_port,
            linger=linger,
        )
        ctx.exit(asyncio.run(run_source(process, name, meters, feed)))
