"""`closeknit report`."""

from __future__ import annotations

import io
from collections.abc import Sequence

import click
import orjson

from streams.cli.audience import Audience, read_audience
from streams.cli.files import STANDARD_OUTPUT, check, opened
from streams.cli.parameters import Id
from streams.cli.running import plain_errors, read_settings
from streams.cli.screen import Glyphs, console, glyphs, sparkline
from streams.report import Report, compose, facts
from streams.report.html import page
from streams.report.slack import payload
from streams.report.text import text


@click.command()
@click.option(
    "--week",
    is_flag=True,
    default=True,
    help="The last 7 days beside the 7 days before (the default, and all there is).",
)
@click.option("--account", type=Id(), help="Only this account.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "html", "slack"]),
    default="text",
    show_default=True,
    help="html: one page that needs nothing else. slack: JSON for an incoming webhook.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, allow_dash=True),
    default=STANDARD_OUTPUT,
    show_default=True,
    help="Write to this file, all at once; - is standard output.",
)
def report(*, week: bool, account: str | None, form: str, output: str) -> None:  # noqa: ARG001  there is one period
    """Tell what changed in a week: a finding, names, numbers.

    Made for cron: nothing but the report goes to standard output, and the same tables give the
    same report. Reads what the workers have written down so far; no worker needs to run.
    """
    check(output, force=True)
    settings = read_settings()
    with plain_errors(settings):
        try:
            audience = read_audience(settings, None)
        except click.exceptions.Exit:
            # It has said that nothing is there. Whoever posts the report must not post nothing.
            raise click.exceptions.Exit(1) from None
        found = _compose(audience, account)
    if output != STANDARD_OUTPUT:
        look = glyphs(io.TextIOWrapper(io.BytesIO(), "utf-8"))
        with opened(output) as file:
            file.write(_rendered(found, form, look, 80).encode())
    elif form == "text":
        click.echo(_rendered(found, form, glyphs(), console().width), nl=False)
    else:
        out = click.get_binary_stream("stdout")  # UTF-8, whatever the terminal speaks
        out.write(_rendered(found, form, glyphs(), 80).encode())
        out.flush()


def _compose(audience: Audience, account: str | None) -> Report:
    covered = audience.covered(account)
    found = facts(audience.changelog, audience.clock, covered, audience.ignored)
    others = 0 if account is not None else len(audience.accounts.difference(covered))
    return compose(found, {id: audience.name(id) for id in covered}, audience.clock, others)


def _rendered(found: Report, form: str, look: Glyphs, width: int) -> str:
    if form == "html":
        return page(found)
    if form == "slack":
        return orjson.dumps(payload(found), option=orjson.OPT_APPEND_NEWLINE).decode()
    return text(found, lambda weeks: _sparkline(weeks, look), min(width, 100))


def _sparkline(weeks: Sequence[float | None], look: Glyphs) -> str:
    known = [value for value in weeks if value is not None]
    least = min(known, default=0.0)
    # Of what changes little the change is what matters.
    return sparkline(weeks, look, least if 2 * least > max(known, default=0.0) else 0.0)
