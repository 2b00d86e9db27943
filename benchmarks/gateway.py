"""How many events a second the gateway takes on one core, committed to Kafka.

    python -m benchmarks.gateway [--seconds N] [--rounds N]

Starts real Apache Kafka and `closeknit source webhooks`, and pushes canonical events over kept
connections: in batches of 100, and one by one. Events per second *of one core* are those that were
acknowledged by CPU second of the gateway's process, its start left out: what the senders and Kafka
use on the same machine does not count, nor does the scheduler.
"""

import argparse
import asyncio
import hashlib
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
from typing import NamedTuple

from aiohttp import ClientSession, TCPConnector

from tests.brokers.kafka import Kafka

SECRET = "a-secret-that-nobody-can-guess"
AT = "2026-03-01T12:00:00Z"


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
    events_per_second: float
    events_per_cpu_second: float


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def push(way: Way, url: str, pid: int, seconds: float) -> Round:
    """Let so many senders push for so long, each waiting for its answer."""
    taken = 0
    ends = time.monotonic() + seconds

    async def send(client: ClientSession, sender: int) -> None:
        nonlocal taken
        number = 0
        while time.monotonic() < ends:
            number += way.batch
            events = [
                {
                    **{"kind": "like", "id": f"{way.name}-{sender}-{number + n}"},
                    **{"account": f"brand-{n % 20}", "member": f"member-{number + n}", "at": AT},
                }
                for n in range(way.batch)
            ]
            body = json.dumps(events if way.batch > 1 else events[0]).encode()
            headers = {"Content-Type": "application/json"}
            if way.signed:
                digest = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
                headers["X-Hub-Signature-256"] = f"sha256={digest}"
            else:
                headers["Authorization"] = f"Bearer {SECRET}"
            async with client.post(url, data=body, headers=headers) as response:
                if response.status == 202:
                    taken += way.batch
                elif response.status not in {429, 503}:
                    raise SystemExit(f"{response.status}: {await response.text()}")

    async with ClientSession(connector=TCPConnector(limit=0)) as client:
        started, before = time.monotonic(), cpu_seconds(pid)
        await asyncio.gather(*(send(client, sender) for sender in range(way.senders)))
        used, passed = cpu_seconds(pid) - before, time.monotonic() - started
    return Round(taken / passed, taken / used)


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
            "CLOSEKNIT_WEBHOOK_SECRET": SECRET,
            "CLOSEKNIT_WEBHOOK_TOKEN": SECRET,
        }
        closeknit = [sys.executable, "-m", "streams"]
        subprocess.run([*closeknit, "topics", "create"], env=environment, check=True)
        command = [*closeknit, "source", "webhooks", "--listen", f"127.0.0.1:{port}"]
        with subprocess.Popen(command, env=environment) as gateway:
            listening(gateway, port)
            url = f"http://127.0.0.1:{port}/events"
            for way in WAYS:
                rounds = [
                    asyncio.run(push(way, url, gateway.pid, arguments.seconds))
                    for _ in range(arguments.rounds)
                ]
                median = Round(*map(statistics.median, zip(*rounds, strict=True)))
                print(
                    json.dumps(
                        {"way": way.name} | {k: round(v) for k, v in median._asdict().items()}
                    )
                )
            gateway.terminate()


if __name__ == "__main__":
    main()
