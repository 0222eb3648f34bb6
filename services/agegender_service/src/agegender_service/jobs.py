"""The job of the queue `agegender`: the faces of one image.

A job is safe to run twice: it reads what it needs by id, and the ledger takes the same part
again without a change.
"""

from __future__ import annotations

import logging
from typing import Protocol

from agegender_service.estimator import AgeGenderEstimator
from agegender_service.load_models import load_estimator
from agegender_service.pipeline import NO_MODEL, cut_crops, estimate_faces, switched_off_part
from agegender_service.settings import AgeGenderServiceSettings
from facepipe.domain.analysis import AgeGenderPart, DetectedFace, LandmarksPart, ModelInfo, Part
from facepipe.domain.errors import FacepipeError
from facepipe.domain.options import AnalysisOptions, Attribute
from facepipe.domain.reduction import reduced_face, reduction_of
from facepipe.files.image_store import FaceCrops, ImageStore, RedisImageStore, SourceImages
from facepipe.files.inbox import Inbox
from facepipe.files.result_files import ResultFiles
from facepipe.files.store.opening import open_folder
from facepipe.ledger.client import FaceStoreClient
from facepipe.ledger.states import ImageState, StageRun
from facepipe.queue.redis_connection import connect_redis
from facepipe.stage import PartRun, part_run
from facepipe.stage.runs import RunReports
from facepipe.stages import StageName

_log = logging.getLogger(__name__)
_worker: AgeGenderWorker | None = None
_OWN = (Attribute.AGE, Attribute.GENDER, Attribute.QUALITY)


class Ledger(RunReports, Protocol):
    """The part of `FaceStoreClient` that a job uses."""

    def get(self, image_id: str, include_parts: bool = False) -> ImageState: ...

    def save_part(self, run: StageRun, part: Part) -> bool: ...


class AgeGenderWorker:
    """What one worker process keeps from job to job."""

    def __init__(
        self,
        settings: AgeGenderServiceSettings,
        estimator: AgeGenderEstimator | None,
        client: Ledger,
        store: ImageStore,
        sources: SourceImages,
    ) -> None:
        self._settings = settings
        self._client = client
        self._store = store
        self._sources = sources
        self._estimator = estimator

    def estimate(self, image_id: str, generation: int) -> None:
        with part_run(StageName.AGEGENDER, image_id, generation, self._client) as run:
            state = self._client.get(image_id, include_parts=True)
            if state.generation != generation or state.is_finished:
                _log.info("generation %d is outdated", generation, extra={"image_id": image_id})
                return
            landmarks = state.part(LandmarksPart)
            if landmarks is None:
                raise FacepipeError("the ledger has no faces of this image: run it again")
            reduction = reduction_of(state.image.size)
            faces = [reduced_face(face, reduction) for face in landmarks.faces]
            part = self._part(state, faces, run)
            if not self._client.save_part(run.run, part):
                _log.info("the ledger dropped the part", extra={"image_id": image_id})

    def _part(self, state: ImageState, faces: list[DetectedFace], run: PartRun) -> AgeGenderPart:
        options = state.image.options or AnalysisOptions()
        if self._estimator is None or not options.wants(*_OWN):
            return switched_off_part(len(faces))
        with run.timed("crops"):
            crops_rgb = self._crops(state.image_id, faces)
        with run.timed("agegender"):
            return estimate_faces(self._estimator, faces, crops_rgb, self._settings.agegender)

    def _crops(self, image_id: str, faces: list[DetectedFace]) -> FaceCrops:
        cached = self._store.get_crops(image_id)
        # Crops of an earlier generation may be cached still; other settings, other faces.
        if cached is not None and len(cached) == len(faces):
            return cached
        return cut_crops(self._sources.load(image_id), faces)


def load() -> dict[str, ModelInfo]:
    """Connects and loads the models, and names them; called once in each worker process.

    Raises:
        ModelError: the weights are missing or broken. The worker ends, the stage is not ready
            and says why, and images wait on the queue until that is mended.
    """
    global _worker
    settings = AgeGenderServiceSettings()
    estimator = load_estimator(settings)
    store = RedisImageStore(connect_redis(settings.redis), settings.redis)
    files = open_folder(settings)
    sources = SourceImages(
        store,
        Inbox(files),
        ResultFiles(files),
        settings.address.input,
        settings.inside_token,
        ca=settings.tls.ca,
    )
    client = FaceStoreClient(settings.address.store_grpc, settings.inside_token, ca=settings.tls.ca)
    _worker = AgeGenderWorker(settings, estimator, client, store, sources)
    return {"agegender": estimator.model if estimator else NO_MODEL}


def estimate(image_id: str, generation: int) -> None:
    """Estimates age and gender of every face of an image and saves them in the ledger."""
    if _worker is None:
        raise FacepipeError("load() was not called in this process")
    _worker.estimate(image_id, generation)
