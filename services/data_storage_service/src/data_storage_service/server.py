"""The gRPC server: FaceStore with the standard health and reflection services."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from data_storage_service.call_counts import CallCounts
from data_storage_service.commits import CommitWatch
from data_storage_service.database import is_shared
from data_storage_service.notifications import Notifications
from data_storage_service.servicer import CANDIDATES, FaceStore
from data_storage_service.watch import ChangeFeed, News
from data_storage_service.wiring import Services
from facepipe.domain.errors import ServiceUnavailableError
from facepipe.system.tls import open_port
from facepipe.v1 import face_store_pb2 as pb
from facepipe.v1.face_store_pb2_grpc import add_FaceStoreServicer_to_server
from facepipe.web.inside_gates import GrpcGate

MAX_MESSAGE_BYTES = 64 * 2**20
GRACE_S = 5.0
SERVICE_NAME = pb.DESCRIPTOR.services_by_name["FaceStore"].full_name

_OPTIONS = [
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    # Two servers on one port would share the calls; the second shall fail instead.
    ("grpc.so_reuseport", 0),
    # A host that is gone neither watches nor has a role.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5_000),
]


@dataclass(frozen=True, slots=True)
class StoreServer:
    """A server that is made but not started, and the port it got."""

    grpc: grpc.Server
    port: int
    services: Services
    feed: ChangeFeed
    health: health.HealthServicer


def create_server(services: Services, address: str) -> StoreServer:
    """Makes the server and takes its port; port 0 takes a free one.

    Raises:
        ServiceUnavailableError: the port is taken.
    """
    limits = services.settings.storage
    feed = ChangeFeed(services.queries, _news(services))
    # A watcher holds its thread, as one who has a role does; the others must not wait for it.
    threads = limits.grpc_threads + limits.watchers + CANDIDATES
    pool = ThreadPoolExecutor(threads, thread_name_prefix="grpc")
    interceptors = [GrpcGate(services.settings.inside_token), CallCounts()]
    server = grpc.server(pool, interceptors=interceptors, options=_OPTIONS)
    add_FaceStoreServicer_to_server(FaceStore(services, feed), server)  # type: ignore[no-untyped-call]  # generated
    health_servicer = health.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(health_servicer, server)
    names = (SERVICE_NAME, health.SERVICE_NAME, reflection.SERVICE_NAME)
    reflection.enable_server_reflection(names, server)
    try:
        port = open_port(server, address, services.settings.tls)
    except RuntimeError as error:
        raise ServiceUnavailableError(
            f"cannot listen on {address}; is it taken? FACEPIPE_PORT_STORE_GRPC chooses another"
        ) from error
    return StoreServer(server, port, services, feed, health_servicer)


def _news(services: Services) -> News:
    if is_shared(services.engine):
        return Notifications(services.engine)
    return CommitWatch(services.engine, services.settings.storage.watch_poll_ms / 1000)


@contextmanager
def serving(server: StoreServer) -> Iterator[StoreServer]:
    """Serves until the block ends; calls in hand have a few seconds to finish.

    As long as it serves, it sees to the jobs of the ledger.
    """
    server.feed.start()
    server.services.lead.start()
    server.services.dispatcher.start()
    server.services.recovery.start()
    server.services.spare_time.start()
    server.grpc.start()
    for name in ("", SERVICE_NAME):
        server.health.set(name, health_pb2.HealthCheckResponse.SERVING)
    try:
        yield server
    finally:
        server.health.enter_graceful_shutdown()
        stopped = server.grpc.stop(GRACE_S)
        server.feed.close()
        stopped.wait(GRACE_S + 1)
        server.services.spare_time.stop()
        server.services.recovery.stop()
        server.services.dispatcher.stop()
        server.services.lead.stop()
