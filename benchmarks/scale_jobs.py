"""The jobs of the model stages, with a sleep in the place of the models."""

from __future__ import annotations

import os
import time

import numpy as np

from facepipe.domain.analysis import (
    AgeGender,
    AgeGenderPart,
    Box,
    DetectedFace,
    Gender,
    LandmarkPoint,
    LandmarksPart,
    ModelInfo,
)
from facepipe.domain.geometry import FACE_CROP_SIZE
from facepipe.files.image_store import RedisImageStore, SourceImages
from facepipe.files.inbox import Inbox
from facepipe.files.result_files import ResultFiles
from facepipe.files.store.opening import open_folder
from facepipe.ledger.client import FaceStoreClient
from facepipe.queue.redis_connection import connect_redis
from facepipe.stage import part_run
from facepipe.stages import StageName
from facepipe.system.settings import Settings

SLEEP_VARIABLE = "SCALE_SLEEP_S"
_POINTS = 478  # as MediaPipe finds
_MODEL = ModelInfo(name="sleep")
_worker: Worker | None = None


class Worker:
    """What a worker process keeps from job to job."""

    def __init__(self) -> None:
        settings = Settings()
        token = settings.inside_token
        self.sleep_s = float(os.environ[SLEEP_VARIABLE])
        self.client = FaceStoreClient(settings.address.store_grpc, token)
        self.store = RedisImageStore(connect_redis(settings.redis), settings.redis)
        files = open_folder(settings)
        inbox, results = Inbox(files), ResultFiles(files)
        self.sources = SourceImages(self.store, inbox, results, settings.address.input, token)


def load() -> dict[str, ModelInfo]:
    global _worker
    _worker = Worker()
    return {"detector": _MODEL}


def find_faces(image_id: str, generation: int) -> None:
    """One face an image, after the sleep."""
    worker = _loaded()
    with part_run(StageName.LANDMARK, image_id, generation, worker.client) as run:
        worker.client.get(image_id)
        height, width, _ = worker.sources.load(image_id).shape
        time.sleep(worker.sleep_s)
        crops = np.zeros((1, FACE_CROP_SIZE, FACE_CROP_SIZE, 3), np.uint8)
        worker.store.put_crops(image_id, crops)
        box = Box(x1=0, y1=0, x2=width // 2, y2=height // 2)
        points = [LandmarkPoint(x=n % (width // 2), y=n % (height // 2)) for n in range(_POINTS)]
        face = DetectedFace(box=box, confidence=0.9, landmarks=points)
        part = LandmarksPart(faces=[face], detector=_MODEL, landmarker=_MODEL)
        worker.client.save_part(run.run, part)


def estimate(image_id: str, generation: int) -> None:
    """Age and gender of that face, after the sleep."""
    worker = _loaded()
    with part_run(StageName.AGEGENDER, image_id, generation, worker.client) as run:
        worker.client.get(image_id, include_parts=True)
        worker.store.get_crops(image_id)
        time.sleep(worker.sleep_s)
        face = AgeGender(age=30, gender=Gender.FEMALE, reliable=True, quality=0.9)
        worker.client.save_part(run.run, AgeGenderPart(faces=[face], model=_MODEL))


def _loaded() -> Worker:
    if _worker is None:
        raise RuntimeError("load() was not called in this process")
    return _worker
