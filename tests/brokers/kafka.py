"""Real Apache Kafka for tests: one KRaft node on this machine's JVM, no Docker.

The jars come from Maven (``pom.xml``) into ``.cache/kafka``, once. A node keeps its two loopback
ports and its data for life, so it can be stopped, killed, paused and started again under running
clients.
"""

from __future__ import annotations

import hashlib
import os
import random
import re
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from streams.brokers.lifeline import Lifeline

POM = Path(__file__).with_name("pom.xml")
CACHE = Path(__file__).parents[2] / ".cache" / "kafka"
HEAP = "-Xmx512M"
START_SECONDS = 60.0
STOP_SECONDS = 30.0

SETTINGS: Mapping[str, str] = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "listener.security.protocol.map": "CLIENTS:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "CLIENTS",
    "controller.listener.names": "CONTROLLER",
    # One node: every internal topic lives on it alone.
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # Topics are created on purpose, with their partition count, or not at all.
    "auto.create.topics.enable": "false",
    # Events of any year keep their own time as the record's timestamp: nothing may expire.
    "log.retention.ms": "-1",
    # A node that crashed must not wait for its own ghost when it returns.
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "500",
    # A first member need not wait for others, nor a dead one be mourned for long.
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "1000",
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "500",
}


class KafkaMissingError(RuntimeError):
    """Java, Maven or the jars are not to be had; the message says which."""


class Kafka:
    """One node of Apache Kafka with its data in ``folder``, running while its ``with`` block is.

    Args:
        folder: an empty folder for data, configuration and log (``server.log``).
        settings: broker settings on top of ``SETTINGS``.
        beside: a running node whose cluster to join as a second broker.

    Raises:
        KafkaMissingError: Java 17, Maven or the jars are missing.
    """

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, str] | None = None,
        beside: Kafka | None = None,
    ) -> None:
        self._java, self._jars = _java(), _jars()
        self._folder = folder
        self._properties = folder / "server.properties"
        clients, self._controller = (f"127.0.0.1:{port}" for port in _free_ports(2))
        self.bootstrap = clients
        self._node = 1
        listeners = f"CLIENTS://{clients},CONTROLLER://{self._controller}"
        own = {"log.dirs": str(folder / "data")}
        if beside is not None:
            self._node, self._controller = 2, beside._controller
            listeners = f"CLIENTS://{clients}"
            own |= {"process.roles": "broker", "node.id": "2"}
        own |= {
            "listeners": listeners,
            "advertised.listeners": listeners,
            "controller.quorum.bootstrap.servers": self._controller,
        }
        lines = (
            f"{name}={value}\n" for name, value in {**SETTINGS, **own, **(settings or {})}.items()
        )
        self._properties.write_text("".join(lines))
        self._server: Lifeline | None = None

    def __enter__(self) -> Self:
        self._format()
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    @property
    def running(self) -> bool:
        """Whether the process is there, paused or not."""
        return self._server is not None and not self._server.ended

    def start(self) -> None:
        """Start on the same ports and data as ever; return when clients are served."""
        assert not self.running, "Kafka is running already"
        self.kill()  # one that ended by itself is still to be tidied up
        self._server = Lifeline(
            self._main("kafka.Kafka", str(self._properties)), log=self._folder / "server.log"
        )
        try:
            self._await_ready(self._server)
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Shut down in order (SIGTERM): groups and transactions are handed over."""
        if self._server is not None:
            self._server.signal(signal.SIGTERM)
            self._server.wait(STOP_SECONDS)

    def kill(self) -> None:
        """End at once (SIGKILL), as a crash would."""
        if self._server is not None:
            self._server.end()

    def restart(self, *, crash: bool = False) -> None:
        """Stop, or crash, and start again."""
        if crash:
            self.kill()
        else:
            self.stop()
        self.start()

    def pause(self) -> None:
        """Freeze the process (SIGSTOP): connections stay open, nothing answers."""
        assert self._server is not None
        self._server.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused process go on (SIGCONT)."""
        assert self._server is not None
        self._server.signal(signal.SIGCONT)

    def stall(self, seconds: float) -> None:
        """Freeze the process for so long: the fault *is* the time that passes."""
        self.pause()
        try:
            time.sleep(seconds)
        finally:
            self.resume()

    def fill_disk(self) -> None:
        """Let it write nothing more to its logs, until it is started again.

        To Kafka a limit on the size of files is what a full disk is: an error at the next write,
        after which a broker without another disk ends.
        """
        assert self._server is not None
        keeper = self._server._keeper.pid
        (java,) = Path(f"/proc/{keeper}/task/{keeper}/children").read_text().split()
        resource.prlimit(int(java), resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))

    def _main(self, program: str, *arguments: str) -> list[str]:
        # Serial collector and one compiler tier: a small broker that starts soon, on two cores.
        java = [self._java, HEAP, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        log4j = f"-Dlog4j2.configurationFile={Path(__file__).with_name('log4j2.properties')}"
        return [*java, log4j, "-cp", f"{self._jars}/*", program, *arguments]

    def _format(self) -> None:
        cluster = "AAAAAAAAAAAAAAAAAAAAAQ"  # any 16 bytes in base64
        command = ["format", "-t", cluster, "-c", str(self._properties)]
        command += ["--standalone"] if self._node == 1 else []
        subprocess.run(
            self._main("kafka.tools.StorageTool", *command), check=True, capture_output=True
        )

    def _await_ready(self, server: Lifeline) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and not server.ended:
            if _serves(self.bootstrap, self._node):
                return
            time.sleep(0.05)  # between two looks at a condition
        raise RuntimeError(f"Kafka did not start; its last words:\n{server.last_words()}")


def _serves(bootstrap: str, node: int) -> bool:
    """Whether the node answers and has joined its own cluster, so that topics can be created."""
    host, port = bootstrap.split(":")
    try:
        # A cheap look first: the client would retry, and log, for seconds.
        socket.create_connection((host, int(port)), timeout=0.2).close()
        admin = KafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=5_000)
    except (OSError, KafkaError):
        return False
    try:
        return any(one["broker_id"] == node for one in admin.describe_cluster()["brokers"])
    except KafkaError:
        return False
    finally:
        admin.close()


def _free_ports(count: int) -> list[int]:
    """Loopback ports that nobody listens on.

    Below the range that the system hands out to outgoing connections: there a client that
    reconnects to a broker that is down could be given the broker's port, or meet itself.
    """
    free: list[int] = []
    while len(free) < count:
        port = random.randrange(15_000, 30_000)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in free:
            free.append(port)
    return free


def _java() -> str:
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=f"{home}/bin") if home else shutil.which("java")
    if java is None:
        raise KafkaMissingError("no `java` here: Apache Kafka 4 needs Java 17 or newer")
    version = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', version)
    if found is None or int(found[1]) < 17:
        raise KafkaMissingError(
            f"Apache Kafka 4 needs Java 17 or newer, {java} says: {version.strip()}"
        )
    return java


def _jars() -> Path:
    """The folder of jars for this ``pom.xml``, fetched when it is not there yet."""
    jars = CACHE / hashlib.sha256(POM.read_bytes()).hexdigest()[:12]
    if jars.is_dir():
        return jars
    maven = shutil.which("mvn")
    if maven is None:
        raise KafkaMissingError("no `mvn` here: Maven fetches the jars of Apache Kafka, once")
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as temporary:
        fetched = Path(temporary) / "jars"
        goal = ["dependency:copy-dependencies", "-DincludeScope=runtime"]
        result = subprocess.run(
            [maven, "-B", "-q", "-f", str(POM), *goal, f"-DoutputDirectory={fetched}"],
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode != 0:
            raise KafkaMissingError(f"Maven could not fetch Apache Kafka:\n{result.stdout[-2000:]}")
        if not jars.is_dir():  # another test run may have been faster
            fetched.rename(jars)
    return jars
