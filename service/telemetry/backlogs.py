"""What the addresses of webhooks have yet to get, for `/metrics`.

Read from the database at each scrape: the process that delivers may be the one that is away.
"""

from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

Backlogs = Mapping[str, tuple[int, float]]
"""By address: how many events, and the age of the oldest in seconds."""


class _Collector(Collector):
    def __init__(self, backlogs: Backlogs) -> None:
        self._backlogs = backlogs

    def collect(self) -> Iterator[GaugeMetricFamily]:
        events = GaugeMetricFamily(
            "social_webhook_undelivered_events",
            "Events that an address has yet to get.",
            labels=["webhook"],
        )
        oldest = GaugeMetricFamily(
            "social_webhook_oldest_undelivered_seconds",
            "The age of the oldest of them.",
            labels=["webhook"],
        )
        for webhook, (undelivered, age) in self._backlogs.items():
            events.add_metric([webhook], undelivered)
            oldest.add_metric([webhook], age)
        return iter([events, oldest])


def render(backlogs: Backlogs) -> bytes:
    """In Prometheus' text format."""
    registry = CollectorRegistry()
    registry.register(_Collector(backlogs))
    return generate_latest(registry)
