"""CollegeMsg: 59,835 real messages among 1,899 people over 193 days, as canonical events.

Panzarasa, Opsahl & Carley 2009, via SNAP. Each line, `source target unix-seconds`, is a reply: one
that the target received and one that the source sent. The recording is not part of the project.
"""

import gzip
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / ".." / "shared" / "data"
RECORDING = FOLDER / "collegemsg.txt.gz"

needs_recording = pytest.mark.skipif(
    not FOLDER.is_dir(),
    reason="recorded data, ../shared/data, is not beside the project",
)


def events() -> Iterator[dict[str, Any]]:
    """Two events per line, in the order of the recording, which is that of time."""
    with gzip.open(RECORDING, "rt") as lines:
        for number, line in enumerate(lines, start=1):
            source, target, seconds = line.split()
            at = datetime.fromtimestamp(int(seconds), UTC).isoformat().replace("+00:00", "Z")
            reply = {"kind": "reply", "id": str(number), "at": at}
            yield reply | {"account": target, "member": source, "direction": "inbound"}
            yield reply | {"account": source, "member": target, "direction": "outbound"}
