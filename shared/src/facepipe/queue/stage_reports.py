"""What the stages say of themselves, in Redis: models, workers, pace, and why one cannot work.

Each supervisor says it anew every few seconds; who falls silent is forgotten. So the input API
knows of all stages, on whatever host they run.
"""

from __future__ import annotations

from typing import cast

from pydantic import BaseModel
from redis import Redis

from facepipe.domain.analysis import ModelInfo

EVERY_S = 2.0
TTL_S = 10
_INSTANCES = "facepipe:stages"


class StageReport(BaseModel):
    """One process of a stage.

    Attributes:
        service: e.g. "landmark_service".
        problem: why it cannot work; "" when it can.
        models: in use, by part as in the result document.
        host: the machine that it runs on.
        workers: that it has.
        jobs_per_s: that ended, by the last minute.
    """

    service: str
    problem: str = ""
    models: dict[str, ModelInfo] = {}
    host: str = ""
    workers: int = 0
    jobs_per_s: float = 0.0


def publish(redis: Redis, instance: str, report: StageReport) -> None:
    """Says it; raises RedisError."""
    with redis.pipeline() as pipe:
        pipe.set(_key(instance), report.model_dump_json(), ex=TTL_S)
        pipe.sadd(_INSTANCES, instance)
        pipe.execute()


def withdraw(redis: Redis, instance: str) -> None:
    """Says no more; raises RedisError."""
    with redis.pipeline() as pipe:
        pipe.delete(_key(instance))
        pipe.srem(_INSTANCES, instance)
        pipe.execute()


def stage_reports(redis: Redis) -> list[StageReport]:
    """What all that are not silent have said last; raises RedisError."""
    members = cast(set[bytes], redis.smembers(_INSTANCES))
    instances = sorted(member.decode() for member in members)
    if not instances:
        return []
    said = cast(list[bytes | None], redis.mget([_key(instance) for instance in instances]))
    if silent := [name for name, text in zip(instances, said, strict=True) if text is None]:
        redis.srem(_INSTANCES, *silent)
    return [StageReport.model_validate_json(text) for text in said if text is not None]


def _key(instance: str) -> str:
    return f"{_INSTANCES}:{instance}"
