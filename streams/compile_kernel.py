"""Compile the core: `python -m streams.compile_kernel`, or `make kernel`.

Needs mypy, setuptools and a C compiler. With a folder it compiles for the package there, such as
an installed one.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

from streams.kernel import GROUP, MODULES, PACKAGE, PURE, SHARED, digest_of, kernel_of


def build(package: Path = PACKAGE) -> Path:
    """Compile the core; return where it is.

    Raises:
        SystemExit: there is no mypy or no C compiler, or it does not compile.
    """
    if importlib.util.find_spec("mypyc") is None:
        raise SystemExit("the kernel is compiled by mypyc: install mypy and setuptools first")
    with tempfile.TemporaryDirectory() as folder:
        there = Path(folder)
        for name in ("streams", "schemas"):
            shutil.copytree(package.parent / name, there / name, ignore=_LEFT_OUT)
        (there / "setup.py").write_text(_SETUP)
        command = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
        environment = {**os.environ, "MYPYPATH": folder, PURE: "1"}
        done = subprocess.run(  # noqa: S603 - ourselves
            command, cwd=there, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise SystemExit(
                f"the kernel was not built:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
            )
        kernel = kernel_of(package)
        shutil.rmtree(kernel, ignore_errors=True)
        kernel.mkdir()
        made = [there / f"{SHARED}{EXTENSION_SUFFIXES[0]}"]
        made += [there / "streams" / "core" / f"{name}{EXTENSION_SUFFIXES[0]}" for name in MODULES]
        for file in made:
            shutil.copy(file, kernel)
        (kernel / "digest").write_text(digest_of(package))
    return kernel


_LEFT_OUT = shutil.ignore_patterns("_kernel", "__pycache__")
_SETUP = f"""
from mypyc.build import mypycify
from setuptools import setup

paths = [f"streams/core/{{name}}.py" for name in {MODULES!r}]
options = ["--follow-imports=silent", "--ignore-missing-imports"]
extensions = mypycify([*options, *paths], opt_level="2", debug_level="0", group_name={GROUP!r})
setup(name="closeknit-kernel", packages=[], ext_modules=extensions)
"""


if __name__ == "__main__":
    print(build(*map(Path, sys.argv[1:])))  # noqa: T201 - a command
