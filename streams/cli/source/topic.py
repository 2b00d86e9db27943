"""`closeknit source topic`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from typing import Literal

import click

from streams.cli.running import Failure, existing_topics, plain_errors, read_settings
from streams.cli.source.mappings import MappingFile
from streams.cli.source.parameters import SourceName
from streams.cli.source.starting import start as run
from streams.cli.source.trial import Sample, try_out
from streams.settings import Settings
from streams.sources import Lines, UnreadableFile
from streams.sources.live.meters import Meters
from streams.sources.live.process import pump
from streams.sources.live.sampling import first_records
from streams.sources.live.topic import TopicSource
from streams.sources.mapping import Mapped
from streams.topics import topic_ids

_EXAMPLES = """\b
Examples:
  closeknit source topic --mapping crm.toml --sample records.jsonl
  closeknit source topic --from crm.activity --mapping crm.toml --dry-run
  closeknit source topic --from crm.activity --mapping crm.toml
"""


@click.command(epilog=_EXAMPLES)
@click.option("--from", "topic_name", metavar="TOPIC", help="The topic to read.")
@click.option(
    "--mapping", "mapped", type=MappingFile(), required=True, help="What its records mean."
)
@click.option(
    "--name",
    type=SourceName(),
    help="Of this source, and of its cursor. Default: the topic's.",
)
@click.option(
    "--from-beginning/--from-end",
    "beginning",
    default=True,
    help="Where the first run begins; later ones go on. Default: --from-beginning.",
)
@click.option(
    "--dry-run", is_flag=True, help="Show what records become, and why not; write nothing."
)
@click.option(
    "--sample",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, readable=True, allow_dash=True),
    help="A dry run over the lines of a file, one record each; needs no Kafka.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    default=20,
    show_default=True,
    help="Records of a dry run, of each partition.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="Of a dry run.",
)
@click.pass_context
def topic(
    ctx: click.Context,
    *,
    topic_name: str | None,
    mapped: Mapped,
    name: str | None,
    beginning: bool,
    dry_run: bool,
    sample: str | None,
    limit: int,
    form: Literal["text", "json"],
) -> None:
    """Map a topic of your own to events.

    A mapping says in JMESPath what a record means: see docs/mappings.md. What it becomes, the dead
    letters for what is no event, and where to read on are written in one transaction.
    """
    if sample is not None:
        ctx.exit(try_out(mapped, _lines(sample, limit), form))
    if topic_name is None:
        raise click.UsageError("say which topic: --from TOPIC")
    settings = read_settings()
    _check(settings, topic_name)
    if dry_run:
        with plain_errors(settings):
            partitions = existing_topics(settings, [topic_name])[topic_name].partitions
            reading = first_records(settings.connection(), topic_name, partitions, limit)
            records = asyncio.run(reading)
        ctx.exit(
            try_out(
                mapped,
                (Sample(f"{r.topic}/{r.partition}/{r.offset}", r.value) for r in records),
                form,
            )
        )
    with plain_errors(settings):
        existing_topics(settings, [topic_name])
    name = name or topic_name
    meters = Meters(name)
    source = TopicSource(
        name,
        topic_name,
        mapped,
        settings.connection(),
        partial(topic_ids, settings.connection()),
        "beginning" if beginning else "end",
        meters,
    )
    run(ctx, settings, name, meters, pump(source))


def _lines(file: str, limit: int) -> Iterator[Sample]:
    shown = 0
    try:
        for number, line in enumerate(Lines(file), 1):
            if line.strip() and shown < limit:
                shown += 1
                yield Sample(f"{file}:{number}", line.strip())
    except UnreadableFile as error:
        raise Failure(str(error)) from error


def _check(settings: Settings, name: str) -> None:
    ours = {
        *settings.topics.values(),
        settings.changelog,
        settings.dead_letters,
        settings.sources_state,
    }
    if name in ours:
        raise click.BadParameter(
            f"{name} is a topic of Closeknit's own: what was made of it would be read again",
            param_hint="--from",
        )
