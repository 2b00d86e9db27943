"""The release before this one, beside this one, as soon as there is one."""

import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from tests.engine.system import PATIENCE, REPOSITORY, System, Worker, await_that
from tests.engine.test_recorded import assert_equal_to_the_recount
from tests.model.recount import Recount
from tests.upgrades.test_rolling import owns, part, story

pytestmark = pytest.mark.kafka


def git(*arguments: str) -> str:
    command = ["git", "-C", str(REPOSITORY), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


@pytest.fixture
def previous_release(tmp_path: Path) -> Path:
    """The source of the newest release that is not this very commit."""
    # Not `missing`: where there was no release, nothing is missing from the machine.
    if shutil.which("git") is None or not (REPOSITORY / ".git").exists():
        pytest.skip("no repository here, so no earlier release")
    here = git("tag", "--points-at", "HEAD").split()
    releases = git("tag", "--list", "v*", "--sort=-v:refname").split()
    tags = [tag for tag in releases if tag not in here]
    if not tags:
        pytest.skip("no tag v*: there is no earlier release")
    archive = tmp_path / "release.tar"
    git("archive", "--output", str(archive), tags[0])
    folder = tmp_path / tags[0]
    with tarfile.open(archive) as packed:
        packed.extractall(folder, filter="data")
    return folder


class Earlier(Worker):
    """A worker of another release."""

    def __init__(self, release: Path, system: System, *arguments: str) -> None:
        self.log = system.folder / "previous-release.log"
        with self.log.open("ab") as sink:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "streams", "worker", *arguments],
                env={**os.environ, **system.environment, "PYTHONPATH": str(release)},
                cwd=release,
                stdout=sink,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )


def test_the_previous_release_shares_a_group_with_this_one_and_takes_over_from_it(
    previous_release: Path, kafka_system: System
) -> None:
    """Both ways, for an upgrade may be taken back half-way."""
    system = kafka_system
    earlier = Earlier(previous_release, system)
    try:
        earlier.await_ready()
        this = system.worker()
        await_that(lambda: owns(earlier) and owns(this), "both releases own partitions")
        system.replay(part(0))
        this.kill()
        everything = system.partitions
        await_that(lambda: len(owns(earlier)) == everything, "the previous release took over")
        system.replay(part(1))
        earlier.signal(15)
        assert earlier.wait(PATIENCE) == 0, earlier.said()[-3000:]
    finally:
        if earlier.process.poll() is None:
            earlier.kill()
    system.replay(part(2))
    system.catch_up()
    assert_equal_to_the_recount(system, Recount().read_all(story()))
