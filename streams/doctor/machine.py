"""What a worker needs of this machine: its files, a scratch directory, a port."""

from __future__ import annotations

import importlib.util
import os
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator
from errno import EADDRINUSE
from pathlib import Path

from streams import kernel
from streams.doctor.finding import Found, ok, problem, warning
from streams.settings import Settings


def lists(settings: Settings) -> Iterator[Found]:
    """The accounts file and the ignore list, which were read with the settings."""
    accounts, ignored = settings.accounts, settings.ignore
    if accounts.path is None:
        yield ok(
            "no accounts file: every account has series of its own, up to "
            f"{settings.max_accounts:,} (CLOSEKNIT_MAX_ACCOUNTS)"
        )
    elif accounts.entries:
        yield ok(f"accounts in {accounts.path}: {len(accounts.entries):,}")
    else:
        yield warning(
            f"{accounts.path} names no account, so all of them share the series _other",
            "add a line for each account, or unset CLOSEKNIT_ACCOUNTS",
        )
    if ignored.path is None:
        yield ok("no ignore list: every member counts")
    else:
        yield ok(f"members to ignore in {ignored.path}: {len(ignored.members):,}")


def scratch_directory(settings: Settings) -> Iterator[Found]:
    """Whether it can be written, or made. Makes nothing."""
    folder = settings.data_dir.absolute()
    existing = next(path for path in (folder, *folder.parents) if _exists(path))
    remedy = "set CLOSEKNIT_DATA_DIR to a directory that can be written"
    if not existing.is_dir():
        yield problem(f"{existing} is a file, and a worker needs a directory", remedy)
    elif not os.access(existing, os.W_OK | os.X_OK):
        yield problem(f"{existing} cannot be written by this user", remedy)
    elif existing == folder:
        yield ok(f"{folder} can be written")
    else:
        yield ok(f"{folder} can be made")


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # below a directory that may not be entered
        return False


def http_port(settings: Settings) -> Iterator[Found]:
    """Whether a worker could listen there, or already does."""
    host, port = settings.http_host, settings.http_port
    if port == 0:
        yield ok("each worker picks a free port (CLOSEKNIT_HTTP_PORT is 0)")
        return
    try:
        family, *_, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen()
    except OSError as error:
        if error.errno != EADDRINUSE:
            yield problem(
                f"a worker cannot listen on {host}, port {port}: {error.strerror or error}",
                "set CLOSEKNIT_HTTP_HOST to an address of this machine, and CLOSEKNIT_HTTP_PORT "
                "to a port above 1023",
            )
        elif _is_worker(str(address[0]), port):
            yield ok(f"a worker already listens on {host}, port {port}: a second needs its own")
        else:
            yield problem(
                f"port {port} on {host} is taken by another program",
                "set CLOSEKNIT_HTTP_PORT to a free port, or to 0 to have one picked",
            )
    else:
        yield ok(f"port {port} on {host} is free")


def _is_worker(host: str, port: int) -> bool:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  asked, not served
    where = f"[{host}]" if ":" in host else host
    try:
        # Past any proxy: this is our own machine.
        ask = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
        with ask(f"http://{where}:{port}/", timeout=2) as answer:
            return bool(answer.read(64).startswith(b"Closeknit worker"))
    except (OSError, ValueError, urllib.error.URLError):
        return False


def core() -> Iterator[Found]:
    """Which form of the core a worker would run here."""
    if kernel.in_use():
        yield ok("compiled")
    elif kernel.is_unwanted():
        yield ok(f"in Python, as {kernel.PURE} says")
    elif kernel.exists():
        yield warning(
            "in Python, as the compiled one is of other sources or for another Python",
            "build it anew: make kernel",
        )
    else:
        yield ok("in Python; `make kernel` compiles it, which is faster and never needed")


def embedded_broker() -> Iterator[Found]:
    """Whether `closeknit demo` and `closeknit broker` can work."""
    if importlib.util.find_spec("noida_db"):
        yield ok("installed: `closeknit demo` and `closeknit broker` work")
    else:
        yield ok(
            "not installed, and no worker needs it: `pip install 'closeknit[embedded]'` "
            "for `closeknit demo`"
        )
