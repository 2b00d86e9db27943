"""What the processes of live sources export."""

import re

from streams.sources.live.meters import Meters

OF_SOURCES = set(re.findall(r"^# HELP (\w+)", Meters("any").page().decode(), re.M))
