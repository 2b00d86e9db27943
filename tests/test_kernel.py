"""The compiled core is the core: used only if it is of these sources, and then by the same law."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from streams import kernel
from tests.conftest import missing

REPOSITORY = Path(__file__).parents[1]
HEADERS = Path(sysconfig.get_path("include"))


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package with the sources of the core, and a kernel that claims to be made of them."""
    (tmp_path / "core").mkdir()
    for name in kernel.MODULES:
        shutil.copy(kernel.PACKAGE / "core" / f"{name}.py", tmp_path / "core")
    kernel.kernel_of(tmp_path).mkdir()
    (kernel.kernel_of(tmp_path) / "digest").write_text(kernel.digest_of(tmp_path))
    return tmp_path


def test_a_kernel_is_not_used_once_a_source_has_changed(package: Path) -> None:
    """Whoever edits the core runs what they have written."""
    assert kernel.fits(package)
    with (package / "core" / "relationship.py").open("a") as source:
        source.write("# another law\n")
    assert not kernel.fits(package)
    assert not kernel.load(package)
    assert kernel.exists(package)


def test_a_kernel_is_not_used_if_it_is_not_wanted(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To compare both, or to look at a traceback of it."""
    monkeypatch.setenv(kernel.PURE, "1")
    assert kernel.fits(package)
    assert not kernel.load(package)


@pytest.mark.timeout(900)
def test_the_compiled_core_agrees_with_the_model(tmp_path: Path) -> None:
    """Compiled from these sources and loaded, as a worker would; then recounted as ever."""
    if shutil.which("cc") is None or not (HEADERS / "Python.h").exists():
        missing("there is no C compiler, or no headers of this Python (Debian: gcc, python3-dev)")
    for name in ("streams", "schemas", "tests"):
        left_out = shutil.ignore_patterns("_kernel", "__pycache__")
        shutil.copytree(REPOSITORY / name, tmp_path / name, ignore=left_out)
    shutil.copy(REPOSITORY / "pyproject.toml", tmp_path)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "CFLAGS": "-O0"}
    environment.pop(kernel.PURE, None)

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *words],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    built = run("-m", "streams.compile_kernel")
    assert built.returncode == 0, built.stderr
    assert run("-c", "from streams import kernel; assert kernel.in_use()").returncode == 0
    tests = ["tests/core/test_relationship.py", "tests/core/test_partition.py"]
    tried = run("-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *tests)
    assert tried.returncode == 0, tried.stdout[-3000:]
