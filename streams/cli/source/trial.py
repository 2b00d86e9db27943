"""A mapping tried on samples: what each becomes, or why it does not."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

import click
import msgspec
import orjson

from schemas.events import InvalidEvent
from streams.cli.running import counted
from streams.core.words import visible
from streams.sources.mapping import Made, Mapped, read_json


class Sample(NamedTuple):
    """A record, and where it is."""

    place: str
    value: bytes | None


class _Tried(NamedTuple):
    place: str
    made: list[Made]
    invalid: InvalidEvent | None
    value: str


def try_out(mapped: Mapped, samples: Iterable[Sample], form: Literal["text", "json"]) -> int:
    """Print what becomes of samples; return the exit status: 1 when one is refused."""
    tried = [_try(mapped, sample) for sample in samples]
    for one in tried:
        click.echo(_document(one) if form == "json" else _text(one))
    refused = sum(one.invalid is not None for one in tried)
    if form == "text":
        made = sum(len(one.made) for one in tried)
        nothing = sum(not one.made and one.invalid is None for one in tried)
        click.echo(
            f"Nothing was written. {counted(len(tried), 'record')}: {counted(made, 'event')}, "
            f"{refused} refused, {nothing} to which no rule applies"
        )
    return 1 if refused else 0


def _try(mapped: Mapped, sample: Sample) -> _Tried:
    value = sample.value or b""
    made: list[Made] = []
    invalid = None
    if sample.value is not None:
        try:
            made = mapped.explained(read_json(value))
        except InvalidEvent as error:
            invalid = error
    return _Tried(sample.place, made, invalid, value.decode("utf-8", "replace"))


def _text(tried: _Tried) -> str:
    lines = [tried.place]
    if tried.invalid is not None:
        lines.append(f"  refused  {tried.invalid.reason}: {visible(tried.invalid.detail)}")
    elif not tried.made:
        lines.append("  no rule applies")
    lines += [f"  {made.rule}  {visible(_json(_event(made)))}" for made in tried.made]
    if not tried.made:
        lines.append(f"  record  {visible(tried.value[:300])}")
    return "\n".join(lines) + "\n"


def _document(tried: _Tried) -> str:
    document: dict[str, Any] = {
        "place": tried.place,
        "events": [{"rule": made.rule, "event": _event(made)} for made in tried.made],
    }
    if tried.invalid is not None:
        document["refused"] = {"reason": tried.invalid.reason, "detail": tried.invalid.detail}
    return _json(document)


def _json(document: object) -> str:
    return orjson.dumps(document).decode()


def _event(made: Made) -> Any:
    return msgspec.to_builtins(made.event)
