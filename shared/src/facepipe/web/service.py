"""What every HTTP service of the pipeline has: health, readiness, metrics, problem documents.

`create_app` makes the FastAPI application, `create_server` its server, `serve` runs both until
SIGTERM; `run` is the `main` of a service. Errors leave as RFC 9457 problem documents with a
stable `code`; raise a `FacepipeError` and it is one.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from socket import socket
from types import FrameType
from typing import Any, TypeVar

import anyio
import anyio.to_thread
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from facepipe import telemetry
from facepipe.domain.analysis import ModelInfo
from facepipe.domain.errors import FacepipeError, MisconfiguredError, ServiceUnavailableError
from facepipe.system.memory import freeze_loaded
from facepipe.system.settings import Settings
from facepipe.system.tls import check_encrypted
from facepipe.version import VERSION
from facepipe.web.connections import bounded_protocol
from facepipe.web.inside_gates import HttpGate
from facepipe.web.problems import add_problem_handlers, error_response, problem_response
from facepipe.web.site_guard import guarded_by

CHECK_TIMEOUT_S = 3.0
DRAIN_S = 5
_TICK_S = 5.0

S = TypeVar("S", bound=Settings)
Check = Callable[[], str | None]
Models = Callable[[], Mapping[str, ModelInfo]]
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[Any]]

_log = logging.getLogger(__name__)


def create_app(
    name: str,
    settings: Settings,
    *,
    checks: Mapping[str, Check] | None = None,
    models: Models | None = None,
    lifespan: Lifespan | None = None,
    is_inside: bool = True,
    other_origins: Iterable[str] = (),
    private_paths: tuple[str, ...] = (),
) -> FastAPI:
    """A FastAPI application with `/healthz`, `/readyz`, `/metrics` and problem documents.

    Args:
        name: of the service; title of its OpenAPI document.
        settings: found again as `app.state.settings`.
        checks: what must hold before the service can work, by name. A check returns None
            when all is well, else the reason; it may block for up to three seconds.
        models: those in use, by part; `/readyz` names them.
        lifespan: what is opened at start and closed at the end, as FastAPI has it.
        is_inside: only those who show the inside token get further than the probes.
        other_origins: origins whose pages may call, beside those of the service itself.
        private_paths: beginnings of paths that pages of other origins may not even read.

    Raises:
        MisconfiguredError: there is no inside token.
    """
    # FastAPI's own documentation pages load their scripts from elsewhere.
    app = FastAPI(
        title=name,
        version=VERSION,
        lifespan=lifespan and _noting_refusal(lifespan),
        docs_url=None,
        redoc_url=None,
    )
    app.state.settings, app.state.is_inside = settings, is_inside
    add_problem_handlers(app)
    _add_probes(app, dict(checks or {}), models or dict)
    if is_inside:
        app.add_middleware(HttpGate, token=settings.inside_token)
    # Outside of all other layers: nothing of a foreign call is looked at.
    build = app.build_middleware_stack
    app.build_middleware_stack = lambda: guarded_by(  # type: ignore[method-assign]  # see above
        build(), name, settings, other_origins=other_origins, private_paths=private_paths
    )
    return app


def _noting_refusal(lifespan: Lifespan) -> Lifespan:
    """The lifespan; an error of ours at its beginning is kept for whoever started the service."""

    @asynccontextmanager
    async def noting(app: FastAPI) -> AsyncIterator[Any]:
        async with AsyncExitStack() as stack:
            try:
                state = await stack.enter_async_context(lifespan(app))
            except FacepipeError as error:
                app.state.refusal = error
                raise
            yield state

    return noting


def _add_probes(app: FastAPI, checks: Mapping[str, Check], models: Models) -> None:
    @app.get("/healthz", tags=["service"], summary="Whether the process is alive")
    async def healthz() -> dict[str, str]:
        return {"status": "alive", "version": VERSION}

    @app.get(
        "/readyz",
        tags=["service"],
        summary="Whether the service can do its work",
        responses={503: {"description": "It cannot; `checks` names what is missing"}},
    )
    async def readyz(request: Request) -> Response:
        failing = await run_checks(checks)
        if not failing:
            in_use = {part: model.model_dump() for part, model in models().items()}
            return JSONResponse({"status": "ready"} | ({"models": in_use} if in_use else {}))
        detail = "; ".join(f"{name}: {reason}" for name, reason in failing.items())
        return problem_response(
            request, 503, "not_ready", "Not ready", detail, extra={"checks": failing}
        )

    @app.get("/metrics", tags=["service"], summary="Prometheus text", response_class=Response)
    def metrics() -> Response:
        return Response(generate_latest(REGISTRY), media_type=CONTENT_TYPE_LATEST)


async def run_checks(
    checks: Mapping[str, Check], timeout_s: float = CHECK_TIMEOUT_S
) -> dict[str, str]:
    """Runs all checks side by side; returns the reasons of those that failed, by name."""
    answers: dict[str, str | None] = dict.fromkeys(checks, f"no answer in {timeout_s:g} s")

    async def ask(name: str, check: Check) -> None:
        try:
            answers[name] = await anyio.to_thread.run_sync(check, abandon_on_cancel=True)
        except Exception as error:
            answers[name] = f"{type(error).__name__}: {error}"

    with anyio.move_on_after(timeout_s):
        async with anyio.create_task_group() as group:
            for name, check in checks.items():
                group.start_soon(ask, name, check)
    return {name: reason for name, reason in answers.items() if reason is not None}


def run(name: str, settings: S, create: Callable[[S], FastAPI], port: int) -> None:
    """Runs a service with its telemetry until SIGTERM; the whole of its `main`.

    What does not allow a start, be it settings or a ledger that cannot be read, ends the process
    with a line that says what to do.
    """
    try:
        telemetry.setup(name, settings)
        app = create(settings)
    except MisconfiguredError as error:
        telemetry.shutdown()
        sys.exit(f"{name} does not start: {error.message}")
    try:
        listens_on = (settings.inside_bind or settings.host) if app.state.is_inside else ""
        calls = [
            ("FACEPIPE_REDIS_URL", settings.redis.url),
            ("FACEPIPE_ADDRESS_INPUT", settings.address.input),
            ("FACEPIPE_FILES_ENDPOINT", settings.files.endpoint),
        ]
        check_encrypted(settings.tls, listens_on, calls)
        serve(app, settings.host, port)
    except FacepipeError as error:
        sys.exit(f"{name} does not start: {error.code}: {error.message}")
    finally:
        telemetry.shutdown()


def serve(app: FastAPI, host: str, port: int) -> None:
    """Runs the application until SIGTERM or SIGINT, then returns after a clean end.

    Open requests have a few seconds to finish; then the lifespan is closed.

    Raises:
        FacepipeError: the lifespan could not begin.
    """
    # uvicorn raises the signal once more when it has finished. Without these handlers that
    # would end the process before the caller could flush its logs.
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
    server = create_server(app, host, port)
    scheme = "https" if server.config.is_ssl else "http"
    app.openapi()  # takes a moment, which the first caller is spared
    _log.info("listening on %s://%s:%d", scheme, host, port)
    try:
        server.run()
    except SystemExit as ended:  # so uvicorn ends when the lifespan cannot begin
        refusal: FacepipeError | None = getattr(app.state, "refusal", None)
        if refusal is None:
            raise
        raise refusal from ended


def create_server(app: FastAPI, host: str, port: int) -> uvicorn.Server:
    """The server of an application. What a stop cuts off is answered with 503."""
    settings: Settings = app.state.settings
    cert, key = settings.tls.files if settings.tls.is_shown else (None, None)
    config = uvicorn.Config(
        _AnswerWhenCutOff(app),
        http=bounded_protocol(settings.http),
        ws="none",
        host=host,
        port=port,
        ssl_certfile=cert,
        ssl_keyfile=key,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=DRAIN_S,
    )
    return _Server(config)


class _Server(uvicorn.Server):
    """Uvicorn's, which wakes up every five seconds instead of ten times a second.

    A signal wakes it at once; what it does then is to look at the clock for the header `Date`.

    What the start has loaded is no work for the garbage collector.
    """

    _wake: Callable[[], object] | None = None

    async def startup(self, sockets: list[socket] | None = None) -> None:
        await super().startup(sockets)
        freeze_loaded()

    async def main_loop(self) -> None:
        is_woken = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._wake = lambda: loop.call_soon_threadsafe(is_woken.set)
        while not await self.on_tick(0):
            with suppress(TimeoutError):
                await asyncio.wait_for(is_woken.wait(), _TICK_S)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        if self._wake is not None:
            self._wake()


class _AnswerWhenCutOff:
    """Tells a client whose request a stop cuts off that the service is stopping.

    uvicorn cancels a request that takes longer than `DRAIN_S`, and left to itself answers 500.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_begun = False

        async def watched(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except asyncio.CancelledError:
            if has_begun or scope["type"] != "http":
                raise
            error = ServiceUnavailableError(
                "the service is stopping; send it again", retry_after_s=DRAIN_S
            )
            await error_response(Request(scope), error)(scope, receive, send)
