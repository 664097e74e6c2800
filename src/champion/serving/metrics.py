"""Decides what the server counts, for Prometheus."""

from prometheus_client import (
    GC_COLLECTOR,
    PLATFORM_COLLECTOR,
    PROCESS_COLLECTOR,
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    generate_latest,
)

from champion.serving.follow import Follower

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """Counters of one server, in a registry of their own."""

    def __init__(self, follower: Follower) -> None:
        self._follower = follower
        self._registry = registry = CollectorRegistry()
        for collector in (PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR):
            registry.register(collector)
        self.requests = Counter(
            "champion_requests", "Requests that were answered.", ["path", "status"], registry=registry
        )
        self.seconds = Histogram(
            "champion_request_seconds",
            "From a request's head to its answer.",
            ["path"],
            buckets=SECONDS,
            registry=registry,
        )
        self.rows = Counter("champion_predicted_rows", "Rows that were predicted.", ["version"], registry=registry)
        self.batches = Histogram(
            "champion_batch_requests", "Requests that were scored together.", buckets=SIZES, registry=registry
        )
        self.waiting = Gauge("champion_waiting_requests", "Requests that wait to be scored.", registry=registry)
        swaps = Gauge("champion_swaps", "Times that another version took over.", registry=registry)
        swaps.set_function(lambda: follower.swaps)
        behind = Gauge(
            "champion_behind", "1 where the version that the registry names isn't served.", registry=registry
        )
        behind.set_function(lambda: follower.trouble is not None)
        self._model = Gauge("champion_model", "The model that is served.", ["name", "version"], registry=registry)

    def count(self, path: str, status: int, seconds: float) -> None:
        """Count an answer; `path` is one of the server's own, so that their number stays small."""
        self.requests.labels(path, status).inc()
        self.seconds.labels(path).observe(seconds)

    def text(self) -> bytes:
        """Return everything in Prometheus' text format."""
        version = self._follower.current.version
        self._model.clear()
        self._model.labels(version.name, version.version).set(1)
        return generate_latest(self._registry)
