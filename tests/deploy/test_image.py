"""The Dockerfile builds from what is here, installs nothing unlocked, and runs as nobody."""

import re
import subprocess
import sys
import tomllib

import pytest

from streams.metrics.server import Server, application
from tests.deploy.files import REPOSITORY, health_check, image_environment, stages
from tests.deploy.test_compose import parse

BUILD, FINAL = stages()
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[.*?\])?==(\S+)", re.MULTILINE)


def pins(name):
    """Package → version in a lock, and a proof that each line of it has a hash."""
    entries = re.split(r"\n(?=\S)", (REPOSITORY / name).read_text().strip())
    assert all("--hash=sha256:" in entry for entry in entries)
    return dict(PIN.match(entry).groups() for entry in entries)


def only(stage, name):
    (found,) = (instruction for instruction in stage if instruction.name == name)
    return found


def test_both_stages_begin_with_the_same_small_python():
    """A wheel built for one must run on the other."""
    bases = [only(stage, "FROM").words[0] for stage in (BUILD, FINAL)]
    assert bases[0] == bases[1]
    assert re.fullmatch(r"python:3\.\d+-slim-[a-z]+", bases[0])


def test_it_runs_as_a_user_without_rights():
    """By number, so that Kubernetes can see that it is not root."""
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", only(FINAL, "USER").text)
    # Nothing after it becomes root again, and nothing before it is run by the image.
    names = [instruction.name for instruction in FINAL]
    assert "RUN" not in names[names.index("USER") :]


def test_all_that_it_copies_is_there_and_reaches_the_builder():
    """Past .dockerignore, which lets nothing through that is not named."""
    everything, *through = [
        line
        for line in (REPOSITORY / ".dockerignore").read_text().splitlines()
        if not line.startswith("#")
    ]
    assert everything == "*"
    allowed = [line.removeprefix("!") for line in through if line.startswith("!")]
    copied = [
        source
        for instruction in BUILD
        if instruction.name == "COPY"
        for source in instruction.words[:-1]
    ]
    assert sorted(copied) == sorted(allowed)
    assert all((REPOSITORY / source).exists() for source in copied)


def test_every_installation_is_locked_by_hash_or_is_our_own_wheel():
    """What the tests ran with is what runs."""
    commands = [
        command
        for instruction in BUILD
        if instruction.name == "RUN"
        for command in instruction.text.split(" && ")
        if "pip" in command.split() and "install" in command.split()
    ]
    assert len(commands) == 3
    for command in commands:
        assert "--require-hashes" in command or command.endswith("--no-deps dist/*.whl")


def test_the_build_backend_is_found_in_the_lock():
    """The line that picks it out of the developers' lock, run for real."""
    (line,) = (one.text for one in BUILD if one.name == "RUN" and "sed" in one.text)
    picked = subprocess.run(
        ["sh", "-c", line.partition(" > ")[0]],
        capture_output=True,
        text=True,
        check=True,
        cwd=REPOSITORY,
    ).stdout
    assert PIN.findall(picked) == [("setuptools", pins("requirements.lock")["setuptools"])]
    assert "--hash=sha256:" in picked


def test_the_runtime_lock_is_the_developers_lock_without_their_tools():
    """Same versions, and every dependency of the project is in it."""
    runtime, everything = pins("requirements-runtime.lock"), pins("requirements.lock")
    assert runtime.items() < everything.items()
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    name = re.compile(r"[A-Za-z0-9._-]+")
    wanted = {name.match(one)[0] for one in project["dependencies"]}
    assert wanted <= runtime.keys()
    extras = {
        name.match(one)[0] for some in project["optional-dependencies"].values() for one in some
    }
    assert not extras & runtime.keys()


def test_it_starts_a_worker_unless_told_otherwise():
    """`docker run closeknit topics check` works too."""
    assert only(FINAL, "ENTRYPOINT").words == ["closeknit"]
    assert parse(only(FINAL, "CMD").words).info_name == "worker"


def test_a_worker_writes_into_a_volume_of_its_own():
    """So the root file system may be read-only."""
    assert only(FINAL, "VOLUME").text == image_environment()["CLOSEKNIT_DATA_DIR"]
    assert only(FINAL, "EXPOSE").text == image_environment()["CLOSEKNIT_HTTP_PORT"]


@pytest.mark.parametrize(
    ("alive", "status"),
    [
        (lambda: None, 0),
        (lambda: "the event loop has been stuck for 40 s", 1),
    ],
    ids=["alive", "stuck"],
)
def test_the_health_check_tells_a_living_worker_from_a_stuck_one(alive, status):
    """The very command of the image, against the real server."""
    server = Server(application(bytes, alive, lambda: "recovering"))
    port = server.start()
    try:
        assert _check_health(port) == status
    finally:
        server.stop()
    assert _check_health(port) == 1  # nobody answers any more


def _check_health(port):
    python, *arguments = health_check()
    assert python == "python"
    exposed = image_environment()["CLOSEKNIT_HTTP_PORT"]
    arguments = [word.replace(f":{exposed}/", f":{port}/") for word in arguments]
    done = subprocess.run(
        [sys.executable, *arguments], capture_output=True, check=False, timeout=30
    )
    return done.returncode
