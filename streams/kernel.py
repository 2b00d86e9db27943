"""The compiled core: the same source files, translated to C by mypyc. Faster, and never needed.

`streams/compile_kernel.py` puts it into `streams/_kernel`, with a digest of what it was made of.
`load`, which runs before anything of the core is imported, lets the core's modules be found there
first if it was made of these very sources for this Python; else, or with CLOSEKNIT_PURE=1, they are
read as Python. One law, two forms of it: the tests of the core run against both.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

MODULES = (
    "admission",
    "cells",
    "census",
    "filing",
    "kinds",
    "packing",
    "partition",
    "placement",
    "recency",
    "relationship",
    "series",
    "time",
)
"""Of `streams.core`: what runs for each event, and what that imports."""

PACKAGE = Path(__file__).parent
PURE = "CLOSEKNIT_PURE"

GROUP = "closeknit"
SHARED = f"{GROUP}__mypyc"  # holds all the code, and is a module of its own


def load(package: Path = PACKAGE) -> bool:
    """Have the core's modules found in the kernel, if there is one that fits; say whether."""
    if is_unwanted() or not fits(package):
        return False
    import streams.core  # noqa: PLC0415 - only with a kernel

    place = kernel_of(package) / f"{SHARED}{EXTENSION_SUFFIXES[0]}"
    spec = importlib.util.spec_from_file_location(SHARED, place)
    assert spec is not None and spec.loader is not None  # noqa: S101, PT018 - a file has both
    sys.modules[SHARED] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    streams.core.__path__.insert(0, str(kernel_of(package)))
    return True


def fits(package: Path = PACKAGE) -> bool:
    """Whether there is a kernel, made of the sources as they are and for this Python."""
    try:
        return (kernel_of(package) / "digest").read_text() == digest_of(package)
    except OSError:
        return False


def is_unwanted() -> bool:
    """Whether CLOSEKNIT_PURE says to do without."""
    return bool(os.environ.get(PURE))


def exists(package: Path = PACKAGE) -> bool:
    """Whether there is a kernel, whether it fits or not."""
    return kernel_of(package).is_dir()


def in_use() -> bool:
    """Whether this process runs the compiled core."""
    return SHARED in sys.modules


def kernel_of(package: Path = PACKAGE) -> Path:
    """Where a package has its kernel, if it has one."""
    return package / "_kernel"


def digest_of(package: Path = PACKAGE) -> str:
    """What a kernel is made of: sources, and the Python that it is for."""
    found = hashlib.sha256(f"{sys.implementation.cache_tag} {EXTENSION_SUFFIXES[0]}".encode())
    for name in MODULES:
        found.update((package / "core" / f"{name}.py").read_bytes())
    return found.hexdigest()
