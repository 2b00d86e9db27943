"""The tables in docs/performance.md, written from the results; the words around them are not."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.compare import results
from benchmarks.compare.capacity import COMPACTION, LOAD, NETWORKS, measured, need
from benchmarks.compare.contestants import ENGINES
from benchmarks.compare.figures import Results, crew, figure, held, targets

PAGE = results.REPOSITORY / "docs" / "performance.md"
PARTS = ("engines", "crew", "held", "scrape", "latency", "stages")

_BLOCK = re.compile(r"(<!-- begin (?P<name>\w+) -->\n).*?(\n<!-- end (?P=name) -->)", re.S)


def read(folder: Path = results.RESULTS) -> Results:
    """All results."""
    return {part: results.read(part, folder) for part in PARTS}


def write(folder: Path = results.RESULTS) -> None:
    """Write the tables anew."""
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), read(folder)), encoding="utf-8")


def filled(page: str, found: Results) -> str:
    """The page with its tables as the results have them."""
    made = {
        "run": _run(found),
        "targets": _table(_targets(found)),
        "engines": _table(_engines(found, "zipf")),
        "uniform": _table(_engines(found, "uniform")),
        "settings": _table(_settings(found)),
        "held": _table(_held(found)),
        "crew": _table(_crew(found)),
        "stages": _table(_stages(found)),
        "per": _per(found),
        "capacity": _table(_capacity(found)),
        "networks": _networks(),
    }
    return _BLOCK.sub(lambda block: f"{block[1]}\n{made[block['name']]}\n{block[3]}", page)


def _run(found: Results) -> str:
    engines = found["engines"]
    machine = engines["machine"]
    minutes = sum(found[part]["minutes"] for part in PARTS)
    versions = ", ".join(f"{name} {one}" for name, one in machine["versions"].items())
    data = engines["data"]
    rounds = max(run["round"] for run in engines["runs"])
    least, mean, most = data["zipf"]["bytes"]
    busy = "; **the machine was busy with other work**" if machine["load"] > 1 else ""
    return "\n".join(
        _item(text)
        for text in [
            f"{machine['cpu']}, {machine['cores']} cores (the broker on the same ones), "
            f"{machine['memory_gb']} GB, {machine['system']}, {machine['at'][:10]}, commit "
            f"{machine['commit']}, load before it {machine['load']}{busy}.",
            f"Python {machine['python']}, {versions}. Closeknit's core: "
            f"{machine.get('core', 'Python')}.",
            f"{data['zipf']['events']:,} events of {least} to {most} bytes, {mean} in the mean; "
            f"{data['zipf']['relationships']:,} relationships (Zipf), "
            f"{data['uniform']['relationships']:,} (uniform). Medians of {rounds} rounds. "
            f"All of it took {minutes:.0f} minutes.",
        ]
    )


def _targets(found: Results) -> Iterable[Sequence[str]]:
    yield "what", "gate", "aim", "measured", "reaches", ""
    for one in targets(found):
        numbers = (one.say(one.gate), one.say(one.aim), f"**{one.say(one.value)}**")
        yield one.what, *numbers, one.verdict, one.remark


def _engines(found: Results, data: str) -> Iterable[Sequence[str]]:
    yield (
        "engine",
        "events/s",
        "CPU-s per 100k",
        "peak MB",
        "state written, B/event",
        "survives a crash",
        "Closeknit: events/s",
        "per CPU second",
    )
    ours = figure(found, "closeknit", data)
    met = {run["engine"] for run in found["engines"]["runs"] if run["data"] == data}
    for name, engine in ENGINES.items():
        if name in met:
            one = figure(found, name, data)
            us = name == "closeknit"
            yield (
                engine.title,
                f"{one.rate:,.0f}",
                f"{one.cpu:.2f}",
                f"{one.peak_mb:,.0f}",
                f"{one.kept:,.0f}" if one.kept else "",
                engine.guarantee,
                "" if us else f"{ours.rate / one.rate:.2g}×",
                "" if us else f"{one.cpu / ours.cpu:.2g}×",
            )


def _settings(found: Results) -> Iterable[Sequence[str]]:
    yield "engine", "version", "settings that are not its defaults", "events"
    met = {run["engine"] for run in found["engines"]["runs"]}
    for name, engine in ENGINES.items():
        if name in met:
            version = found["engines"]["peers"].get(name, "")
            yield engine.title, version, engine.tuned, f"{figure(found, name).events:,}"


def _held(found: Results) -> Iterable[Sequence[str]]:
    yield (
        "relationships",
        "recovered a CPU second",
        "in seconds",
        "memory each",
        "changelog each",
        "CPU-s per 100k events beside them",
        "an hour passing",
    )
    for one in held(found):
        yield (
            f"{one.relationships:,}",
            f"{one.recovery:,.0f}",
            f"{one.seconds:,.0f}",
            f"{one.bytes:,.0f} B",
            f"{one.changelog:,.0f} B",
            f"{one.cpu:.2f}",
            f"{one.hour_ms:.1f} ms",
        )


def _crew(found: Results) -> Iterable[Sequence[str]]:
    yield "workers", "events/s", "CPU-s per 100k", "cores the broker took"
    for count, (rate, cpu, broker) in crew(found).items():
        yield str(count), f"{rate:,.0f}", f"{cpu:.2f}", f"{broker:.2f}"


def _stages(found: Results) -> Iterable[Sequence[str]]:
    yield "stage", "part of the CPU time"
    for name, part in found["stages"]["stages"].items():
        yield name, f"{part:.0%}"


def _per(found: Results) -> str:
    per = measured(found)
    return "\n".join(
        [
            f"- workers for events = peak ÷ ({per.rate:,.0f} events a CPU second × {LOAD})",
            f"- workers for memory = relationships × {per.bytes:,.0f} B ÷ what one worker is given",
            "- workers = the greater of both; partitions = the next multiple of 12",
            f"- memory = relationships × {per.bytes:,.0f} B + workers × {per.base_mb:,.0f} MB",
            f"- changelog = relationships × {per.changelog:,.0f} B × {COMPACTION}, one copy",
            f"- after a loss = relationships ÷ workers ÷ {per.recovery:,.0f} recovered a second",
        ]
    )


def _capacity(found: Results) -> Iterable[Sequence[str]]:
    yield (
        "for",
        "events/s at peak",
        "relationships",
        "memory for a worker",
        "workers",
        "partitions",
        "memory in all",
        "changelog",
        "until a lost worker is replaced",
    )
    per = measured(found)
    for network in NETWORKS:
        one = need(network, per)
        yield (
            network.name,
            f"{network.peak:,.0f}",
            _count(network.relationships),
            f"{network.memory_gb:,.0f} GB",
            f"{one.workers:,}",
            f"{one.partitions:,}",
            _gigabytes(one.memory_gb),
            _gigabytes(one.changelog_gb),
            _duration(one.recovery_s),
        )


def _networks() -> str:
    return "\n".join(_item(f"*{one.name}*: {one.because}.") for one in NETWORKS)


def _count(number: float) -> str:
    for size, word in ((1e9, "billion"), (1e6, "million")):
        if number >= size:
            return f"{number / size:,.0f} {word}"
    return f"{number:,.0f}"


def _gigabytes(number: float) -> str:
    if number >= 1000:
        return f"{number / 1000:,.1f} TB"
    return f"{number:,.1f} GB" if number >= 1 else f"{number * 1000:,.0f} MB"


def _duration(seconds: float) -> str:
    return f"{seconds / 60:,.0f} min" if seconds >= 120 else f"{seconds:,.0f} s"


def _item(text: str) -> str:
    return textwrap.fill(f"- {text}", 100, subsequent_indent="  ", break_on_hyphens=False)


def _table(rows: Iterable[Sequence[str]]) -> str:
    head, *body = rows
    lines = [head, ["---"] * len(head), *body]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
