"""The cap: how much of a source topic may be refused before the worker stops instead.

Single bad records are dead letters and nobody's worry. When most of a topic is refused, its
producer is broken, or these settings are not those of this topic: to divert it all would empty the
topic into the dead letters while every number falls.
"""

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple, Protocol, TypeVar

from schemas.events import Reason
from streams.core.partition import Refused
from streams.table.halt import TooManyInvalid

EXAMPLES: Final = 3


class Cap(NamedTuple):
    """At most so many percent of the latest `window` records of a topic; 100: no cap."""

    percent: float = 50.0
    window: int = 1000


class _Reasoned(Protocol):
    @property
    def reason(self) -> Reason: ...


class _Example(NamedTuple):
    reason: Reason
    place: str
    detail: str

    def __str__(self) -> str:
        # The detail of this one quotes a member, and nobody is named in a log.
        told = self.reason.meaning if self.reason is Reason.SELF_INTERACTION else self.detail
        return f"{self.place} {self.reason}: {told}"


class _Chunk(NamedTuple):
    records: int
    reasons: Counter[Reason]
    examples: list[_Example]


class Watch:
    """What this worker has lately read of each source topic, and how much of it was refused.

    Judged topic by topic, over all partitions that this worker owns: one broken producer must not
    hide behind three that are fine.
    """

    def __init__(self, cap: Cap) -> None:
        self._cap = cap
        self._chunks: dict[str, deque[_Chunk]] = {}
        self._records: Counter[str] = Counter()

    def judge(
        self, topic: str, partition: int, records: int, refused: Sequence[Refused]
    ) -> TooManyInvalid | None:
        """Take note of a chunk; return why the worker must stop before it is flushed, or None."""
        chunks = self._chunks.setdefault(topic, deque())
        chunks.append(_noted(topic, partition, records, refused))
        self._records[topic] += records
        while self._records[topic] - chunks[0].records >= self._cap.window:
            self._records[topic] -= chunks.popleft().records
        total = self._records[topic]
        if not refused or total < self._cap.window:
            return None
        reasons: Counter[Reason] = Counter()
        for chunk in chunks:
            reasons.update(chunk.reasons)
        if reasons.total() * 100 <= self._cap.percent * total:
            return None
        newest = (example for chunk in reversed(chunks) for example in chunk.examples)
        return TooManyInvalid(self._words(topic, total, reasons, _varied(newest)))

    def _words(
        self, topic: str, total: int, reasons: Counter[Reason], examples: list[_Example]
    ) -> str:
        counts = ", ".join(f"{n:,} {reason}" for reason, n in reasons.most_common())
        return (
            f"{reasons.total():,} of the last {total:,} records of {topic} are invalid ({counts}); "
            f"{self._cap.percent:g} % may be (CLOSEKNIT_MAX_INVALID_PERCENT). For example: "
            f"{'; '.join(map(str, examples))}. What was read since the last flush was not "
            f"diverted: it is in {topic}, and every start will meet it again. Mend the producer of "
            f"{topic}. Then divert what it has left there, once: CLOSEKNIT_MAX_INVALID_PERCENT=100 "
            "closeknit worker --until-caught-up; and start the workers as before"
        )


_NOTHING: Counter[Reason] = Counter()


def _noted(topic: str, partition: int, records: int, refused: Sequence[Refused]) -> _Chunk:
    if not refused:
        return _Chunk(records, _NOTHING, [])
    examples = []
    for one in _varied(refused):
        record: Any = one.record
        # As text: a record may be large, and need not be kept for this.
        examples.append(_Example(one.reason, f"{topic}/{partition}/{record.offset}", one.detail))
    return _Chunk(records, Counter(one.reason for one in refused), examples)


_R = TypeVar("_R", bound=_Reasoned)


def _varied(found: Iterable[_R]) -> list[_R]:
    """A few of them, one of each reason before a second of any."""
    seen: Counter[Reason] = Counter()
    ranked = []
    for one in found:
        ranked.append((seen[one.reason], one))
        seen[one.reason] += 1
    ranked.sort(key=lambda pair: pair[0])
    return [one for _, one in ranked[:EXAMPLES]]
