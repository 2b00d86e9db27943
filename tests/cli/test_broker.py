"""`closeknit broker`: serves until it is told to stop, and leaves nothing behind."""

import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Broker


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_the_broker_serves_until_told_to_stop(
    sign: signal.Signals, embedded_broker: Broker, tmp_path: Path
) -> None:
    """Ctrl-C and `kill` end it with exit code 0, and the port is free again."""
    command = [sys.executable, "-c", "from streams.cli import main; main()", "broker", "--port=0"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
    ) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        assert said.startswith("Kafka-compatible broker at 127.0.0.1:")
        port = int(said.split(";")[0].rpartition(":")[2])
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
        process.send_signal(sign)
        assert process.wait(timeout=20) == 0
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=5)
