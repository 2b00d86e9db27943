"""The HTTP side answers what probes and Prometheus ask, whatever the stream does."""

import gzip
import logging
import socket
import sys
import threading
from contextlib import contextmanager
from http.client import HTTPConnection
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

from streams.metrics.server import CannotListenError, Server, application


def fine():
    return None


def ask(app, path, method="GET", **environ):
    """Ask the application without a socket, under the eyes of wsgiref's validator."""
    answer = {}

    def start_response(status, headers, exc_info=None):
        answer["status"], answer["headers"] = int(status.split()[0]), dict(headers)

    environ |= {"REQUEST_METHOD": method, "PATH_INFO": path, "QUERY_STRING": "", "SCRIPT_NAME": ""}
    setup_testing_defaults(environ)
    body = validator(app)(environ, start_response)
    answer["body"] = b"".join(body)
    body.close()
    return answer


@contextmanager
def served(page=lambda: b"a 1\n", alive=fine, ready=fine):
    server = Server(application(page, alive, ready))
    port = server.start()
    try:
        yield port
    finally:
        server.stop()


def fetch(port, path, method="GET"):
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("GET", "/metrics", 200),
        ("GET", "/healthz", 200),
        ("GET", "/readyz", 200),
        ("HEAD", "/metrics", 200),  # some probes only look
        ("GET", "/metrics/", 404),
        ("GET", "/nothing", 404),
        ("POST", "/metrics", 405),  # nothing here can be changed
        ("DELETE", "/", 405),
    ],
)
def test_each_request_has_its_status(method, path, status):
    """Four paths, two methods."""
    answer = ask(application(lambda: b"a 1\n", fine, fine), path, method)
    assert answer["status"] == status
    assert ("Allow" in answer["headers"]) == (status == 405)
    assert (answer["body"] == b"") == (method == "HEAD")


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_a_check_that_fails_is_503_with_its_reason(path):
    """Health and readiness are judged apart: recovering is no reason to be restarted."""
    failing = {"/healthz": fine, "/readyz": fine} | {path: lambda: "partition 3 is recovering"}
    app = application(lambda: b"", failing["/healthz"], failing["/readyz"])
    answer = ask(app, path)
    assert (answer["status"], answer["body"]) == (503, b"partition 3 is recovering\n")
    (other,) = failing.keys() - {path}
    assert ask(app, other)["status"] == 200


def test_metrics_are_prometheus_text():
    """The content type by which Prometheus chooses its parser."""
    answer = ask(application('a{b="☃"} 1\n'.encode, fine, fine), "/metrics")
    assert answer["headers"]["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer["body"].decode() == 'a{b="☃"} 1\n'


def test_metrics_are_compressed_for_those_who_take_it():
    """A page of a thousand accounts is 11 MB, and all alike."""
    app = application(lambda: b"a 1\n", fine, fine)
    answer = ask(app, "/metrics", HTTP_ACCEPT_ENCODING="deflate, gzip")
    assert answer["headers"]["Content-Encoding"] == "gzip"
    assert gzip.decompress(answer["body"]) == b"a 1\n"


def test_a_page_that_fails_is_500_and_in_the_log(caplog):
    """Prometheus then says that the worker is down; an empty page would look healthy."""
    with caplog.at_level(logging.ERROR):
        answer = ask(application(lambda: 1 // 0, fine, fine), "/metrics")
    assert answer["status"] == 500
    assert caplog.records[0].exc_info


def test_it_serves_on_a_free_port_until_stopped():
    """Port 0 picks one; after the stop nobody answers there."""
    with served() as port:
        assert fetch(port, "/metrics") == (200, b"a 1\n")
        assert fetch(port, "/metrics", "HEAD") == (200, b"")
    with pytest.raises(ConnectionRefusedError):
        fetch(port, "/metrics")


def test_a_scrape_that_takes_long_holds_up_no_probe():
    """A worker must not be restarted because Prometheus asked for a large page."""
    rendering, go_on = threading.Event(), threading.Event()

    def slow_page():
        rendering.set()
        assert go_on.wait(10)
        return b"a 1\n"

    with served(page=slow_page) as port:
        answers = []
        scrape = threading.Thread(target=lambda: answers.append(fetch(port, "/metrics")))
        scrape.start()
        assert rendering.wait(10)
        assert fetch(port, "/healthz") == (200, b"ok\n")
        go_on.set()
        scrape.join()
    assert answers == [(200, b"a 1\n")]


def test_a_taken_port_says_what_to_do():
    """Two workers on one machine meet this first."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            CannotListenError, match=rf"{port} on 127\.0\.0\.1.*CLOSEKNIT_HTTP_PORT"
        ):
            Server(application(bytes, fine, fine)).start(port=port)


def test_an_address_of_another_machine_is_refused_with_its_name():
    """192.0.2.0/24 is nobody's (RFC 5737)."""
    with pytest.raises(CannotListenError, match=r"192\.0\.2\.1"):
        Server(application(bytes, fine, fine)).start(host="192.0.2.1")


def test_a_server_that_was_never_started_can_be_stopped():
    """A worker that fails early stops everything it has."""
    before = sys.getswitchinterval()
    Server(application(bytes, fine, fine)).stop()
    assert sys.getswitchinterval() == before


def test_the_interpreter_is_shared_finely_only_while_serving():
    """The setting is the whole process's, so it is given back."""
    before = sys.getswitchinterval()
    with served():
        assert sys.getswitchinterval() < before
    assert sys.getswitchinterval() == before
