"""The job of the queue `sharpness`: how much neighbouring pixels of each face differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from facepipe.domain.analysis import LandmarksPart, ModelInfo, Sharpness, SharpnessPart
from facepipe.files.image_store import RedisImageStore, SourceImages
from facepipe.files.imaging import RgbImage, cut_face_crop
from facepipe.files.inbox import Inbox
from facepipe.files.result_files import ResultFiles
from facepipe.files.store.opening import open_folder
from facepipe.ledger.client import FaceStoreClient
from facepipe.queue.redis_connection import connect_redis
from facepipe.stage import part_run
from facepipe.stages import StageName
from facepipe.system.settings import Settings

MODEL = ModelInfo(name="mean absolute difference")
_worker: SharpnessWorker | None = None


@dataclass
class SharpnessWorker:
    client: Any
    sources: Any

    def measure(self, image_id: str, generation: int) -> None:
        with part_run(StageName.SHARPNESS, image_id, generation, self.client) as run:
            found = self.client.get(image_id, include_parts=True).part(LandmarksPart)
            image_rgb = self.sources.load(image_id)
            with run.timed("sharpness"):
                faces = [Sharpness(value=sharpness_of(image_rgb, face)) for face in found.faces]
            self.client.save_part(run.run, SharpnessPart(faces=faces, model=MODEL))


def sharpness_of(image_rgb: RgbImage, face: Any) -> float:
    points = [point.to_point() for point in face.landmarks]
    crop = cut_face_crop(image_rgb, face.box.to_bounding_box(), points)
    gray = crop.mean(axis=2) / 255
    return float(np.abs(np.diff(gray, axis=1)).mean())


def load() -> dict[str, ModelInfo]:
    global _worker
    settings = Settings()
    files = open_folder(settings)
    inbox, results = Inbox(files), ResultFiles(files)
    store = RedisImageStore(connect_redis(settings.redis), settings.redis)
    token = settings.inside_token
    sources = SourceImages(store, inbox, results, settings.address.input, token, ca=settings.tls.ca)
    _worker = SharpnessWorker(
        FaceStoreClient(settings.address.store_grpc, token, ca=settings.tls.ca), sources
    )
    return {"sharpness": MODEL}


def measure(image_id: str, generation: int) -> None:
    assert _worker is not None
    _worker.measure(image_id, generation)
