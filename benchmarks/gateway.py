"""How many events a second the gateway takes on one core, committed to Kafka.

    python -m benchmarks.gateway [--seconds N] [--rounds N]

Starts real Apache Kafka and `closeknit source webhooks`, and pushes canonical events over kept
connections: in batches of 100, and one by one. Events per second *of one core* are those that were
acknowledged by CPU second of the gateway's process, its start left out: what the senders and Kafka
use on the same machine does not count, nor does the scheduler.
"""

import argparse
import asyncio
import hmac
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple, cast

import uvloop

from tests.brokers.kafka import Kafka

TICK = 1 / os.sysconf("SC_CLK_TCK")
SECRET = b"a-secret-that-nobody-can-guess"


class Way(NamedTuple):
    name: str
    batch: int
    senders: int
    signed: bool


WAYS = (
    Way("batches of 100, signed", 100, 16, True),
    Way("one by one, signed", 1, 256, True),
    Way("one by one, token", 1, 256, False),
)


class Round(NamedTuple):
    acknowledged: int
    events_per_second: float
    events_per_cpu_second: float


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * TICK


class Sender(asyncio.Protocol):
    """One kept connection: the next request follows each answer. Costs a tenth of the gateway."""

    def __init__(self, way: Way, number: int, ends: float) -> None:
        self.acknowledged = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._way = way
        self._number = number
        self._ends = ends
        self._sent = 0
        self._answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._answer += data
        head, found, body = self._answer.partition(b"\r\n\r\n")
        if not found or len(body) < int(head.partition(b"Content-Length: ")[2].split()[0]):
            return
        status, self._answer = self._answer[9:12], b""
        if status == b"202":
            self.acknowledged += self._way.batch
        elif status not in {b"429", b"503"}:
            self.done.set_exception(SystemExit(f"{head.decode()}: {body.decode()}"))
            return
        if time.monotonic() < self._ends:
            self._send()
        else:
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  as asyncio calls it
        if not self.done.done():
            self.done.set_result(None)

    def _send(self) -> None:
        events = b",".join(map(self._event, range(self._sent, self._sent + self._way.batch)))
        self._sent += self._way.batch
        body = b"[%b]" % events if self._way.batch > 1 else events
        if self._way.signed:
            proof = b"X-Hub-Signature-256: " + hmac.digest(SECRET, body, "sha256").hex().encode()
        else:
            proof = b"Authorization: Bearer " + SECRET
        self._transport.write(
            b"POST /events HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"%b\r\nContent-Length: %d\r\n\r\n%b" % (proof, len(body), body)
        )

    def _event(self, n: int) -> bytes:
        return (
            b'{"kind":"like","id":"%d-%d-%d","account":"brand-%d","member":"member-%d",'
            b'"at":"2026-03-01T12:00:00Z"}' % (self._way.batch, self._number, n, n % 20, n)
        )


async def push(way: Way, port: int, pid: int, seconds: float) -> Round:
    """Let so many senders push for so long, each waiting for its answer."""
    loop = asyncio.get_running_loop()
    started, before = time.monotonic(), cpu_seconds(pid)
    senders = [Sender(way, number, started + seconds) for number in range(way.senders)]
    for sender in senders:
        await loop.create_connection(lambda sender=sender: sender, "127.0.0.1", port)
    await asyncio.gather(*(sender.done for sender in senders))
    used, passed = max(TICK, cpu_seconds(pid) - before), time.monotonic() - started
    taken = sum(sender.acknowledged for sender in senders)
    return Round(taken, taken / passed, taken / used)


def listening(process: subprocess.Popen[bytes], port: int) -> None:
    while process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise SystemExit("the gateway did not start")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder, Kafka(Path(folder)) as kafka:
        environment = os.environ | {
            "CLOSEKNIT_BROKER": kafka.bootstrap,
            "CLOSEKNIT_SOURCE_HTTP_PORT": "0",
            "CLOSEKNIT_WEBHOOK_SECRET": SECRET.decode(),
            "CLOSEKNIT_WEBHOOK_TOKEN": SECRET.decode(),
        }
        closeknit = [sys.executable, "-m", "streams"]
        subprocess.run([*closeknit, "topics", "create"], env=environment, check=True)
        command = [*closeknit, "source", "webhooks", "--listen", f"127.0.0.1:{port}"]
        with subprocess.Popen(command, env=environment) as gateway:
            listening(gateway, port)
            for way in WAYS:
                rounds = [
                    uvloop.run(push(way, port, gateway.pid, arguments.seconds))
                    for _ in range(arguments.rounds)
                ]
                per_second = statistics.median(one.events_per_second for one in rounds)
                per_cpu_second = statistics.median(one.events_per_cpu_second for one in rounds)
                print(
                    json.dumps(
                        {
                            "way": way.name,
                            "events_per_second": round(per_second),
                            "events_per_cpu_second": round(per_cpu_second),
                        }
                    )
                )
            gateway.terminate()


if __name__ == "__main__":
    main()
