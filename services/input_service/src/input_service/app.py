"""The input API: everything a client or the viewer needs, behind one address."""

from __future__ import annotations

from fastapi import FastAPI
from redis.exceptions import RedisError

from facepipe.jobs import connect_redis
from facepipe.service import Check, create_app
from facepipe.store_client import FaceStoreClient
from input_service.neighbours import lifespan_of
from input_service.routes import export, images, passthrough, results, upload
from input_service.settings import InputSettings

DESCRIPTION = """
Send photographs, get back where the faces are, their landmarks, and an estimate of age and
gender with its doubts. An image is known by the SHA-256 of its bytes. What was accepted is on
disk before the answer, and is analysed whatever happens in between.
"""


def create_input_app(settings: InputSettings) -> FastAPI:
    """The FastAPI application of input_service.

    Without Redis or the ledger it is not ready, and accepts all the same: what it has
    accepted is analysed once they are back.
    """
    app = create_app(
        "input_service", settings, lifespan=lifespan_of(settings), checks=_checks(settings)
    )
    app.title = "Face analysis pipeline"
    app.description = DESCRIPTION
    app.include_router(upload.create_router(settings.upload))
    for module in (images, results, passthrough, export):
        app.include_router(module.router)
    return app


def _checks(settings: InputSettings) -> dict[str, Check]:
    redis = connect_redis(settings.redis.url, timeout_s=1.0)
    store = FaceStoreClient(settings.address.store_grpc)

    def inbox_problem() -> str | None:
        folder = settings.volumes.inbox
        return None if folder.is_dir() else f"{folder} is missing"

    def redis_problem() -> str | None:
        try:
            redis.ping()
        except RedisError as error:
            return f"Redis does not answer: {error}"
        return None

    def store_problem() -> str | None:
        return None if store.is_reachable() else "data_storage_service does not answer"

    return {"inbox": inbox_problem, "redis": redis_problem, "ledger": store_problem}
