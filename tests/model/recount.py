"""The recount: every number of the design, counted the slow way.

Nothing here is shared with the product. Each relationship keeps all its events in plain lists and
every count is a question asked of those lists when somebody wants to know, so a reader can hold a
line of the design beside the line of code that says it. No rings, no order statistics, no packing.

Times are milliseconds since 1970-01-01 UTC unless they are called hours or days.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import product
from typing import Any

Document = dict[str, Any]

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
KINDS = ("like", "reply", "share")
DIRECTIONS = ("inbound", "outbound")
HOURS = {"1d": 24, "7d": 168, "14d": 336, "21d": 504, "28d": 672}
WINDOWS = ("1d", "7d", "28d")
PREVIOUS = (("7d", "7d"), ("7d", "14d"), ("7d", "21d"), ("7d", "28d"), ("28d", "28d"))
HORIZON = HOURS["28d"]
DEPTH = 2 * HORIZON
LOG = 64
OPEN_FOLLOWS = 64
TENURES = {  # hours, from and up to but not including
    "0-7d": (-math.inf, 168),
    "7-28d": (168, 672),
    "28-90d": (672, 2160),
    "90d+": (2160, math.inf),
}
AGES = {"0-1d": (-math.inf, 24), "1-3d": (24, 72), "3-7d": (72, 168), "7-28d": (168, 672)}
STAGES = ("connection", "conversation", "fan", "lapsed", "passive")
AT_LEAST_DAYS = (2, 4, 8, 16)
YES_NO = {True: "yes", False: "no"}


def milliseconds(at: str) -> int:
    """An event's `at`, truncated to milliseconds."""
    return (datetime.fromisoformat(at.upper()) - EPOCH) // timedelta(milliseconds=1)


def rfc3339(ms: int | None) -> str | None:
    """A time as the export writes it."""
    if ms is None:
        return None
    text = (EPOCH + timedelta(milliseconds=ms)).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def hour(ms: int) -> int:
    """The UTC hour of a time, counted from 1970."""
    return ms // 3_600_000


def day(ms: int) -> int:
    """The UTC day of a time, counted from 1970."""
    return ms // 86_400_000


@cache
def series(metric: str, **labels: object) -> str:
    """A census series as the census document names it: no account, labels sorted."""
    if not labels:
        return f"closeknit_{metric}"
    pairs = ",".join(f'{name}="{value}"' for name, value in sorted(labels.items()))
    return f"closeknit_{metric}{{{pairs}}}"


def _every_series() -> Iterator[str]:
    kinds = [{"kind": k, "direction": d} for k, d in product(KINDS, DIRECTIONS)]
    follows = [{"following": f} for f in YES_NO.values()]
    windows = [{"window": w} for w in WINDOWS]
    previous = [{"window": w, "ago": a} for w, a in PREVIOUS]
    tenures = [{"tenure": t} for t in (*TENURES, "unknown")]
    for metric, *labels in (
        ("followers",),
        ("followers_by_tenure", tenures, [{"engaged": e} for e in YES_NO.values()]),
        ("follows", windows),
        ("unfollows", windows),
        ("follows_previous", previous),
        ("interactions", kinds, windows),
        ("interactions_previous", kinds, previous),
        ("active_members", windows, follows),
        ("repliers", windows, follows),
        ("repliers_answered", windows),
        ("awaiting_reply", [{"age": a} for a in AGES]),
        ("reciprocal_members", follows),
        ("committed_members", follows),
        ("members_by_activity", [{"at_least_days": n} for n in AT_LEAST_DAYS]),
        ("relationships", [{"stage": s} for s in STAGES], follows),
    ):
        for combination in product(*labels):
            yield series(metric, **{k: v for part in combination for k, v in part.items()})


SERIES = tuple(sorted(_every_series()))


class Relation:
    """Everything that one account and one member ever did that still counts."""

    def __init__(self) -> None:
        self.log: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)  # id -> at, by arrival
        self.evicted: dict[tuple[str, str], list[int]] = defaultdict(list)
        self.open: dict[str, dict[str, None]] = defaultdict(dict)  # follow ids, by arrival
        self.followed_at: int | None = None
        self.starts: list[int] = []
        self.ends: list[int] = []

    # --- what an event does; each returns its outcome ---

    def interact(self, kind: str, direction: str, name: str, at: int) -> str:
        log = self.log[kind, direction]
        if name in log:
            return "duplicate"
        log[name] = at
        if len(log) > LOG:
            self.evicted[kind, direction].append(log.pop(next(iter(log))))
        return "applied"

    def take_back(self, kind: str, direction: str, name: str) -> str:
        if name not in self.log[kind, direction]:
            return "unresolved"
        del self.log[kind, direction][name]
        return "applied"

    def follow(self, direction: str, name: str, at: int, *, seeded: bool) -> str:
        ids = self.open[direction]
        if name in ids:
            return "duplicate"
        if not ids and direction == "inbound":
            self.followed_at = None if seeded else at
            if not seeded:
                self.starts.append(at)
        ids[name] = None
        if len(ids) > OPEN_FOLLOWS:
            del ids[next(iter(ids))]
        return "applied"

    def unfollow(self, direction: str, name: str, at: int) -> str:
        ids = self.open[direction]
        if name not in ids:
            return "unresolved"
        del ids[name]
        if not ids and direction == "inbound":
            self.followed_at = None
            self.ends.append(at)
        return "applied"

    # --- what is known of it ---

    @property
    def following(self) -> bool:
        return bool(self.open["inbound"])

    def times(self, direction: str, *kinds: str) -> list[int]:
        """When they did these kinds (all, if none is named), in no order."""
        return [
            at
            for kind in kinds or KINDS
            for at in (*self.log[kind, direction].values(), *self.evicted[kind, direction])
        ]

    def awaiting(self, clock: int) -> bool:
        """The last inbound reply is in the horizon and later than our last outbound reply."""
        ours = self.times("outbound", "reply")
        theirs = self.times("inbound", "reply")
        return happened(theirs, clock, HORIZON) and max(theirs) > max(ours, default=-1)

    def active_days(self, clock: int) -> int:
        return len(days(self.times("inbound"), clock))

    def stage(self, clock: int) -> str:
        inbound = self.times("inbound", "reply")
        outbound = self.times("outbound", "reply")
        if happened(inbound, clock, HORIZON):
            if happened(outbound, clock, HORIZON) and len(days(inbound + outbound, clock)) >= 2:
                return "connection"
            return "conversation"
        engaged = self.times("inbound")
        if happened(engaged, clock, HORIZON):
            return "fan"
        if engaged:
            return "lapsed"
        return "passive" if self.following else "none"

    def strength(self, clock: int, weights: Mapping[str, float], half_life: float) -> float:
        today = clock // 24
        return math.fsum(
            weights[kind] * 2 ** (-(today - day(at)) / half_life)
            for kind, direction in product(KINDS, DIRECTIONS)
            for at in self.times(direction, kind)
        )

    def census(self, clock: int) -> Iterator[tuple[str, int]]:
        """What this relationship adds to its account's series; a series left out gets nothing."""
        following = YES_NO[self.following]
        engaged = self.times("inbound")
        theirs = self.times("inbound", "reply")
        ours = self.times("outbound", "reply")
        active = days(engaged, clock)

        if self.following:
            yield series("followers"), 1
            tenure = "unknown"
            if self.followed_at is not None:
                tenure = band(TENURES, clock - hour(self.followed_at))
            yield series("followers_by_tenure", tenure=tenure, engaged=YES_NO[bool(engaged)]), 1
        for window in WINDOWS:
            yield series("follows", window=window), count(self.starts, clock, window)
            yield series("unfollows", window=window), count(self.ends, clock, window)
            if happened(engaged, clock, HOURS[window]):
                yield series("active_members", window=window, following=following), 1
            if happened(theirs, clock, HOURS[window]):
                yield series("repliers", window=window, following=following), 1
                if max(theirs) <= max(ours, default=-1):
                    yield series("repliers_answered", window=window), 1
        for window, ago in PREVIOUS:
            n = count(self.starts, clock, window, ago)
            yield series("follows_previous", window=window, ago=ago), n
        for kind, direction in product(KINDS, DIRECTIONS):
            if not (times := self.times(direction, kind)):
                continue
            what = {"kind": kind, "direction": direction}
            for window in WINDOWS:
                n = count(times, clock, window)
                yield series("interactions", **what, window=window), n
            for window, ago in PREVIOUS:
                n = count(times, clock, window, ago)
                yield series("interactions_previous", **what, window=window, ago=ago), n
        if self.awaiting(clock):
            yield series("awaiting_reply", age=band(AGES, clock - hour(max(theirs)))), 1
        if happened(theirs, clock, HORIZON):
            if happened(ours, clock, HORIZON):
                yield series("reciprocal_members", following=following), 1
            if len(active) >= 4:
                yield series("committed_members", following=following), 1
        for least in AT_LEAST_DAYS:
            if len(active) >= least:
                yield series("members_by_activity", at_least_days=least), 1
        if (stage := self.stage(clock)) != "none":
            yield series("relationships", stage=stage, following=following), 1


def happened(times: Iterable[int], clock: int, hours: int) -> bool:
    """At least once in the last so many hours; with a wall clock, also in the hour after it."""
    return any(clock - hour(at) < hours for at in times)


def count(times: Iterable[int], clock: int, window: str, ago: str | None = None) -> int:
    """How often in the window that ends now, or ended so long ago."""
    end = HOURS[ago] if ago else 0
    return sum(end <= clock - hour(at) < end + HOURS[window] for at in times)


def days(times: Iterable[int], clock: int) -> set[int]:
    """The distinct UTC days of the horizon; a day counts while its last hour does."""
    return {d for d in map(day, times) if clock - (24 * d + 23) < HORIZON}


def band(bands: Mapping[str, tuple[float, float]], hours: int) -> str:
    """The name of the band that so many whole hours fall into; upper bounds are exclusive."""
    return next(name for name, (low, high) in bands.items() if low <= hours < high)


class Recount:
    """Reads canonical events; then answers with the documents that `export` should write."""

    def __init__(
        self,
        *,
        ignored_members: Collection[str] = (),
        weights: Mapping[str, float] | None = None,
        half_life_days: float = 14.0,
    ) -> None:
        self.relations: dict[tuple[str, str], Relation] = {}
        self.clocks: dict[int, int] = {}  # partition number -> hour
        self.outcomes: Counter[str] = Counter()
        self._ignored = frozenset(ignored_members)
        self._weights = weights or {"like": 1.0, "share": 2.0, "reply": 4.0}
        self._half_life = half_life_days

    def read(self, event: Mapping[str, Any], partition: int = 0) -> str:
        """Applies one valid, correctly placed event; returns its outcome."""
        at = milliseconds(event["at"])
        clock = self.clocks[partition] = max(hour(at), self.clocks.get(partition, -1))
        outcome = self._apply(event, at)
        if outcome == "applied" and clock - hour(at) > DEPTH:
            outcome = "late"
        self.outcomes[outcome] += 1
        return outcome

    def _apply(self, event: Mapping[str, Any], at: int) -> str:
        if event["kind"] == "tick":
            return "tick"
        if event["member"] in self._ignored:
            return "ignored"
        pair = event["account"], event["member"]
        kind, name = event["kind"], event["id"]
        direction = event.get("direction", "inbound")
        if event.get("op", "add") == "remove":
            if (known := self.relations.get(pair)) is None:
                return "unresolved"
            if kind == "follow":
                return known.unfollow(direction, name, at)
            return known.take_back(kind, direction, name)
        relation = self.relations.setdefault(pair, Relation())
        if kind == "follow":
            return relation.follow(direction, name, at, seeded=event.get("seeded", False))
        return relation.interact(kind, direction, name, at)

    def read_all(self, events: Iterable[Mapping[str, Any]]) -> "Recount":
        """Applies events of a single partition; returns itself."""
        for event in events:
            self.read(event)
        return self

    @property
    def clock(self) -> int:
        """The greatest clock of all partitions: the hour that the export speaks of."""
        return max(self.clocks.values())

    def relationships(self, clock: int | None = None) -> list[Document]:
        """One export document per relationship, by account and member."""
        now = self.clock if clock is None else clock
        return [self._relationship(*pair, now) for pair in sorted(self.relations)]

    def _relationship(self, account: str, member: str, clock: int) -> Document:
        relation = self.relations[account, member]
        document: Document = {
            "account": account,
            "member": member,
            "stage": relation.stage(clock),
            "following": relation.following,
            "followed_at": rfc3339(relation.followed_at),
        }
        for direction in DIRECTIONS:
            times = relation.times(direction)
            document[f"first_{direction}_at"] = rfc3339(min(times, default=None))
            document[f"last_{direction}_at"] = rfc3339(max(times, default=None))
        for direction in DIRECTIONS:
            document[direction] = {
                kind: self._by_days(relation.times(direction, kind), clock // 24) for kind in KINDS
            }
        return document | {
            "active_days": relation.active_days(clock),
            "awaiting": relation.awaiting(clock),
            "strength": relation.strength(clock, self._weights, self._half_life),
            "as_of": rfc3339(clock * 3_600_000),
        }

    @staticmethod
    def _by_days(times: list[int], today: int) -> dict[str, int]:
        counts = {str(n): sum(0 <= today - day(at) < n for at in times) for n in (1, 7, 28)}
        return counts | {"total": len(times)}

    def census(self, clock: int | None = None) -> list[Document]:
        """One census document per known account, by account."""
        now = self.clock if clock is None else clock
        counts: dict[str, dict[str, int]] = {}
        for (account, _), relation in self.relations.items():
            of_account = counts.setdefault(account, dict.fromkeys(SERIES, 0))
            for name, n in relation.census(now):
                of_account[name] += n  # a KeyError here: a series that SERIES does not list
        return [
            {"account": account, "as_of": rfc3339(now * 3_600_000), "series": counts[account]}
            for account in sorted(counts)
        ]
