"""A Kafka-compatible broker from a wheel: for the demo, laptop tests and ``closeknit broker``.

It is one small binary (noida-db), keeps everything in memory and serves loopback only: no
Docker, no Java, gone without a trace when we end. Not for production and not for fault tests;
``compatibility.py`` says where it differs from Apache Kafka.
"""

from __future__ import annotations

import importlib.util
import re
import socket
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from streams.brokers.folder import Folder
from streams.brokers.lifeline import Lifeline

START_SECONDS = 15.0
_ADDRESS = re.compile(r"^\s*kafka\s+(127\.0\.0\.1):(\d+)\s*$", re.MULTILINE)


class BrokerUnavailableError(RuntimeError):
    """The embedded broker is not installed or did not start; the message says what to do."""


class EmbeddedBroker:
    """The embedded broker, running while its ``with`` block is.

    Args:
        port: loopback port to serve; 0 lets the system choose a free one.
        folder: where it works; without one, in a folder of its own.

    Raises:
        BrokerUnavailableError: on entering, when it is not installed or cannot start.
    """

    bootstrap: str
    """``127.0.0.1:port``, once entered."""

    def __init__(self, port: int = 0, folder: Folder | None = None) -> None:
        self._port = port
        self._folder = folder
        self._own_folder: Folder | None = None
        self._server: Lifeline | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def running(self) -> bool:
        """Whether the broker is up."""
        return self._server is not None and not self._server.ended

    def start(self) -> None:
        """Start the broker and wait until it accepts connections."""
        if self._server is not None:
            raise RuntimeError("this embedded broker was already started; create another one")
        binary = _binary()
        _check_free(self._port)
        if self._folder is None:
            self._folder = self._own_folder = Folder("closeknit-broker-")
        command = [str(binary), "start", "--only", "kafka", "--kafka-port", str(self._port)]
        try:
            self._server = server = Lifeline(
                [*command, "--data-dir", str(self._folder.path / "broker")], folder=self._folder
            )
            self.bootstrap = _await_address(server)
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the broker; its data, process and port are gone on return."""
        if self._server is not None:
            self._server.end()
        if self._own_folder is not None:
            self._own_folder.end()
            self._own_folder = None


def _binary() -> Path:
    spec = importlib.util.find_spec("noida_db")
    if spec is not None and spec.origin is not None:
        binary = Path(spec.origin).with_name("noida-db")
        if binary.is_file():
            return binary
    raise BrokerUnavailableError(
        "the embedded broker is not installed here: `pip install 'closeknit[embedded]'`, "
        "or point CLOSEKNIT_BROKER at a Kafka broker of yours"
    )


def _check_free(port: int) -> None:
    """Say so in our words: the binary names options that only it has."""
    with socket.socket() as probe:
        # As servers do: connections that have just ended do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise BrokerUnavailableError(
                f"the embedded broker cannot listen on 127.0.0.1:{port}: {error.strerror}; "
                "choose another port, or use the broker that is there"
            ) from None


def _await_address(server: Lifeline) -> str:
    """The ``host:port`` that the server says it serves, once it answers there."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        ended = server.ended
        if found := _ADDRESS.search(server.output):
            host, port = found.groups()
            try:
                socket.create_connection((host, int(port)), timeout=1).close()
            except OSError:
                pass
            else:
                return f"{host}:{port}"
        if ended:
            break
        time.sleep(0.01)
    what = "ended at once" if server.ended else f"did not answer within {START_SECONDS:.0f} s"
    raise BrokerUnavailableError(
        f"the embedded broker {what}; its last words:\n{server.last_words()}"
    )
