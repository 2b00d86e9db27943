"""The command line: what a person types, and nothing that another module could do."""

import signal

# Ctrl-C while Python still imports: an end without a traceback. From then on click answers it.
_handler = signal.getsignal(signal.SIGINT)
if _handler is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from streams.cli.main import main  # noqa: E402

if _handler is signal.default_int_handler:
    signal.signal(signal.SIGINT, _handler)

__all__ = ["main"]
