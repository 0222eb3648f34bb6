"""The application of a stage: that of every service, and the life of its supervisor."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, nullcontext
from typing import Any

import anyio.to_thread
from fastapi import FastAPI
from prometheus_client import REGISTRY

from facepipe.stage.definition import Stage
from facepipe.stage.metrics import StageCollector
from facepipe.stage.reclaimer import FailureReports
from facepipe.stage.supervisor import Supervisor
from facepipe.web.service import Check, Lifespan, create_app


def create_stage_app(
    stage: Stage,
    *,
    checks: Mapping[str, Check] | None = None,
    lifespan: Lifespan | None = None,
    failures: FailureReports | None = None,
) -> FastAPI:
    """The FastAPI application of a stage; its workers live as long as its lifespan.

    Args:
        stage: what to run.
        checks: further checks of `/readyz`, beside `redis` and `workers`.
        lifespan: of the service; it encloses that of the workers.
        failures: where jobs are reported that no attempt is left for; by default
            data_storage_service.
    """
    supervisor = Supervisor(stage, failures)

    @asynccontextmanager
    async def with_workers(app: FastAPI) -> AsyncIterator[Any]:
        collector = StageCollector(supervisor)
        async with lifespan(app) if lifespan else nullcontext() as state:
            supervisor.start()
            REGISTRY.register(collector)
            try:
                yield state
            finally:
                REGISTRY.unregister(collector)
                await anyio.to_thread.run_sync(supervisor.stop)

    own_checks: dict[str, Check] = {
        "redis": supervisor.redis_problem,
        "workers": supervisor.workers_problem,
    }
    app = create_app(
        stage.name,
        stage.settings,
        checks=own_checks | dict(checks or {}),
        models=supervisor.models,
        lifespan=with_workers,
    )
    app.state.supervisor = supervisor
    return app
