"""`closeknit backfill`."""

from __future__ import annotations

import click

from streams.cli.backfill.inputs import accounts_of, formats_of
from streams.cli.backfill.job import Job
from streams.cli.files import check
from streams.cli.parameters import Ago
from streams.cli.running import Failure, plain_errors, read_settings
from streams.sources import UnreadableFile
from streams.sources.history import FORMATS, History, NoHistory
from streams.sources.order import CannotSort

_EXAMPLES = """\b
Examples:
  closeknit backfill likes.jsonl replies.jsonl follows.csv
  closeknit backfill --account did:plc:... recorded-*.jsonl.gz
  closeknit backfill --openmetrics past/past.om 2025.jsonl.gz
"""


@click.command(epilog=_EXAMPLES)
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, readable=True)
)
@click.option(
    "--format",
    "form",
    type=click.Choice(FORMATS),
    help="Of all files; default: each is told by its name and first line.",
)
@click.option(
    "--account",
    "accounts",
    multiple=True,
    metavar="ID",
    help="Jetstream: a DID to watch. ActivityStreams: ACTOR or ACTOR=PREFIX, what the URLs of its "
    "notes begin with. May be repeated.",
)
@click.option(
    "--until",
    "until_ms",
    type=Ago(),
    help="Leave out what happened from then on (a day, a time, or how long ago). Default: now.",
)
@click.option(
    "--openmetrics",
    "past",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Also write the census over time, for promtool to import; .gz is packed.",
)
@click.option(
    "--every",
    type=click.IntRange(1, 24),
    default=1,
    show_default=True,
    metavar="HOURS",
    help="Between two samples, with --openmetrics.",
)
@click.option("--charts-only", is_flag=True, help="Write --openmetrics and send nothing.")
@click.option("--force", is_flag=True, help="Overwrite FILE.")
@click.option("--anew", is_flag=True, help="Begin, whatever the topics hold already.")
@click.pass_context
def backfill(
    ctx: click.Context,
    *,
    files: tuple[str, ...],
    form: str | None,
    accounts: tuple[str, ...],
    until_ms: int | None,
    past: str | None,
    every: int,
    charts_only: bool,
    force: bool,
    anew: bool,
) -> None:
    """Apply years of history from files, before going live.

    FILES hold events of any kinds in any order: our own as JSON lines or CSV, recorded Bluesky
    Jetstream lines, exports of ActivityStreams; .gz is unpacked. They are merged by time, sent to
    the source topics, and applied by a worker of the backfill's own, by the clock of the events.
    Workers and live sources are started when it is done: then they go on from there.

    Interrupted, it goes on where it was when it is run again with the same files.

    Malformed lines are reported, counted and left out; they make the exit code 1.
    """
    if charts_only and past is None:
        raise click.UsageError("--charts-only goes with --openmetrics: it names the file to write")
    if len(set(files)) < len(files):
        raise click.UsageError("a file is named twice")
    settings = read_settings()
    if past is not None:
        check(past, force)
    with plain_errors(settings):
        try:
            formats = formats_of(files, form)
            history = History(formats, accounts_of(formats, accounts))
            job = Job(settings, history, until_ms, past, every)
            if charts_only:
                job.draw()
            else:
                job.run(anew=anew)
        except (CannotSort, NoHistory, UnreadableFile) as error:
            raise Failure(str(error)) from error
    if job.malformed:
        ctx.exit(1)
