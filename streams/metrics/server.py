"""The worker's HTTP side: `/metrics`, `/healthz`, `/readyz`.

It runs in threads of its own, so that it answers while the stream is busy, and tells the truth
about a stream that hangs. It has no authentication and listens on loopback unless told otherwise.

| path | 200 | 503 |
|---|---|---|
| `/healthz` | the stream's event loop beats: leave the process alone | it does not: restart it |
| `/readyz` | every partition assigned is recovered | not yet, and why |
"""

import gzip
import logging
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from errno import EADDRINUSE
from http import HTTPStatus
from socketserver import TCPServer, ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)

Check = Callable[[], str | None]
"""None when all is well, else the reason why not, for a person to read."""

PLAIN = "text/plain; charset=utf-8"

INDEX = b"""Closeknit worker

/metrics   Prometheus metrics
/healthz   200 while the worker lives
/readyz    200 when its partitions are assigned and recovered
"""


POLL = 0.1
"""Seconds after which a stop is noticed."""

SWITCH_INTERVAL = 0.001
"""Seconds after which a thread that wants the interpreter takes it from the other, while serving.

With Python's 5 ms a scrape beside a busy stream can starve: each time the stream lets go for an
instant, within the 5 ms, and takes the interpreter back at once, the wait begins anew. Beside a
loop of 3 ms chunks a page of 100,000 samples took 3 to 25 s; with 1 ms it takes about 1 s, and the
stream's longest wait is no longer.
"""


class CannotListenError(OSError):
    """The server cannot listen where it was told to; the message says what to do."""


def application(page: Callable[[], bytes], alive: Check, ready: Check) -> "WSGIApplication":
    """The WSGI application.

    Args:
        page: Renders the body of `/metrics`.
        alive: Judges `/healthz`.
        ready: Judges `/readyz`.
    """

    def answer(path: str) -> tuple[HTTPStatus, str, bytes]:
        match path:
            case "/metrics":
                return HTTPStatus.OK, CONTENT_TYPE_PLAIN_0_0_4, page()
            case "/healthz":
                return _verdict(alive())
            case "/readyz":
                return _verdict(ready())
            case "/":
                return HTTPStatus.OK, PLAIN, INDEX
            case _:
                return HTTPStatus.NOT_FOUND, PLAIN, b"not found; there is an index at /\n"

    def app(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        headers: list[tuple[str, str]] = []
        if environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
            headers.append(("Allow", "GET, HEAD"))
            status, kind, body = HTTPStatus.METHOD_NOT_ALLOWED, PLAIN, b"only GET and HEAD\n"
        else:
            try:
                status, kind, body = answer(environ["PATH_INFO"])
            except Exception:
                log.exception("%s failed", environ["PATH_INFO"])
                status, kind = HTTPStatus.INTERNAL_SERVER_ERROR, PLAIN
                body = b"failed; the worker's log has the traceback\n"
        if kind == CONTENT_TYPE_PLAIN_0_0_4 and "gzip" in environ.get("HTTP_ACCEPT_ENCODING", ""):
            body = gzip.compress(body, compresslevel=1)
            headers.append(("Content-Encoding", "gzip"))
        headers += [("Content-Type", kind), ("Content-Length", str(len(body)))]
        start_response(f"{status.value} {status.phrase}", headers)
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    return app


def _verdict(reason: str | None) -> tuple[HTTPStatus, str, bytes]:
    if reason is None:
        return HTTPStatus.OK, PLAIN, b"ok\n"
    return HTTPStatus.SERVICE_UNAVAILABLE, PLAIN, f"{reason}\n".encode()


class Server:
    """Serves a WSGI application from threads of its own, from `start` until `stop`."""

    def __init__(self, app: "WSGIApplication") -> None:
        self._app = app
        self._listener: _Listener | None = None
        self._thread: threading.Thread | None = None
        self._switch_interval = sys.getswitchinterval()

    def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen, and answer from now on.

        Args:
            host: The address to listen on, IPv4 or IPv6.
            port: 0 picks a free one.

        Returns:
            The port that it listens on.

        Raises:
            CannotListenError: the port is taken, or the address is not this machine's.
        """
        try:
            family, *_, address = socket.getaddrinfo(
                host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            listener = _Listener(family, address)
        except OSError as error:
            raise CannotListenError(error.errno, _advice(host, port, error)) from error
        listener.set_app(self._app)
        self._listener = listener
        self._thread = threading.Thread(
            target=listener.serve_forever, args=(POLL,), name="closeknit-http", daemon=True
        )
        self._thread.start()
        sys.setswitchinterval(SWITCH_INTERVAL)
        return listener.server_port

    def stop(self) -> None:
        """Stop listening. Answers under way may be cut off."""
        if self._listener is not None and self._thread is not None:
            self._listener.shutdown()
            self._listener.server_close()
            self._thread.join()
            sys.setswitchinterval(self._switch_interval)
            self._listener = self._thread = None


def _advice(host: str, port: int, error: OSError) -> str:
    if error.errno == EADDRINUSE:
        return (
            f"the port for /metrics, {port} on {host}, is taken, perhaps by another worker: set "
            "CLOSEKNIT_HTTP_PORT to a free port, or to 0 to have one picked"
        )
    return f"cannot listen on {host}, port {port}, for /metrics: {error.strerror or error}"


class _Request(WSGIRequestHandler):
    timeout = 30  # seconds; a client that neither asks nor reads must not hold a thread for ever

    def log_message(self, format: str, *args: Any) -> None:
        log.debug("%s %s", self.client_address[0], format % args)


class _Listener(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def __init__(self, family: socket.AddressFamily, address: Any) -> None:
        self.address_family = family
        super().__init__(address, _Request)

    def server_bind(self) -> None:
        # HTTPServer's own asks the resolver for a host name that nobody needs, and may wait.
        TCPServer.server_bind(self)
        host, self.server_port = self.server_address[:2]
        self.server_name = str(host)
        self.setup_environ()
