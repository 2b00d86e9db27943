"""`make fuzz`: the same targets in turn, with ever new input, for so many minutes."""

import argparse
import faulthandler
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings

from tests.fuzz.targets import TARGETS

PER_TURN = 500
HANGS_AFTER = 60.0


def main() -> None:
    """Fuzz until the time is up; the first failure ends it with the smallest input that fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    ends = time.monotonic() + 60 * parser.parse_args().minutes
    tried: Counter[str] = Counter()
    while time.monotonic() < ends:
        for name, target in TARGETS.items():
            _turn(name, target, tried)
            if time.monotonic() >= ends:
                break
        sys.stdout.write(", ".join(f"{n:,} {name}" for name, n in tried.items()) + "\n")
        sys.stdout.flush()
    sys.stdout.write(
        f"{tried.total():,} examples, none of them crashed, hung or was wrongly accepted\n"
    )


def _turn(name: str, target: Any, tried: Counter[str]) -> None:
    def claim(piece: Any) -> None:
        tried[name] += 1
        faulthandler.dump_traceback_later(HANGS_AFTER, exit=True)  # says where it hangs
        target.claim(piece)
        faulthandler.cancel_dump_traceback_later()

    run: Callable[[], None] = settings(
        max_examples=PER_TURN,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )(given(target.input)(claim))
    run()


if __name__ == "__main__":
    main()
