"""The job of the queue `landmark`: the faces of one image.

A job is safe to run twice: it reads what it needs by id, and the ledger takes the same part
again without a change.
"""

from __future__ import annotations

import logging

from facepipe.domain.analysis import LandmarksPart, ModelInfo
from facepipe.domain.corrections import missed_faces
from facepipe.domain.errors import FacepipeError
from facepipe.domain.geometry import BoundingBox
from facepipe.domain.reduction import reduced_box, reduction_of, whole_face
from facepipe.files.image_store import ImageStore, RedisImageStore, SourceImages
from facepipe.files.imaging import RgbImage
from facepipe.files.inbox import Inbox
from facepipe.files.result_files import ResultFiles
from facepipe.files.store.opening import open_folder
from facepipe.ledger.client import FaceStoreClient
from facepipe.queue.redis_connection import connect_redis
from facepipe.stage import PartRun, part_run
from facepipe.stages import StageName
from facepipe.system.cpu import threads_per_worker
from landmark_service.adapters.resizing import set_threads
from landmark_service.load_models import load_pipeline
from landmark_service.pipeline import FacePipeline, cut_crops, with_drawn
from landmark_service.settings import LandmarkSettings

_log = logging.getLogger(__name__)
_worker: LandmarkWorker | None = None


class LandmarkWorker:
    """What one worker process keeps from job to job."""

    def __init__(
        self,
        pipeline: FacePipeline,
        client: FaceStoreClient,
        store: ImageStore,
        sources: SourceImages,
    ) -> None:
        self._pipeline = pipeline
        self._client = client
        self._store = store
        self._sources = sources

    def find_faces(self, image_id: str, generation: int) -> None:
        with part_run(StageName.LANDMARK, image_id, generation, self._client) as run:
            state = self._client.get(image_id)
            with run.timed("load"):
                image_rgb = self._sources.load(image_id)
            whole = state.image.size
            reduction = reduction_of(whole)
            pipeline = self._pipeline.with_options(state.image.options, reduction)
            drawn = [reduced_box(box, reduction) for box in missed_faces(state.corrections)]
            part = self._analyse(pipeline, image_rgb, drawn, run)
            if part.faces:
                with run.timed("crops"):
                    self._store.put_crops(image_id, cut_crops(image_rgb, part))
            faces = [whole_face(face, reduction, whole) for face in part.faces]
            part = part.model_copy(update={"faces": faces})
            if not self._client.save_part(run.run, part):
                _log.info("the ledger dropped the part: the image was deleted or run again")

    @staticmethod
    def _analyse(
        pipeline: FacePipeline, image_rgb: RgbImage, drawn: list[BoundingBox], run: PartRun
    ) -> LandmarksPart:
        with run.timed("detect"):
            faces = with_drawn(pipeline.detect(image_rgb), drawn)
        with run.timed("landmarks"):
            part = pipeline.find_landmarks(image_rgb, faces)
        bare = sum(1 for face in part.faces if face.landmarks_error is not None)
        _log.info(
            "%d faces, %d without landmarks",
            len(faces),
            bare,
            extra={"faces": len(faces), "without_landmarks": bare, "model": part.detector.name},
        )
        return part


def load() -> dict[str, ModelInfo]:
    """Connects and loads the models, and names them; called once in each worker process.

    Raises:
        ModelError: a model is missing or broken. The worker ends, the stage is not ready and
            says why, and images wait on the queue until that is mended.
    """
    global _worker
    settings = LandmarkSettings()
    pipeline = load_pipeline(settings)
    set_threads(threads_per_worker(settings.stage))  # last: some models set it, too
    store = RedisImageStore(connect_redis(settings.redis), settings.redis)
    files = open_folder(settings)
    _worker = LandmarkWorker(
        pipeline=pipeline,
        client=FaceStoreClient(
            settings.address.store_grpc, settings.inside_token, ca=settings.tls.ca
        ),
        store=store,
        sources=SourceImages(
            store,
            Inbox(files),
            ResultFiles(files),
            settings.address.input,
            settings.inside_token,
            ca=settings.tls.ca,
        ),
    )
    return pipeline.models


def find_faces(image_id: str, generation: int) -> None:
    """Finds the faces of an image and their landmarks, and hands them to the next stage."""
    if _worker is None:
        raise FacepipeError("load() was not called in this process")
    _worker.find_faces(image_id, generation)
