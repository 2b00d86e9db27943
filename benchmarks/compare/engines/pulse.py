"""A worker whose event loop is felt for: each time that it stood still is written to a file.

    python pulse.py FILE worker

Every 5 ms a task of ours should run; by how much it is late is how long the stream could not go on.
"""

import asyncio
import runpy
import sys
import time
from collections.abc import Coroutine
from typing import Any

BEAT = 0.005
WORTH_TELLING = 0.005


async def beside(work: Coroutine[Any, Any, Any], path: str) -> None:
    pulse = asyncio.create_task(feel(path))
    try:
        await work
    finally:
        pulse.cancel()


async def feel(path: str) -> None:
    with open(path, "w", buffering=1) as file:  # noqa: ASYNC230, PTH123
        while True:
            began = time.monotonic()
            await asyncio.sleep(BEAT)
            late = time.monotonic() - began - BEAT
            if late > WORTH_TELLING:
                file.write(f"{began:.4f} {late:.4f}\n")


if __name__ == "__main__":
    path = sys.argv[1]
    sys.argv = ["closeknit", *sys.argv[2:]]
    run = asyncio.run
    asyncio.run = lambda work: run(beside(work, path))  # type: ignore
    runpy.run_module("streams", run_name="__main__")
