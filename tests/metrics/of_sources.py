"""What the processes of live sources export."""

from prometheus_client.parser import text_string_to_metric_families

from streams.sources.live.meters import Meters

OF_SOURCES = {
    f"{family.name}_total" if family.type == "counter" else family.name
    for family in text_string_to_metric_families(Meters("any").page().decode())
}
