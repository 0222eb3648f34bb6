"""What the routes work with, opened at start and closed at the end of the service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, cast

import httpx
from fastapi import Depends, FastAPI, Request
from prometheus_client import REGISTRY
from redis import Redis

from facepipe.domain.errors import ServiceUnavailableError
from facepipe.files.image_store import RedisImageStore
from facepipe.files.inbox import Inbox
from facepipe.files.result_files import ResultFiles
from facepipe.files.store.opening import open_files
from facepipe.ledger.client import FaceStoreClient
from facepipe.ledger.states import Role
from facepipe.queue.redis_connection import connect_redis
from facepipe.system.tls import trusting
from facepipe.web.service import Lifespan
from input_service.backlog import Backlog
from input_service.bodies import Bodies
from input_service.decoding import DecoderPool
from input_service.feed import StateFeed
from input_service.intake import Intake
from input_service.leading import Lead
from input_service.metrics import PipelineCollector
from input_service.outgoing import Outgoing
from input_service.pictures import Pictures
from input_service.reconciler import Reconciler
from input_service.results import ImageFiles
from input_service.settings import InputSettings
from input_service.webhooks import Webhooks


@dataclass(frozen=True, slots=True)
class Services:
    """Connections and parts that live as long as the service."""

    settings: InputSettings
    store: FaceStoreClient
    redis: Redis
    backlog: Backlog
    decoders: DecoderPool
    results: ImageFiles
    intake: Intake
    feed: StateFeed
    pictures: Pictures
    bodies: Bodies
    http: httpx.AsyncClient

    async def fetch(self, service: str, url: str) -> httpx.Response:
        """GETs from another service; raises ServiceUnavailableError when it does not answer."""
        try:
            return await self.http.get(url)
        except httpx.HTTPError as error:
            raise ServiceUnavailableError(f"{service} does not answer", retry_after_s=5) from error


def lifespan_of(settings: InputSettings) -> Lifespan:
    """The lifespan that opens the services as `app.state.services`."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        redis, ca = connect_redis(settings.redis), settings.tls.ca
        files = open_files(settings)
        inbox = Inbox(files)

        def connect() -> FaceStoreClient:
            return FaceStoreClient(settings.address.store_grpc, settings.inside_token, ca=ca)

        store, lead = connect(), Lead(Role.RECONCILER, connect)
        results = ImageFiles(ResultFiles(files), inbox)
        images = RedisImageStore(redis, settings.redis)
        backlog = Backlog(inbox, redis, settings.queue.limit)
        feed = StateFeed(settings.address.store_grpc, settings.inside_token, ca)
        reconciler = Reconciler(
            inbox, store, lambda: lead.term is not None, settings.reconcile.every_s
        )
        with DecoderPool(settings.upload) as decoders:
            async with httpx.AsyncClient(
                headers=settings.inside_token.headers,
                timeout=10.0,
                trust_env=False,
                verify=trusting(ca),
            ) as http:
                intake = Intake(
                    decoders, inbox, store, images, results, backlog, reconciler.note_registered
                )
                fetch = settings.fetch
                outgoing = Outgoing(fetch.private, fetch.timeout_s)
                bodies = Bodies(
                    settings.upload, outgoing if fetch.enabled else None, fetch.max_redirects
                )
                pictures = Pictures(decoders, results)
                feed.listen(pictures.note)
                webhooks = Webhooks(
                    settings.webhook, files, feed, store, outgoing, Lead(Role.WEBHOOKS, connect)
                )
                counting = asyncio.create_task(backlog.watch())
                app.state.services = Services(
                    settings,
                    store,
                    redis,
                    backlog,
                    decoders,
                    results,
                    intake,
                    feed,
                    pictures,
                    bodies,
                    http,
                )
                collector = PipelineCollector(redis)
                REGISTRY.register(collector)
                feed.start(asyncio.get_running_loop())
                lead.start()
                reconciler.start()
                webhooks.start()
                yield
                REGISTRY.unregister(collector)
                counting.cancel()
                await webhooks.stop()
                await outgoing.close()
                await asyncio.to_thread(reconciler.stop)
                await asyncio.to_thread(lead.stop)
                await asyncio.to_thread(feed.stop)
        store.close()
        redis.close()

    return lifespan


def _services(request: Request) -> Services:
    return cast(Services, request.app.state.services)


ServicesDep = Annotated[Services, Depends(_services)]
