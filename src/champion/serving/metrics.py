"""Decides what the server counts, for Prometheus, and when a count is worth a warning."""

import logging
from collections import Counter as TotalOf
from functools import cache

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

from champion.data import Rows
from champion.serving.follow import Follower

log = logging.getLogger(__name__)

ENOUGH = 100  # rows, of which most can be told
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
            "champion_requests", "Requests answered, by path and status.", ["path", "status"], registry=registry
        )
        self.seconds = Histogram(
            "champion_request_seconds",
            "Seconds from a request's head to its answer, by path.",
            ["path"],
            buckets=SECONDS,
            registry=registry,
        )
        self.rows = Counter(
            "champion_predicted_rows", "Rows that were predicted, by version.", ["version"], registry=registry
        )
        self.unseen = Counter(
            "champion_unseen_cells", "Cells unseen in training, by column.", ["version", "column"], registry=registry
        )
        # What has been asked for once is found sooner: to look for a label takes as long as to count.
        self._answered, self._took = cache(self.requests.labels), cache(self.seconds.labels)
        self._predicted = cache(self.rows.labels)
        self._so_far: TotalOf[tuple[int, str]] = TotalOf()  # rows and unseen cells, by version and column
        self._warned: set[tuple[int, str]] = set()
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
        self._model = Gauge(
            "champion_model", "The model that is served, by name and version.", ["name", "version"], registry=registry
        )

    def count(self, path: str, status: int, seconds: float) -> None:
        """Count an answer; `path` is one of the server's own, so that their number stays small."""
        self._answered(path, status).inc()
        self._took(path).observe(seconds)

    def count_rows(self, version: int, rows: Rows) -> None:
        """Count rows that were predicted, and warn once where most cells of a column are unlike those of training."""
        self._predicted(version).inc(rows.n_rows)
        self._so_far[version, ""] += rows.n_rows
        for column, cells in rows.unseen.items():
            self.unseen.labels(version, column).inc(cells)
            self._so_far[version, column] += cells
            known, unseen = self._so_far[version, ""], self._so_far[version, column]
            if known >= ENOUGH and unseen > known / 2 and (version, column) not in self._warned:
                self._warned.add((version, column))
                says = (
                    "%s of %s cells of '%s' hold what version %d never saw in training. Are they written as they were?"
                )
                log.warning(says, f"{unseen:,}", f"{known:,}", column, version)

    def text(self) -> bytes:
        """Return everything in Prometheus' text format."""
        version = self._follower.current.version
        self._model.clear()
        self._model.labels(version.name, version.version).set(1)
        return generate_latest(self._registry)
