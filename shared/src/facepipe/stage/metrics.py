"""What a stage tells Prometheus of its own workers; the input API tells of all hosts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, SummaryMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

from facepipe.stage.supervisor import Supervisor


class StageCollector(Collector):
    """Reads a supervisor when Prometheus asks."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor

    def collect(self) -> Iterator[Metric]:
        supervisor, stage = self._supervisor, self._supervisor.queue
        with suppress(RedisError):
            length = GaugeMetricFamily(
                "facepipe_stage_queue_length", "Jobs that wait", labels=["stage"]
            )
            length.add_metric([stage], supervisor.queue_length())
            yield length
        children = supervisor.children
        workers = GaugeMetricFamily(
            "facepipe_stage_workers", "Workers that live, by state", labels=["stage", "state"]
        )
        busy = sum(child.job is not None for child in children)
        loading = sum(child.loaded_at is None for child in children)
        workers.add_metric([stage, "busy"], busy)
        workers.add_metric([stage, "loading"], loading)
        workers.add_metric([stage, "idle"], len(children) - busy - loading)
        yield workers
        yield self._counter("restarts", "Workers started again", "reason", supervisor.restarts)
        yield self._counter("jobs", "Jobs ended", "outcome", supervisor.jobs)
        yield self._counter("reclaimed", "Abandoned jobs", "outcome", supervisor.abandoned)
        seconds = SummaryMetricFamily(
            "facepipe_stage_job_seconds", "Time that jobs took", labels=["stage"]
        )
        seconds.add_metric([stage], supervisor.jobs.total(), supervisor.job_seconds)
        yield seconds

    def _counter(
        self, name: str, text: str, label: str, counts: Mapping[str, int]
    ) -> CounterMetricFamily:
        family = CounterMetricFamily(f"facepipe_stage_{name}", text, labels=["stage", label])
        for value, count in dict(counts).items():
            family.add_metric([self._supervisor.queue, value], count)
        return family
