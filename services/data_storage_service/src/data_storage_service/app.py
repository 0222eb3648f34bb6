"""The HTTP side of data_storage_service: health, metrics, files, and the life of everything."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from functools import partial

from fastapi import FastAPI

from data_storage_service.database.address import server_url
from data_storage_service.ledger_lock import holding
from data_storage_service.server import create_server, serving
from data_storage_service.settings import DataStorageSettings
from data_storage_service.settling import SettlingLoop
from data_storage_service.wiring import chores, open_services
from facepipe.domain.errors import FacepipeError
from facepipe.files import inbox, result_files
from facepipe.files.store.folder import volume_problem
from facepipe.files.store.opening import open_files
from facepipe.stage import Stage, create_stage_app
from facepipe.stages import StageName
from facepipe.web.service import Check

_log = logging.getLogger(__name__)


def create_storage_app(settings: DataStorageSettings) -> FastAPI:
    """The application: HTTP here, gRPC and the storage workers in its lifespan.

    Raises:
        MisconfiguredError: the address of the ledger is none.
    """
    is_on_server = server_url(settings.storage, settings.tls) is not None
    stage = Stage(
        name="data_storage_service",
        queue=StageName.STORAGE,
        settings=settings,
    )

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with ExitStack() as stack:
            if not is_on_server:
                stack.enter_context(holding(settings.index_path))
            services = open_services(settings)
            stack.callback(services.close)
            app.state.services = services
            server = create_server(services, f"{settings.host}:{settings.port.store_grpc}")
            loop = SettlingLoop(
                services.settler,
                services.queries,
                settings.storage.settle_every_s,
                services.lead,
                chores(services),
            )
            with serving(server):
                loop.start()
                yield
                loop.stop()

    def ledger_problem() -> str | None:
        try:
            app.state.services.queries.revision()
        except FacepipeError as error:
            return f"{error.code}: {error.message}"
        return None

    # The ledger and the kept uploads have folders of their own; uploads are taken from the inbox.
    files = open_files(settings)
    folders = {
        "saved_data": result_files.FOLDER,
        "source": result_files.SOURCES,
        "inbox": inbox.FOLDER,
    }
    checks: dict[str, Check] = {
        "ledger": ledger_problem,
        **{name: partial(files.problem, folder) for name, folder in folders.items()},
    }
    if not is_on_server:
        checks["index"] = partial(volume_problem, settings.index_path.parent)
    app = create_stage_app(stage, checks=checks, lifespan=lifespan)
    return app
