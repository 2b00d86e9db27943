"""`closeknit generate`."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import click
import msgspec
import orjson
from click.core import ParameterSource

from streams import replay as engine
from streams.cli.files import STANDARD_OUTPUT, check, opened
from streams.cli.progress import Progress
from streams.cli.running import Failure, counted, plain_errors, read_settings, source_partitions
from streams.cli.screen import print_table
from streams.core.time import HOUR_MS, format_ms, hour_of
from streams.outbox import DeliveryError
from streams.sources import Sendable
from streams.synthetic import (
    DEMO,
    SCENARIOS,
    Cast,
    Defects,
    Delivery,
    World,
    deliveries,
    labels,
)

_LOOK = 4096
"""Events between two looks at the progress."""

_EPILOG = """\b
Examples:
  closeknit generate --list
  closeknit generate begging organic --output world.jsonl --labels truth.jsonl
  closeknit generate --world demo --kafka
"""

_RATE = click.FloatRange(0, 1)
_FILE = click.Path(dir_okay=False, allow_dash=True)


@click.command(epilog=_EPILOG)
@click.argument("scenarios", nargs=-1, metavar="[SCENARIO]...", type=click.Choice([*SCENARIOS]))
@click.option("--list", "listed", is_flag=True, help="List the scenarios, and do nothing.")
@click.option(
    "--world", "named", type=click.Choice(["demo"]), help="A ready world instead of scenarios."
)
@click.option("--days", type=click.IntRange(1, 3660), default=70, show_default=True)
@click.option(
    "--start",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="YYYY-MM-DD",
    default="2026-01-05",
    show_default=True,
    help="The first day.",
)
@click.option(
    "--seed", type=int, default=1, show_default=True, help="Another seed, another such world."
)
@click.option(
    "--weekly",
    type=click.IntRange(1),
    default=1000,
    show_default=True,
    help="Likes, shares and replies that an account receives in an ordinary week.",
)
@click.option(
    "--accounts",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help="Accounts for each scenario.",
)
@click.option(
    "--output",
    type=_FILE,
    default=STANDARD_OUTPUT,
    show_default=True,
    help="Write JSON lines to this file; .gz is packed, - is standard output.",
)
@click.option("--kafka", is_flag=True, help="Send to the source topics instead.")
@click.option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True),
    help="So many times as fast as it happens, with --kafka: 1 is real time.",
)
@click.option(
    "--labels",
    "truth",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Write what truly happened, and when, as JSON lines.",
)
@click.option("--force", is_flag=True, help="Overwrite files.")
@click.option(
    "--duplicates", type=_RATE, metavar="SHARE", help="Of the events, from 0 to 1: sent twice."
)
@click.option(
    "--late", type=_RATE, metavar="SHARE", help="Beside these, one too old for any window."
)
@click.option(
    "--misrouted", type=_RATE, metavar="SHARE", help="In a wrong partition; with --kafka."
)
@click.option("--malformed", type=_RATE, metavar="SHARE", help="Beside these, something broken.")
@click.pass_context
def generate(
    ctx: click.Context,
    /,
    *,
    scenarios: tuple[str, ...],
    listed: bool,
    named: str | None,
    output: str,
    kafka: bool,
    speed: float | None,
    truth: str | None,
    force: bool,
    **shape: Any,
) -> None:
    """Invent accounts and their people, and what happens to them.

    One account lives through each SCENARIO (or more: --accounts), side by side, for --days. The
    same arguments give the same bytes on every machine. With --kafka everything is sent to the
    source topics, and ends with a tick to every partition, as a replay does.
    """
    if listed:
        print_table(
            ("Scenario", "What happens"), *((one.name, one.line) for one in SCENARIOS.values())
        )
        return
    world = _world(ctx, scenarios, named, shape)
    if kafka and _given(ctx, "output"):
        raise click.UsageError("--kafka and --output exclude each other: choose one")
    if speed and not kafka:
        raise click.UsageError("--speed goes with --kafka: a file is written at once")
    if not kafka and shape["misrouted"]:
        raise click.UsageError(
            "--misrouted goes with --kafka: a line of a file has no partition to be wrong"
        )
    if truth is not None and truth == output:
        raise click.UsageError("--labels and --output name the same file")
    for name in filter(None, (output, truth)):
        check(name, force)
    if kafka:
        _send(world, speed)
    else:
        _write(world, output)
    if truth is not None:
        with opened(truth) as file:
            file.writelines(orjson.dumps(label._asdict()) + b"\n" for label in labels(world))


def _given(ctx: click.Context, name: str) -> bool:
    return ctx.get_parameter_source(name) not in (None, ParameterSource.DEFAULT)


def _world(
    ctx: click.Context, scenarios: tuple[str, ...], named: str | None, shape: dict[str, Any]
) -> World:
    """The world that the command line describes."""
    if bool(scenarios) == bool(named):
        raise click.UsageError(
            "name scenarios (closeknit generate --list shows them), or else --world demo"
        )
    rates = {name: rate for name in Defects._fields if (rate := shape[name]) is not None}
    if named:
        fixed = ("days", "start", "seed", "weekly", "accounts")
        if clash := [name for name in fixed if _given(ctx, name)]:
            raise click.UsageError(
                f"--{clash[0]} does not go with --world: the demo world is fixed"
            )
        world = DEMO
    else:
        start: datetime = shape["start"]
        try:
            world = World(
                shape["seed"],
                start.date().isoformat(),
                shape["days"],
                tuple(_casts(scenarios, shape["accounts"], shape["weekly"])),
            )
        except ValueError as error:
            raise click.UsageError(str(error)) from None
    world = msgspec.structs.replace(world, defects=world.defects._replace(**rates))
    if sum(world.defects) > 1:
        raise click.UsageError("the shares of defects add up to more than 1")
    return world


def _casts(scenarios: tuple[str, ...], accounts: int, weekly: int) -> Iterator[Cast]:
    """The accounts: `begging`, or `begging-1`, `begging-2` where there are several."""
    wanted = Counter(scenarios)
    for scenario, times in wanted.items():
        several = times * accounts
        for number in range(1, several + 1):
            id = scenario if several == 1 else f"{scenario}-{number}"
            yield Cast(id, id.replace("-", " ").capitalize(), scenario, scenario, weekly)


class _Counted:
    """Everything that is sent, counted, and how far into the world it is.

    Attributes:
        size: of the world, ms.
        read: how far, ms.
        kinds: events by kind.
        defects: what went wrong, by defect.
    """

    def __init__(self, world: World, partitions: int | None = None) -> None:
        self.size = world.end - world.start
        self.read = 0
        self.kinds: Counter[str] = Counter()
        self.defects: Counter[str] = Counter()
        self._world, self._partitions = world, partitions

    def __iter__(self) -> Iterator[Delivery]:
        kinds, defects = self.kinds, self.defects
        for delivery in deliveries(self._world, self._partitions):
            if delivery.defect:
                defects[delivery.defect] += 1
            if not delivery.defect or delivery.defect == "misrouted":
                kinds[delivery.kind] += 1
            yield delivery

    def sendable(self) -> Iterator[Sendable]:
        """As a replay takes it."""
        for one in self:
            at_ms = one.at_ms
            self.read = at_ms - self._world.start
            yield Sendable(one.kind, one.key, at_ms, one.value)

    def summarise(self, verb: str, started: float) -> Iterator[str]:
        """What was done, in sentences."""
        total, seconds = self.kinds.total(), max(time.monotonic() - started, 0.001)
        by_kind = ", ".join(f"{kind} {n:,}" for kind, n in self.kinds.most_common())
        yield (
            f"{verb} {counted(total, 'event')} in {seconds:.1f} s ({total / seconds:,.0f}/s)"
            + (f": {by_kind}" if by_kind else "")
        )
        if self.defects:
            amiss = (f"{name} {self.defects[name]:,}" for name in Defects._fields)
            yield f"Defects among and beside them: {', '.join(amiss)}"


def _write(world: World, name: str) -> None:
    """Write JSON lines; what there is to say goes to standard error."""
    started = time.monotonic()
    sent = _Counted(world)
    with opened(name) as file, Progress([sent], "written") as progress:
        for done, delivery in enumerate(sent, 1):
            file.write(delivery.value + b"\n")
            if done % _LOOK == 0:
                sent.read = delivery.at_ms - world.start
                progress.update(done)
        file.flush()
    if name != STANDARD_OUTPUT or not sys.stdout.isatty():
        for line in sent.summarise("Wrote", started):
            click.echo(line, err=True)


def _send(world: World, speed: float | None) -> None:
    """Send everything as a replay does, and what is broken as it is."""
    settings = read_settings()
    started = time.monotonic()
    with plain_errors(settings):
        partitions = source_partitions(settings)
        sent = _Counted(world, partitions)
        with Progress([sent]) as progress:
            try:
                result = asyncio.run(
                    engine.replay(
                        sent.sendable(),
                        settings.topics,
                        partitions,
                        settings.connection(),
                        pace=engine.at_speed(speed) if speed else None,
                        on_malformed=lambda _: None,  # a world yields what is to be sent
                        on_progress=progress.update,
                    )
                )
            except DeliveryError as error:
                raise Failure(str(error)) from error
            except KeyboardInterrupt:
                progress.say(f"Interrupted: up to {progress.sent:,} records may have been sent.")
                raise
    for line in sent.summarise("Sent", started):
        click.echo(line)
    if result.last_ms is not None:
        click.echo(f"Ticks sent: now is {format_ms(hour_of(result.last_ms) * HOUR_MS)}")
