"""What the results mean: medians, what starting costs taken off, ratios, and the targets.

Computed from the JSON alone, so that the page can be written again, and checked, without measuring.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from statistics import median
from typing import Any, NamedTuple

Results = Mapping[str, Any]
"""By part of the benchmark: what its file holds."""

MIB = 1 << 20


class Figure(NamedTuple):
    """An engine over a set of events; medians of the rounds, starting and ending taken off.

    Attributes:
        rate: events a second.
        cpu: CPU seconds for 100,000 events.
        peak_mb: largest memory.
        kept: bytes of durable state per event.
        events: how many were read in a run.
    """

    rate: float
    cpu: float
    peak_mb: float
    kept: float
    events: int

    @property
    def per_cpu_second(self) -> float:
        """Events a CPU second."""
        return 100_000 / self.cpu


def figure(results: Results, engine: str, data: str = "zipf") -> Figure:
    """Of one engine over one set of events.

    Raises:
        KeyError: it has not met these events.
    """
    runs = [run for run in results["engines"]["runs"] if run["engine"] == engine]
    start = [run for run in runs if run["data"] == "start"]
    whole = [run for run in runs if run["data"] == data]
    if not start or not whole:
        raise KeyError(f"{engine} has no runs over {data}")
    seconds, cpu = _median(start, "seconds"), _median(start, "cpu")
    few, events = start[0]["events"], whole[0]["events"]
    return Figure(
        median((events - few) / max(run["seconds"] - seconds, 0.001) for run in whole),
        median(max(run["cpu"] - cpu, 0.001) / (events - few) * 100_000 for run in whole),
        _median(whole, "peak_mb"),
        median(run["left"] / events for run in whole),
        events,
    )


def against(results: Results, engine: str, ours: str = "closeknit-5s") -> float:
    """How many times as many Zipf events a CPU second Closeknit has; as often written as there."""
    return figure(results, engine).cpu / figure(results, ours).cpu


class Held(NamedTuple):
    """What relationships that are held cost.

    Attributes:
        relationships: how many.
        recovery: of them, a CPU second.
        seconds: that their recovery took.
        bytes: of memory for each.
        changelog: bytes of it for each.
        cpu: CPU seconds for 100,000 events beside them.
        hour_ms: CPU milliseconds that an hour takes to pass.
    """

    relationships: int
    recovery: float
    seconds: float
    bytes: float
    changelog: float
    cpu: float
    hour_ms: float


def held(results: Results) -> list[Held]:
    """By how many relationships were held, fewest first."""
    runs = results["held"]["runs"]
    nothing = [run for run in runs if run["relationships"] == 0]
    empty_mb = _median(nothing, "settled_mb")
    empty_seconds, empty_cpu = _median(nothing, "ready_seconds"), _median(nothing, "ready_cpu")
    found = []
    for count in sorted({run["relationships"] for run in runs} - {0}):
        some = [run for run in runs if run["relationships"] == count]
        found.append(
            Held(
                count,
                count / max(_median(some, "ready_cpu") - empty_cpu, 0.001),
                max(_median(some, "ready_seconds") - empty_seconds, 0.001),
                (_median(some, "settled_mb") - empty_mb) * MIB / count,
                _median(some, "changelog_bytes") / count,
                median(run["cpu"] / run["events"] * 100_000 for run in some),
                median(
                    max(run["hours_cpu"] - run["idle_cpu"], 0) / run["hours"] * 1000 for run in some
                ),
            )
        )
    return found


def base_mb(results: Results) -> float:
    """Memory of a worker that holds nothing."""
    nothing = [run for run in results["held"]["runs"] if run["relationships"] == 0]
    return _median(nothing, "settled_mb")


def crew(results: Results) -> dict[int, tuple[float, float, float]]:
    """By number of workers: events a second, CPU seconds for 100,000, the broker's cores."""
    runs = results["crew"]["runs"]
    found = {}
    for count in (1, 2):
        some = [run for run in runs if run["workers"] == count]
        found[count] = (
            median(run["events"] / run["seconds"] for run in some),
            median(run["cpu"] / run["events"] * 100_000 for run in some),
            median(run["broker_cpu"] / run["seconds"] for run in some),
        )
    return found


class Target(NamedTuple):
    """One of the targets.

    Attributes:
        what: it is about.
        gate: what must be.
        aim: what should be.
        value: measured.
        unit: of the three, as a format.
        less: is less better?
        remark: what else there is to know.
    """

    what: str
    gate: float
    aim: float
    value: float
    unit: str
    less: bool = False
    remark: str = ""

    @property
    def verdict(self) -> str:
        """Which of the two it reaches."""
        sign = -1 if self.less else 1
        if sign * self.value >= sign * self.aim:
            return "aim"
        return "gate" if sign * self.value >= sign * self.gate else "**missed**"

    def say(self, value: float) -> str:
        """A number with its unit."""
        return self.unit.format(value)


def targets(results: Results) -> list[Target]:
    """All targets, in the order of the page. Those of engines are per CPU second."""
    ours, uniform = figure(results, "closeknit"), figure(results, "closeknit", "uniform")
    few, many = held(results)
    one, two = crew(results)[1], crew(results)[2]
    scrape, latency = results["scrape"], results["latency"]
    added = scrape["longest_halt_with"] - scrape["longest_halt_without"]
    a_second, times, ms = "{:,.0f} a second", "{:.2g}×", "{:,.0f} ms"
    return [
        Target("Closeknit, Zipf data", 60e3, 100e3, ours.per_cpu_second, a_second),
        *(
            Target(
                f"against {name}",
                gate,
                aim,
                against(results, engine),
                times,
                remark=f"both writing every 5 s; {against(results, engine, 'closeknit'):.2g}× at "
                "our default, every half second",
            )
            for name, engine, gate, aim in (
                ("Quix Streams", "quix", 3, 5),
                ("Bytewax with recovery", "bytewax", 2, 4),
                ("stock Faust", "faust", 20, 40),
                ("the bare loop", "bare", 0.5, 0.8),
            )
        ),
        Target("uniform relationships", 40e3, 70e3, uniform.per_cpu_second, a_second),
        Target(
            "two workers on two cores, against one",
            1.7,
            1.9,
            two[0] / one[0],
            times,
            remark=f"beside a broker that took {two[2]:.1f} cores; "
            f"{one[1] / two[1]:.2f}× per CPU second",
        ),
        Target(
            f"beside {many.relationships:,} relationships, against {few.relationships:,}",
            0.85,
            1.0,
            few.cpu / many.cpu,
            times,
        ),
        Target("memory per relationship", 300, 200, many.bytes, "{:,.0f} B", less=True),
        Target(
            "recovery",
            100e3,
            200e3,
            many.recovery,
            a_second,
            remark=f"{many.relationships:,} in {many.seconds:,.0f} s",
        ),
        Target(
            f"scrape, {scrape['accounts']:,} accounts",
            150,
            50,
            scrape["scrape_median"] * 1000,
            ms,
            less=True,
            remark=f"longest of {scrape['scrapes']}: {scrape['scrape_max'] * 1000:,.0f} ms",
        ),
        Target(
            "the stream's longest halt, more with scrapes than without",
            50,
            50,
            added * 1000,
            ms,
            less=True,
            remark=f"{scrape['longest_halt_with'] * 1000:,.0f} ms with, "
            f"{scrape['longest_halt_without'] * 1000:,.0f} ms without",
        ),
        Target(
            f"an hour passing, more beside {many.relationships:,} than {few.relationships:,}",
            1,
            1,
            many.hour_ms - few.hour_ms,
            "{:,.1f} ms of CPU",
            less=True,
            remark=f"{many.hour_ms:.1f} and {few.hour_ms:.1f} ms, flush and all",
        ),
        Target(
            "event at the broker to its number in `/metrics`, p99",
            2,
            1,
            latency["p99"],
            "{:.2f} s",
            less=True,
            remark=f"median {latency['p50']:.2f} s, at {latency['rate']:,.0f} events a second",
        ),
    ]


def _median(runs: Iterable[Mapping[str, Any]], name: str) -> float:
    value: Callable[[Mapping[str, Any]], float] = lambda run: float(run[name])  # noqa: E731
    return median(map(value, runs))
