"""What the other stages say of themselves, put together for `/v1/stats`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from redis import Redis
from redis.exceptions import RedisError

from facepipe.domain.analysis import ModelInfo
from facepipe.queue.job_table import JOBS
from facepipe.queue.redis_connection import explain
from facepipe.queue.stage_reports import StageReport, stage_reports
from input_service.stage_loads import StageLoad, stage_loads

REDIS = "redis"
SERVICES = tuple(kind.worked_by for kind in JOBS)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the pipeline can do now.

    Attributes:
        models: in use, by part; several where hosts differ.
        problems: why a service cannot work, by its name.
        loads: what each stage has to do, by its queue; empty when Redis is down.
    """

    models: dict[str, list[ModelInfo]] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    loads: dict[str, StageLoad] = field(default_factory=dict)


def outlook(redis: Redis) -> Outlook:
    """Asks Redis; without it nothing works, and that is all that is known."""
    try:
        reports = stage_reports(redis)
        return replace(outlook_of(reports), loads=stage_loads(redis, reports))
    except RedisError as error:
        return Outlook(problems={REDIS: explain(error)})


def outlook_of(reports: list[StageReport]) -> Outlook:
    """A stage has a problem when none of its processes can work."""
    models: dict[str, list[ModelInfo]] = {}
    problems: dict[str, str] = {}
    for report in reports:
        for part, model in report.models.items():
            known = models.setdefault(part, [])
            if model not in known:
                known.append(model)
    for service in SERVICES:
        own = [report.problem for report in reports if report.service == service]
        if all(own):
            problems[service] = "; ".join(dict.fromkeys(own)) or "no process of it reports"
    return Outlook(models, problems)
