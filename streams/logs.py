"""Logging: one format, and libraries that neither chatter nor flood.

Member ids never go above debug: people's names do not belong in logs.
"""

import logging
import time

FORMAT = "%(asctime)s %(levelname)-8s %(name)s: %(message)s"

#: Libraries whose information is about themselves.
CHATTY = ("aiokafka", "faust", "kafka", "mode")

#: Seconds in which one message of a library is worth reading once.
ONCE_PER = 30.0


def configure(level: str) -> None:
    """Log to standard error from `level` ("debug", "info", …) on.

    Of libraries only warnings are shown, unless the level is debug.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(FORMAT))
    handler.addFilter(Dam())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for name in CHATTY:
        logging.getLogger(name).setLevel("DEBUG" if level == "debug" else "WARNING")
    # It warns of every flush that takes longer than the time between two: in busy times, of all.
    logging.getLogger("mode.timers").setLevel("DEBUG" if level == "debug" else "ERROR")


class Dam(logging.Filter):
    """Holds back a library's message that it has only just said, and later says how often.

    Without a broker, aiokafka says so some fifty times a second for each of its clients.
    """

    def __init__(self) -> None:
        super().__init__()
        self._held: dict[tuple[str, str], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Let pass what is ours, or not said lately."""
        if record.name.split(".")[0] not in CHATTY or record.levelno >= logging.CRITICAL:
            return True
        said = (record.name, str(record.msg))
        now = time.monotonic()
        last, held = self._held.get(said, (-ONCE_PER, 0))
        if now - last < ONCE_PER:
            self._held[said] = (last, held + 1)
            return False
        self._held[said] = (now, 0)
        if held:
            record.msg = f"{record.getMessage()} (and {held} times more in the last while)"
            record.args = ()
        return True
