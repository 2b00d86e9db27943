"""`closeknit worker`."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import click

from streams.app import run_worker
from streams.cli.running import (
    Failure,
    existing_topics,
    plain_errors,
    planned_topics,
    read_settings,
)
from streams.topics import check


@click.command()
@click.option(
    "--until-caught-up",
    is_flag=True,
    help="Apply what the topics hold now, write it down, and exit.",
)
def worker(*, until_caught_up: bool) -> None:
    """Run a worker: events in, metrics out.

    Several workers with the same CLOSEKNIT_APP share the partitions. SIGTERM or Ctrl-C ends one
    in good order; being killed does no harm. Metrics are at CLOSEKNIT_HTTP_PORT, under /metrics.

    Create the topics first: `closeknit topics create`. Its exit codes are in docs/operations.md.
    """
    settings = read_settings()
    wanted = planned_topics(settings)
    with plain_errors(settings):
        found = existing_topics(settings, [topic.name for topic in wanted])
    if grave := [finding for finding in check(wanted, found) if finding.grave]:
        raise Failure("\n".join(["the topics are not fit:", *map(str, grave)]))
    _prepare(settings.data_dir)
    with plain_errors(settings):
        run_worker(settings, until_caught_up=until_caught_up)


def _prepare(folder: Path) -> None:
    """Make the scratch directory, which no restart would mend."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise Failure(
            f"the scratch directory {folder} cannot be used: {error.strerror}: "
            "set CLOSEKNIT_DATA_DIR to one that can be written"
        ) from None
