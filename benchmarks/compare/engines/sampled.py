"""A worker that says where its time goes: a look at its stack after each ms of CPU.

    python sampled.py FILE worker --until-caught-up

The kernel's timer counts the CPU time of the whole process; Python looks between two bytecodes, so
that time in C counts for the line that called it. One line per place: how often, file, function,
from the innermost frame outwards, as far as one of our files.
"""

import atexit
import os
import runpy
import signal
import sys
from collections import Counter
from types import FrameType

EVERY = 0.001
DEPTH = 12


def main(path: str) -> None:
    seen: Counter[str] = Counter()

    def look(_: int, frame: FrameType | None) -> None:
        places: list[str] = []
        while frame is not None and len(places) < DEPTH:
            places.append(f"{frame.f_code.co_filename}:{frame.f_code.co_name}")
            frame = frame.f_back
        seen["|".join(places)] += 1

    def tell() -> None:
        signal.setitimer(signal.ITIMER_PROF, 0)
        with open(path, "w") as file:  # noqa: PTH123
            file.writelines(f"{count} {places}\n" for places, count in seen.items())

    end = os._exit

    def tell_and_end(status: int) -> None:
        tell()
        end(status)

    os._exit = tell_and_end  # type: ignore[assignment]
    atexit.register(tell)
    signal.signal(signal.SIGPROF, look)
    signal.siginterrupt(signal.SIGPROF, False)
    signal.setitimer(signal.ITIMER_PROF, EVERY, EVERY)
    runpy.run_module("streams", run_name="__main__")


if __name__ == "__main__":
    path = sys.argv[1]
    sys.argv = ["closeknit", *sys.argv[2:]]
    main(path)
