"""The input API: everything a client or the viewer needs, behind one address."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import cast

from fastapi import Depends, FastAPI, Security
from fastapi.security import APIKeyHeader, HTTPBearer
from starlette.middleware.cors import CORSMiddleware

from facepipe.files import inbox
from facepipe.files.store.opening import open_files
from facepipe.ledger.client import FaceStoreClient
from facepipe.queue.redis_connection import connect_redis, redis_problem
from facepipe.web.service import Check, create_app
from facepipe.web.site_guard import words
from input_service.access.gate import Gate
from input_service.access.headers import SecurityHeaders
from input_service.access.policy import AccessPolicy
from input_service.access.rates import Slots, TokenBuckets
from input_service.compreface_errors import CompreFaceErrors
from input_service.docs import pages as docs
from input_service.heads import HeadAsGet
from input_service.parameters import refuse_unknown_parameters
from input_service.routes import (
    bulk,
    compreface,
    corrections,
    events,
    export,
    images,
    limits,
    passthrough,
    pictures,
    queue,
    reanalyses,
    results,
    upload,
)
from input_service.services import Services, lifespan_of
from input_service.settings import InputSettings
from input_service.views import Responses

DESCRIPTION = """
Send photographs, get back where the faces are, their landmarks, and an estimate of age and
gender with its doubts. An image is known by the SHA-256 of its bytes. What was accepted is on
disk before the answer, and is analysed whatever happens in between. What answers `GET` answers
`HEAD` as well.
"""

_COMMON: Responses = {
    401: {"description": "An API key is needed, or the one that was sent is not known"},
    403: {"description": "The key lacks the scope, or a page of another origin called"},
    421: {"description": "Called by a name that is none of the service's own"},
    400: {"description": "A parameter with a value that it cannot have"},
    422: {"description": "A parameter that this call does not have: `unknown_parameter`"},
    429: {"description": "Too many calls or too many waiting images; see `Retry-After`"},
}
# For the documentation; keys are asked for by the gate.
_KEYS = [
    Security(HTTPBearer(auto_error=False, description="an API key, where keys are asked for")),
    Security(APIKeyHeader(name="X-API-Key", auto_error=False)),
]


def create_input_app(settings: InputSettings) -> FastAPI:
    """The FastAPI application of input_service.

    Without Redis or the ledger it is not ready, and accepts all the same: what it has
    accepted is analysed once they are back.

    Raises:
        UnsafeSettingsError: it would be open to a network by accident.
    """
    origins = words(settings.access.cors_origins)
    app = create_app(
        "input_service",
        settings,
        lifespan=lifespan_of(settings),
        checks=_checks(settings, lambda: cast(Services, app.state.services)),
        other_origins=origins,
        is_inside=False,
    )
    app.title = "Face analysis pipeline"
    app.description = DESCRIPTION
    app.include_router(docs.router)
    modules = (
        images,
        limits,
        bulk,
        reanalyses,
        events,
        results,
        corrections,
        pictures,
        passthrough,
        queue,
        export,
    )
    routers = [module.router for module in modules]
    for router in (upload.create_router(settings.upload), *routers):
        app.include_router(
            router,
            responses=_COMMON,
            dependencies=[*_KEYS, Depends(refuse_unknown_parameters)],
            # Short, and what the links in the document name.
            generate_unique_id_function=lambda route: route.name,
        )
    if settings.compreface.enabled:
        app.include_router(compreface.router, dependencies=_KEYS)
    _guard(app, settings, origins)
    return app


def _guard(app: FastAPI, settings: InputSettings, origins: tuple[str, ...]) -> None:
    """Sets up what a call passes before its route; the last one that is added comes first."""
    access = settings.access
    buckets = TokenBuckets(access.rate_per_s, access.rate_burst)
    policy = AccessPolicy(settings)
    app.add_middleware(HeadAsGet)
    app.add_middleware(Gate, policy=policy, buckets=buckets, waiting=Slots(access.waiting))
    if settings.compreface.enabled:
        app.add_middleware(CompreFaceErrors)
    if origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "X-API-Key", "X-Priority"],
            expose_headers=["Retry-After", "ETag", "Content-Disposition"],
        )
    # Outside of Starlette's own outermost layer, which answers what nobody has foreseen.
    build = app.build_middleware_stack
    app.build_middleware_stack = lambda: SecurityHeaders(  # type: ignore[method-assign]  # see above
        build(), is_shared=bool(origins)
    )


def _checks(settings: InputSettings, services: Callable[[], Services]) -> dict[str, Check]:
    redis = connect_redis(settings.redis, timeout_s=1.0)
    store = FaceStoreClient(
        settings.address.store_grpc, settings.inside_token, timeout_s=1.0, ca=settings.tls.ca
    )

    return {
        "inbox": partial(open_files(settings).problem, inbox.FOLDER),
        "decoders": lambda: services().decoders.problem(),
        "redis": partial(redis_problem, redis),
        "ledger": store.problem,
    }
