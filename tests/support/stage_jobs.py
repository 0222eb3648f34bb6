"""Jobs of a stage that is only there to be tested; what they do is told by Redis.

`behaviour:<image id>` is a comma-separated list, one word for each run; the last word is for
all further runs. Every run leaves a line in `runs`.
"""

from __future__ import annotations

import os
import signal
import time

from redis import Redis

from facepipe import stage
from facepipe.domain.analysis import ModelInfo, PartError
from facepipe.domain.errors import ServiceUnavailableError, UndecodableImageError
from facepipe.files import jpeg_decodes
from facepipe.ledger.states import StageRun
from facepipe.stages import StageName


class ReportsInRedis:
    """Stands in for the ledger: keeps what it is told in lists in Redis."""

    def __init__(self) -> None:
        self._redis = Redis.from_url(os.environ["STAGE_TEST_LEDGER"])

    def save_started(self, run: StageRun) -> bool:
        self._redis.rpush("started", f"{run.image_id}:{run.attempt}")
        return True

    def save_failure(self, run: StageRun, error: PartError) -> bool:
        if self._redis.get("ledger_down"):
            raise ServiceUnavailableError("the ledger is down")
        self._redis.rpush("failures", f"{run.image_id}:{run.attempt}:{error.code}")
        return True


def load() -> dict[str, ModelInfo]:
    Redis.from_url(os.environ["STAGE_TEST_LEDGER"]).rpush("loads", os.getpid())
    if os.environ.get("STAGE_TEST_BROKEN_MODEL"):
        raise RuntimeError("the model is broken")
    return {"detector": ModelInfo(name="tested", sha256="ab")}


def work(image_id: str, generation: int) -> None:
    reports = ReportsInRedis()
    ledger = Redis.from_url(os.environ["STAGE_TEST_LEDGER"], decode_responses=True)
    with stage.part_run(StageName.LANDMARK, image_id, generation, reports) as run:
        ledger.rpush("runs", f"{image_id}:{os.getpid()}")
        words = str(ledger.get(f"behaviour:{image_id}") or "quick").split(",")
        behave(words[min(int(ledger.incr(f"count:{image_id}")), len(words)) - 1])
        run.timings_ms["work"] = 1.0
        ledger.sadd("results", image_id)


_kept: list[bytes] = []


def behave(word: str) -> None:
    name, _, argument = word.partition("=")
    match name:
        case "decode":  # so many JPEGs
            jpeg_decodes.note(int(argument))
        case "slow":
            time.sleep(float(argument))
        case "grow":  # by so many MiB, and for good
            _kept.append(b"x" * (int(argument) * 2**20))
        case "die":
            os.kill(os.getpid(), signal.SIGKILL)
        case "hang":
            # Like a computation outside Python: the alarm of RQ does not end it.
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
            time.sleep(3600)
        case "raise":
            raise RuntimeError("no luck")
        case "refuse":
            raise UndecodableImageError("this is no photograph")
