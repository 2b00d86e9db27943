"""`closeknit doctor`."""

from __future__ import annotations

import logging
import textwrap
from collections import Counter

import click
import orjson

from streams.cli.running import counted
from streams.cli.screen import console
from streams.core.words import visible
from streams.doctor import CHECKS, Finding, Verdict, examine

_STYLE = {
    Verdict.OK: "green",
    Verdict.WARNING: "yellow",
    Verdict.PROBLEM: "bold red",
    Verdict.SKIPPED: "dim",
}


@click.command()
@click.option(
    "--format",
    "form",
    type=click.Choice(["table", "json"]),
    default="table",
    show_default=True,
    help="json: one document with all findings, at the end.",
)
@click.pass_context
def doctor(ctx: click.Context, *, form: str) -> None:
    """Find out what keeps a worker from working.

    Looks at the settings, this machine, the way to the brokers, topics, access rights, clocks
    and what is written down; says of each finding what it means and what to do. Takes seconds,
    two minutes at most where nothing answers.

    It changes nothing: the one transaction that it begins is aborted.

    Exits with 1 when there are problems, with 0 when there are none; warnings do not count.
    """
    for client in ("aiokafka", "kafka", "asyncio"):
        logging.getLogger(client).setLevel(logging.CRITICAL)
    findings = []
    for finding in examine():
        findings.append(finding)
        if form == "table":
            _print(finding)
    verdicts = Counter(finding.verdict for finding in findings)
    if form == "json":
        document = {"healthy": not verdicts[Verdict.PROBLEM], "findings": findings}
        click.echo(orjson.dumps(document, default=_as_document))
    else:
        click.echo(f"\n{_summary(verdicts)}")
    if verdicts[Verdict.PROBLEM]:
        ctx.exit(1)


def _as_document(finding: Finding) -> dict[str, str]:
    return finding._asdict()


def _print(finding: Finding) -> None:
    from rich.text import Text  # noqa: PLC0415  see streams.cli.screen

    screen = console()
    names = max(len(check.name) for check in CHECKS)
    margin = " " * (9 + names + 2)
    wrap = textwrap.TextWrapper(
        max(screen.width, 60), initial_indent=margin, subsequent_indent=margin
    )
    # Between words only: a command or an address stays whole, to be copied.
    wrap.break_long_words = wrap.break_on_hyphens = False
    text = wrap.fill(visible(finding.text)).lstrip()
    screen.print(
        Text.assemble(
            (f"{finding.verdict:9}", _STYLE[finding.verdict]), f"{finding.check:{names}}  {text}"
        ),
        soft_wrap=True,
    )
    if finding.remedy:
        screen.print(wrap.fill(f"What to do: {visible(finding.remedy)}"), soft_wrap=True)


def _summary(verdicts: Counter[Verdict]) -> str:
    problems, warnings = verdicts[Verdict.PROBLEM], verdicts[Verdict.WARNING]
    also = f", {counted(warnings, 'warning')}" if warnings else ""
    return f"{counted(problems, 'problem')}{also}." if problems else f"No problem{also}."
