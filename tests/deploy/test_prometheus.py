"""A real Prometheus, configured as shipped, counts what two workers say."""

import subprocess
import time

import pytest

from tests.alerting.world import Account, Worker
from tests.deploy.files import PROMETHEUS
from tests.deploy.programs import SERVICES, prometheus, served, tool
from tests.engine.system import await_that

pytestmark = pytest.mark.prometheus


def _page(number):
    """What a worker with this partition of two serves."""

    def text(_body):
        worker = Worker(partitions=[number], accounts={"acme": Account()})
        samples = worker(int(time.time()) // 60).items()
        return "".join(f"{series} {float(value)}\n" for series, value in samples)

    return text


@pytest.fixture(scope="module")
def complete(tmp_path_factory):
    """Prometheus, while both workers answer; and a way to end the second one."""
    with served(_page(0)) as one:
        other = served(_page(1))
        ended = []

        def end():
            if not ended:
                ended.append(other.__exit__(None, None, None))

        try:
            with prometheus(
                tmp_path_factory.mktemp("prometheus"), [one, other.__enter__()]
            ) as running:
                await_that(
                    lambda: running.ask("closeknit:complete:bool") == {frozenset(): 1},
                    "both are counted",
                )
                yield running, end
        finally:
            end()


def test_promtool_takes_the_configuration_and_the_rules():
    """As they are shipped."""
    command = [tool("promtool"), "check", "config", str(PROMETHEUS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "rules found" in done.stdout


def test_it_finds_every_worker_under_the_job_that_the_alerts_watch(complete):
    """A worker of another job would be down without anybody being told."""
    running, _ = complete
    assert list(running.ask('up{job="closeknit"}').values()) == [1, 1]


def test_both_workers_are_added_up(complete):
    """Each has a thousand of the account's followers."""
    running, _ = complete
    followers = "account:closeknit_followers:sum"
    assert await_that(lambda: running.ask(followers), "it is recorded") == {
        frozenset({("account", "acme")}): 2000
    }


def test_the_health_check_of_the_compose_file_finds_it_healthy(complete):
    """The very command, with another port; nobody answers at port 1."""
    running, _ = complete
    form, name, *arguments = SERVICES["prometheus"]["healthcheck"]["test"]
    assert form == "CMD"

    def status(url):
        there = [word.replace("http://127.0.0.1:9090", url) for word in arguments]
        return subprocess.run([tool(name), *there], capture_output=True, check=False).returncode

    assert status(running.url) == 0
    assert status("http://127.0.0.1:1") != 0


def test_a_missing_worker_leaves_a_gap(complete):
    """Half of an audience never looks like a whole one that fell silent."""
    running, end = complete
    end()
    await_that(lambda: running.ask("closeknit:complete:bool") == {frozenset(): 0}, "it is noticed")
    await_that(lambda: running.ask("account:closeknit_followers:sum") == {}, "there is a gap")
