"""Puts the parts of the service together, for the server and for its worker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from redis import Redis
from sqlalchemy import Engine

from data_storage_service.correcting import Corrector
from data_storage_service.database import open_ledger
from data_storage_service.dispatch import Dispatcher
from data_storage_service.erasure import Erasure
from data_storage_service.face_index import FaceIndexing
from data_storage_service.leading import Lead, Turns
from data_storage_service.ledger import Ledger
from data_storage_service.leftovers import AsideSweep, CacheSweep, FailedJobSweep
from data_storage_service.pausing import Pause
from data_storage_service.queries import Queries
from data_storage_service.reanalyses import Reanalyses
from data_storage_service.recovery import Recovery
from data_storage_service.retention import Retention
from data_storage_service.settings import DataStorageSettings
from data_storage_service.settling import Settler
from data_storage_service.spare_time import SpareTime
from data_storage_service.storing import ResultStore
from facepipe.files.annotation import AnnotationStyle
from facepipe.files.image_store import RedisImageStore, SourceImages
from facepipe.files.inbox import Inbox
from facepipe.files.result_files import ResultFiles
from facepipe.files.store.opening import open_files
from facepipe.queue.redis_connection import connect_redis

_REDIS_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that works on one volume."""

    settings: DataStorageSettings
    engine: Engine
    redis: Redis
    ledger: Ledger
    queries: Queries
    files: ResultFiles
    settler: Settler
    results: ResultStore
    corrector: Corrector
    pause: Pause
    lead: Lead
    turns: Turns
    dispatcher: Dispatcher
    recovery: Recovery
    reanalyses: Reanalyses
    spare_time: SpareTime

    def close(self) -> None:
        self.engine.dispose()
        self.redis.close()


def open_services(settings: DataStorageSettings) -> Services:
    """Opens the ledger and the volume.

    Raises:
        MisconfiguredError: the address of the ledger is none.
        LedgerDamagedError, LedgerTooNewError: the ledger cannot be used, and is as it was.
    """
    engine = open_ledger(settings)
    redis = connect_redis(settings.redis, timeout_s=_REDIS_TIMEOUT_S)
    ledger, queries = Ledger(engine), Queries(engine)
    kept = open_files(settings)
    files, inbox = ResultFiles(kept), Inbox(kept)
    files.make_folders()
    images = RedisImageStore(redis, settings.redis)
    settler = Settler(ledger, files, inbox, images, keep_source=settings.storage.keep_source)
    token = settings.inside_token
    address = settings.address.input
    sources = SourceImages(images, inbox, files, address, token, ca=settings.tls.ca, padded=True)
    style = AnnotationStyle(settings.storage.jpeg_quality, blur_faces=settings.storage.blur_faces)
    results = ResultStore(ledger, queries, files, sources, settler, style)
    corrector = Corrector(ledger, files, sources, style)
    pause, lead = Pause(engine, redis), Lead(engine)
    dispatcher = Dispatcher(ledger, queries, redis, pause, lead, settings.stage.job_timeout_s)
    recovery = Recovery(
        ledger, queries, redis, dispatcher, lead, settler, files, inbox, settings.reconcile.every_s
    )
    reanalyses = Reanalyses(engine)
    spare_time = SpareTime(ledger, reanalyses, dispatcher, lead, redis, files, inbox)
    return Services(
        settings,
        engine,
        redis,
        ledger,
        queries,
        files,
        settler,
        results,
        corrector,
        pause,
        lead,
        Turns(engine),
        dispatcher,
        recovery,
        reanalyses,
        spare_time,
    )


def chores(services: Services) -> list[Callable[[], object]]:
    """What is done every few seconds beside settling."""
    settings = services.settings
    return [
        Retention(services.queries, services.settler, settings.retention.days),
        AsideSweep(services.files),
        CacheSweep(services.redis, services.queries),
        FailedJobSweep(services.redis, services.queries),
        FaceIndexing(services.ledger, services.queries, services.files),
        Erasure(
            services.ledger,
            services.queries,
            services.redis,
            settings.address.logger,
            settings.inside_token,
            ca=settings.tls.ca,
        ),
    ]
