"""A virtual environment for each peer, made once, with the versions that are pinned beside it."""

import hashlib
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
CACHE = REPOSITORY / ".cache" / "bench"
PINS = Path(__file__).parent / "engines"


class CannotInstall(RuntimeError):
    """A peer's environment could not be made; the message says why."""


def python_for(peer: str) -> Path:
    """The interpreter of a peer's environment, which is made when it is not there yet.

    Raises:
        CannotInstall: a pinned version is not to be had for this Python, or the network is away.
    """
    pins = PINS / f"{peer}.txt"
    key = hashlib.sha256(pins.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = CACHE / f"{peer}-{key}"
    python = folder / "bin" / "python"
    if (folder / "made").exists():
        return python
    print(f"{peer}: making its environment, once", file=sys.stderr)
    for command in (
        [sys.executable, "-m", "venv", "--clear", str(folder)],
        [str(python), "-m", "pip", "install", "--quiet", "--no-deps", "-r", str(pins)],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CannotInstall(
                f"the environment of {peer} cannot be made with Python "
                f"{'.'.join(map(str, sys.version_info[:3]))} (3.11 and 3.12 have wheels of all "
                f"peers):\n{done.stderr[-2000:]}"
            )
    (folder / "made").touch()
    return python


def version_of(peer: str, package: str) -> str:
    """The version of a package that is pinned for a peer."""
    for line in (PINS / f"{peer}.txt").read_text().splitlines():
        name, _, version = line.partition("==")
        if name == package:
            return version
    raise KeyError(f"{package} is not pinned in {peer}.txt")
