"""What does the operator tell Prometheus about itself? Names are controller-runtime's where it has one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)


class _ByKind(Collector):
    """A gauge whose values are read when Prometheus asks."""

    def __init__(self, name: str, text: str, read: Callable[[], Mapping[str, float]]) -> None:
        self._name, self._text, self._read = name, text, read

    def describe(self) -> Iterable[GaugeMetricFamily]:
        yield GaugeMetricFamily(self._name, self._text, labels=["kind"])

    def collect(self) -> Iterable[GaugeMetricFamily]:
        (family,) = self.describe()
        for kind, value in sorted(self._read().items()):
            family.add_metric([kind], value)
        yield family


class OperatorMetrics:
    """All metrics of one operator process. No object's name is a label, but see `rollouts` and `trainings`."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        r = self.registry
        self.reconciles = Counter(
            "controller_runtime_reconcile_total", "Reconciles by result.", ["controller", "result"], registry=r
        )
        self.reconcile_errors = Counter(
            "controller_runtime_reconcile_errors_total", "Reconciles that failed.", ["controller"], registry=r
        )
        self.reconcile_seconds = Histogram(
            "controller_runtime_reconcile_time_seconds",
            "Time of one reconcile.",
            ["controller"],
            buckets=_SECONDS,
            registry=r,
        )
        self.active_workers = Gauge("controller_runtime_active_workers", "Reconciles running now.", registry=r)
        self.queue_depth = Gauge("workqueue_depth", "Keys waiting.", registry=r)
        self.queue_adds = Counter("workqueue_adds_total", "Keys added.", registry=r)
        self.queue_retries = Counter("workqueue_retries_total", "Keys added again after a failure.", registry=r)
        self.queue_seconds = Histogram(
            "workqueue_queue_duration_seconds", "Time a key waits.", buckets=_SECONDS, registry=r
        )
        self.work_seconds = Histogram(
            "workqueue_work_duration_seconds", "Time a key is worked on.", buckets=_SECONDS, registry=r
        )
        self.requests = Counter(
            "rest_client_requests_total", "Requests to the API server.", ["code", "method"], registry=r
        )
        self.leader = Gauge("leader_election_master_status", "1 on the replica that leads.", ["name"], registry=r)
        self.lost = Counter(
            "slipway_objects_found_lost_total", "Changes that only the resync found.", ["kind", "change"], registry=r
        )
        self.relists = Counter("slipway_relists_total", "Full lists after the first.", ["kind"], registry=r)
        self.writes = Counter("slipway_writes_total", "Writes that reconciles made.", ["kind", "verb"], registry=r)
        self.refused = Counter(
            "slipway_children_refused_total", "Children the API server refused.", ["kind"], registry=r
        )
        self.events_dropped = Counter("slipway_events_dropped_total", "Events not recorded.", ["why"], registry=r)
        self.asks = Counter(
            "slipway_asks_total", "Questions to Prometheus, the web and the sampler by result.", ["result"], registry=r
        )
        self.progress = Counter("slipway_progress_pushes_total", "Progress pushes by answer.", ["code"], registry=r)
        self.loop_lag = Histogram(
            "slipway_loop_lag_seconds", "How late the event loop ran a timer.", buckets=_SECONDS, registry=r
        )

    def watch_ages(self, read: Callable[[], Mapping[str, float]]) -> None:
        """Publish the seconds since each kind's watch last gave a sign of life."""
        self.registry.register(
            _ByKind("slipway_watch_age_seconds", "Seconds since the watch last gave a sign of life.", read)
        )

    def store_sizes(self, read: Callable[[], Mapping[str, float]]) -> None:
        """Publish the number of objects held by kind."""
        self.registry.register(_ByKind("slipway_store_objects", "Objects in the store.", read))

    def text(self, wanted: Collection[str] = ()) -> bytes:
        """Return all metrics in Prometheus' text format, or those `wanted` where any are named."""
        return generate_latest(self.registry.restricted_registry(wanted) if wanted else self.registry)
