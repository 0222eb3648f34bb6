"""What the input API tells Prometheus of the whole pipeline."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from redis import Redis

from input_service.outlook import outlook
from input_service.stage_loads import StageLoad

_GAUGES: dict[str, tuple[str, Callable[[StageLoad], float]]] = {
    "unfinished_jobs": ("Jobs that are queued, retrying or running", lambda load: load.unfinished),
    "oldest_job_seconds": ("Age of the oldest queued job", lambda load: load.oldest_s),
    "jobs_per_second": ("Jobs that ended, by the last minute", lambda load: load.jobs_per_s),
    "workers": ("Worker processes on all hosts", lambda load: load.workers),
    "hosts": ("Machines that the workers are on", lambda load: load.hosts),
    "time_to_empty_seconds": ("Until all is done at this rate", lambda load: load.time_to_empty_s),
}


class PipelineCollector(Collector):
    """Asks Redis when Prometheus asks. Every replica tells the same."""

    def __init__(self, redis: Redis) -> None:
        self._redis = redis

    def describe(self) -> Iterator[Metric]:
        """Nothing: to be registered, it need not ask Redis."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        now = outlook(self._redis)
        problems = GaugeMetricFamily(
            "facepipe_pipeline_problem", "1 for what cannot work", labels=["service"]
        )
        for service in now.problems:
            problems.add_metric([service], 1)
        yield problems
        jobs = GaugeMetricFamily(
            "facepipe_pipeline_jobs", "Jobs on all hosts, by state", labels=["stage", "state"]
        )
        for stage, load in now.loads.items():
            for state in ("queued", "retrying", "running"):
                jobs.add_metric([stage, state], getattr(load, state))
        yield jobs
        for name, (text, value) in _GAUGES.items():
            gauge = GaugeMetricFamily(f"facepipe_pipeline_{name}", text, labels=["stage"])
            for stage, load in now.loads.items():
                gauge.add_metric([stage], value(load))
            yield gauge
