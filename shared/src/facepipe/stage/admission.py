"""Which jobs a worker takes on: those that `facepipe.queue.jobs` puts on its queue, and no other.

What lies in Redis was written by whoever can write there, and RQ would call any function that a
record names. So a record must be what `facepipe.queue.jobs.enqueue` makes, down to what RQ would do
by itself: call back, repeat, send a request somewhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError
from redis import Redis
from redis.exceptions import RedisError, ResponseError
from rq.exceptions import DeserializationError, NoSuchJobError
from rq.job import Job
from rq.serializers import JSONSerializer

from facepipe.domain.errors import UnknownJobError
from facepipe.queue.job_table import ImagePayload, JobKind
from facepipe.queue.jobs import ImageJob, id_text, is_of_queue, job_key

MAX_RECORD_BYTES = 65_536
MAX_TIMEOUT_S = 86_400
MAX_RETRIES = 10
_MAX_TRACEPARENT_CHARS = 256


def fetch_admitted(redis: Redis, job_id: bytes, kind: JobKind) -> Job | None:
    """The job behind an id that was taken from the queue; None when its record is gone.

    Raises:
        UnknownJobError: it is no job of this queue, or cannot be read.
        redis.exceptions.RedisError: Redis does not answer.
    """
    if not is_of_queue(id_text(job_id), kind.queue):
        raise UnknownJobError("its id is none of this queue")
    if (size := redis.memory_usage(job_key(id_text(job_id)), samples=0)) is None:
        return None
    if size > MAX_RECORD_BYTES:
        raise UnknownJobError(f"its record has {size} bytes")
    try:
        job = Job.fetch(job_id.decode(), redis, JSONSerializer)
    except NoSuchJobError as error:  # there is one, without what it is to call
        raise UnknownJobError("its record is incomplete") from error
    except RedisError as error:
        if isinstance(error, ResponseError) and str(error).startswith("WRONGTYPE"):
            raise UnknownJobError("its record is none") from error
        raise
    except Exception as error:  # whatever RQ stumbles over: anything may stand in a record
        raise UnknownJobError(f"its record cannot be read ({type(error).__name__})") from error
    check(job, kind)
    return job


def check(job: Job, kind: JobKind) -> None:
    """Raises UnknownJobError unless the job is one of its kind, with arguments that fit."""
    try:
        faults = list(_faults(job, kind))
    except DeserializationError as error:
        raise UnknownJobError("what it is to call cannot be read") from error
    if faults:
        raise UnknownJobError(f"it has {', '.join(faults)}")


def _faults(job: Job, kind: JobKind) -> Iterator[str]:
    if job.origin != kind.queue:
        yield "another queue"
    if job.func_name != kind.function or job.instance is not None:
        yield "another function"
    elif not _is_payload(job, kind):
        yield "arguments that do not fit"
    if job._success_callback_name or job._failure_callback_name or job._stopped_callback_name:
        yield "a callback"
    if job.webhooks:
        yield "a webhook"
    if job._dependency_ids or job.repeats_left or job.rate_limit_key or job.group_id:
        yield "orders for RQ"
    if job.timeout is None or not 0 < job.timeout <= MAX_TIMEOUT_S:
        yield "no fitting timeout"
    if not _is_patient(job.retries_left, job.retry_intervals):
        yield "no fitting retries"
    if not _is_meta(job.meta):
        yield "foreign notes"


def _is_payload(job: Job, kind: JobKind) -> bool:
    """Whether the function takes the arguments, and the id is that of such a job."""
    args: Any = job.args
    kwargs: Any = job.kwargs
    names = kind.takes.model_fields
    if kwargs != {} or not isinstance(args, list) or len(args) != len(names):
        return False
    try:
        payload = kind.takes.model_validate(dict(zip(names, args, strict=True)))
    except ValidationError:
        return False
    if isinstance(payload, ImagePayload):
        known = ImageJob(kind.queue, payload.image_id, payload.generation)
        return job.id == known.job_id
    return is_of_queue(job.id, kind.queue)


def _is_patient(retries_left: object, intervals: object) -> bool:
    pauses: list[Any] = intervals if isinstance(intervals, list) else []
    return (
        (intervals is None or isinstance(intervals, list))
        and all(isinstance(pause, int) for pause in pauses)
        and (retries_left is None or retries_left in range(MAX_RETRIES + 1))
        and len(pauses) <= MAX_RETRIES
        and bool(pauses or not retries_left)
    )


def _is_meta(meta: Any) -> bool:
    if not isinstance(meta, dict) or not meta.keys() <= {"traceparent", "urgent"}:
        return False
    traceparent = meta.get("traceparent", "")
    return (
        isinstance(traceparent, str)
        and len(traceparent) <= _MAX_TRACEPARENT_CHARS
        and isinstance(meta.get("urgent", False), bool)
    )
