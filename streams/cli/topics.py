"""`closeknit topics create|check|print`."""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import click
import orjson

from streams import topics as kafka_topics
from streams.cli.groups import Group
from streams.cli.running import all_topics, counted, plain_errors, read_settings
from streams.topics import Finding, Planned, administration, find


@click.group(cls=Group)
def topics() -> None:
    """Create, check and print the topics.

    Four source topics, the changelog and the dead letters, all with CLOSEKNIT_PARTITIONS
    partitions, and one in which live sources keep where they are. What exists is never changed.
    """


@topics.command()
@click.pass_context
def create(ctx: click.Context) -> None:
    """Create the topics that are missing.

    The others are left as they are, and checked: exits with 1 when something would go wrong.
    """
    settings = read_settings()
    wanted = all_topics(settings)
    with plain_errors(settings), administration(settings.connection()) as admin:
        created = kafka_topics.create(admin, wanted)
        found = find(admin, [topic.name for topic in wanted])
    for topic in wanted:
        did = "created" if topic.name in created else "was there"
        click.echo(f"{did:9} {topic.name}: {counted(found[topic.name].partitions, 'partition')}")
    _report(ctx, kafka_topics.check(wanted, found))


@topics.command()
@click.pass_context
def check(ctx: click.Context) -> None:
    """Compare the topics with what is needed.

    Exits with 1 when something would go wrong.
    """
    settings = read_settings()
    wanted = all_topics(settings)
    with plain_errors(settings), administration(settings.connection()) as admin:
        found = find(admin, [topic.name for topic in wanted])
    findings = kafka_topics.check(wanted, found)
    if not findings:
        click.echo(f"All {len(wanted)} topics at {settings.broker} are as they should be.")
    _report(ctx, findings)


@topics.command("print")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "shell"]),
    default="text",
    show_default=True,
    help="shell: kafka-topics.sh commands, for whoever may create topics.",
)
def print_topics(form: str) -> None:
    """Print the topics that are needed, without asking any broker."""
    settings = read_settings()
    for topic in all_topics(settings):
        match form:
            case "json":
                click.echo(orjson.dumps(topic._asdict()))
            case "shell":
                click.echo(_command(topic, settings.broker))
            case _:
                config = " ".join(f"{key}={value}" for key, value in topic.config.items())
                size = f"{counted(topic.partitions, 'partition')}, replication {topic.replication}"
                click.echo(f"{topic.name}: {size}, {config}")


def _command(topic: Planned, broker: str) -> str:
    words = ["kafka-topics.sh", "--bootstrap-server", broker, "--create", "--topic", topic.name]
    words += ["--partitions", str(topic.partitions), "--replication-factor", str(topic.replication)]
    for key, value in topic.config.items():
        words += ["--config", f"{key}={value}"]
    return shlex.join(words)


def _report(ctx: click.Context, findings: Sequence[Finding]) -> None:
    for finding in findings:
        click.echo(finding)
    if any(finding.grave for finding in findings):
        ctx.exit(1)
