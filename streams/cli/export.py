"""`closeknit export`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import click

from streams import export as documents
from streams.changelog import read_changelog
from streams.cli.parameters import Id, Time
from streams.cli.running import Failure, existing_topics, plain_errors, read_settings
from streams.core.relationship import Stage

_EXAMPLES = """\b
Examples:
  closeknit export --stage connection --format csv > connections.csv
  closeknit export --census --account acme
"""


@click.command(epilog=_EXAMPLES)
@click.option(
    "--format", "form", type=click.Choice(["jsonl", "csv"]), default="jsonl", show_default=True
)
@click.option(
    "--as-of",
    type=Time(),
    help="Age everything to this RFC 3339 time; default: the greatest stored clock.",
)
@click.option("--account", type=Id(), help="Only this account.")
@click.option(
    "--stage",
    "stages",
    type=click.Choice([str(stage) for stage in Stage]),
    multiple=True,
    help="Only this stage; may be repeated.",
)
@click.option("--census", is_flag=True, help="Counts by account instead of relationships.")
def export(
    *, form: str, as_of: int | None, account: str | None, stages: tuple[str, ...], census: bool
) -> None:
    """Write all relationships, or the census.

    Reads what the workers have written down so far; no worker needs to run.
    """
    if census and stages:
        raise click.UsageError("--stage chooses relationships; it does not go with --census")
    settings = read_settings()
    with plain_errors(settings):
        found = existing_topics(settings, [settings.changelog])
        changelog = asyncio.run(
            read_changelog(
                settings.connection(), settings.changelog, found[settings.changelog].partitions
            )
        )
        if changelog.clock < 0:
            click.echo("Nothing was written down yet: has a worker run?", err=True)
            return
        try:
            clock = documents.clock_at(changelog, as_of)
        except documents.TooEarly as error:
            raise Failure(str(error)) from None
        rows: Iterator[dict[str, Any]]
        if census:
            rows = documents.census(changelog, clock, account)
            rows = documents.long(rows) if form == "csv" else rows
            columns: Sequence[str] = documents.LONG_COLUMNS
        else:
            rows = documents.relationships(changelog, clock, account, stages)
            columns = documents.relationship_columns()
        lines = documents.as_csv(rows, columns) if form == "csv" else documents.as_jsonl(rows)
        out = click.get_binary_stream("stdout")
        for line in lines:
            out.write(line)
        out.flush()
