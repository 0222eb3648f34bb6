"""What a stage tells Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
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
        supervisor = self._supervisor
        with suppress(RedisError):
            yield GaugeMetricFamily(
                "facepipe_stage_queue_length", "Jobs that wait", supervisor.queue_length()
            )
        children = supervisor.children
        workers = GaugeMetricFamily(
            "facepipe_stage_workers", "Workers that live, by state", labels=["state"]
        )
        busy = sum(child.job is not None for child in children)
        loading = sum(child.loaded_at is None for child in children)
        workers.add_metric(["busy"], busy)
        workers.add_metric(["loading"], loading)
        workers.add_metric(["idle"], len(children) - busy - loading)
        yield workers
        yield _counter(
            "facepipe_stage_restarts", "Workers started again", "reason", supervisor.restarts
        )
        yield _counter("facepipe_stage_jobs", "Jobs ended", "outcome", supervisor.jobs)
        yield _counter(
            "facepipe_stage_reclaimed", "Abandoned jobs", "outcome", supervisor.abandoned
        )
        yield SummaryMetricFamily(
            "facepipe_stage_job_seconds",
            "Time that jobs took",
            count_value=sum(supervisor.jobs.values()),
            sum_value=supervisor.job_seconds,
        )


def _counter(name: str, text: str, label: str, counts: dict[str, int]) -> CounterMetricFamily:
    family = CounterMetricFamily(name, text, labels=[label])
    for value, count in dict(counts).items():
        family.add_metric([value], count)
    return family
