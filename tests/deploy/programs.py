"""The programs of the stack, run from this machine's packages with the files that are shipped."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlencode
from urllib.request import urlopen

import yaml

from streams.brokers.lifeline import Lifeline
from tests.conftest import missing
from tests.deploy.files import PROMETHEUS, compose, on_this_side
from tests.engine.system import await_that

SERVICES = compose()["services"]

_PACKAGES = {
    "prometheus": "prometheus",
    "promtool": "prometheus",
    "amtool": "prometheus-alertmanager",
    "prometheus-alertmanager": "prometheus-alertmanager",
}


def tool(name: str) -> str:
    """Where a program is; without it the test is skipped, or fails if nothing may be."""
    found = shutil.which(name)
    if found is None:
        missing(f"{name} is not installed (Debian: apt-get install {_PACKAGES[name]})")
    return found


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


class Api:
    """A running program, asked over HTTP."""

    def __init__(self, url: str, process: Lifeline) -> None:
        self.url = url
        self.process = process

    def get(self, path: str, **parameters: str | float) -> Any:
        """Its answer, from JSON."""
        with urlopen(f"{self.url}{path}?{urlencode(parameters)}", timeout=10) as answer:
            return json.load(answer)

    def await_answer(self, path: str) -> None:
        """Wait until it has started."""

        def answers() -> bool:
            assert not self.process.ended, self.process.last_words()
            try:
                self.get(path)
            except OSError:
                return False
            return True

        await_that(answers, f"{self.url} answers")


class Prometheus(Api):
    """Prometheus, asked in PromQL."""

    def ask(self, query: str, **parameters: float) -> dict[frozenset[tuple[str, str]], float]:
        """The answer to an instant query, by labels but for the name."""
        result = self.get("/api/v1/query", query=query, **parameters)["data"]["result"]
        return {
            frozenset((k, v) for k, v in one["metric"].items() if k != "__name__"): float(
                one["value"][1]
            )
            for one in result
        }


@contextmanager
def prometheus(
    folder: Path, targets: Sequence[str], alertmanager: str = "127.0.0.1:1"
) -> Iterator[Prometheus]:
    """Prometheus as it is shipped, flags and rules too, but in a hurry, and for these targets.

    Args:
        folder: where its files go; `folder / "data"` is its storage, which may hold blocks already.
        targets: addresses of workers.
        alertmanager: the address of Alertmanager.
    """
    program = tool("prometheus")
    shipped = folder / "prometheus"
    shutil.copytree(PROMETHEUS.parent, shipped)
    document = yaml.safe_load(PROMETHEUS.read_text())
    document["global"] = {"scrape_interval": "500ms", "evaluation_interval": "500ms"}
    document["scrape_configs"][0]["static_configs"][0]["targets"] = list(targets)
    document["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [alertmanager]
    (shipped / PROMETHEUS.name).write_text(yaml.safe_dump(document))
    for rules in (shipped / "rules").glob("*.yml"):
        text = re.sub(r"^( +interval): \S+$", r"\1: 500ms", rules.read_text(), flags=re.M)
        rules.write_text(re.sub(r"^( +for): \S+$", r"\1: 1s", text, flags=re.M))
    address = f"127.0.0.1:{free_port()}"
    flags = _flags(
        "prometheus",
        {
            "--config.file": str(shipped / PROMETHEUS.name),
            "--storage.tsdb.path": str(folder / "data"),
            "--web.listen-address": address,
        },
    )
    process = Lifeline([program, *flags], log=folder / "prometheus.log")
    try:
        running = Prometheus(f"http://{address}", process)
        running.await_answer("/api/v1/query?query=1&")
        yield running
    finally:
        process.end()


@contextmanager
def alertmanager(folder: Path, webhook: str = "") -> Iterator[Api]:
    """Alertmanager as it is shipped, started as it is there; it waits for no further alerts."""
    program = tool("prometheus-alertmanager")
    service = SERVICES["alertmanager"]
    shell, script = service["entrypoint"]
    shipped = folder / "alertmanager"
    start = Path(on_this_side(service, script))
    shutil.copytree(start.parent, shipped)
    configuration = shipped / "alertmanager.yml"
    hurried = configuration.read_text().replace("group_wait: 30s", "group_wait: 0s")
    configuration.write_text(hurried)
    # The image calls it so; Debian has the name for something else.
    programs = folder / "bin"
    programs.mkdir()
    (programs / "alertmanager").symlink_to(program)
    address = f"127.0.0.1:{free_port()}"
    flags = _flags(
        "alertmanager",
        {"--storage.path": str(folder / "alerts"), "--web.listen-address": address},
    )
    process = Lifeline(
        [shell, str(shipped / start.name), *flags],
        log=folder / "alertmanager.log",
        env={
            "PATH": f"{programs}:{os.environ['PATH']}",
            "TMPDIR": str(folder),
            "ALERT_WEBHOOK_URL": webhook,
        },
    )
    try:
        running = Api(f"http://{address}", process)
        running.await_answer("/api/v2/status")
        yield running
    finally:
        process.end()


def _flags(service: str, changes: Mapping[str, str]) -> list[str]:
    """The flags of the compose file, some with another value."""
    flags = dict(flag.split("=", 1) for flag in SERVICES[service]["command"])
    return [f"{flag}={value}" for flag, value in {**flags, **changes}.items()]


@contextmanager
def served(answer: Any) -> Iterator[str]:
    """An HTTP server whose GET answers are `answer(None)` and POSTs go to `answer(body)`.

    Yields:
        its address.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._respond(answer(None))

        def do_POST(self) -> None:
            answer(self.rfile.read(int(self.headers["Content-Length"])))
            self._respond("")

        def _respond(self, text: str) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            """Nothing is logged."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
