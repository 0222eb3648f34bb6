from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

from data_storage_service.server import SERVICE_NAME, create_server
from facepipe.domain.analysis import PartError
from facepipe.domain.errors import (
    ImageNotFoundError,
    InvalidRequestError,
    ServiceUnavailableError,
)
from facepipe.domain.face_fields import FaceCondition, conditions_of
from facepipe.domain.status import Status
from facepipe.ledger import messages
from facepipe.ledger.states import ImageState, ListQuery
from facepipe.queue.jobs import queue_of
from facepipe.stage import PartRun
from facepipe.stages import StageName
from facepipe.v1 import face_store_pb2 as pb
from facepipe.v1.face_store_pb2_grpc import FaceStoreStub
from tests.integration.data_storage.conftest import Store
from tests.integration.input.rig import wait_for
from tests.support import store_samples as samples
from tests.support.insider import ShowsToken
from tests.support.redis_server import RedisServer


def waiting_jobs(store: Store) -> list[str]:
    return list(queue_of(StageName.STORAGE, store.services.redis).job_ids)


def test_an_image_from_registration_to_the_result(store: Store) -> None:
    # given an accepted image
    image_id = store.accept()
    assert store.client.get(image_id).status is Status.QUEUED

    # when both stages send their parts
    landmark = samples.run(image_id, StageName.LANDMARK, detect=41.0)
    assert store.client.save_started(landmark)
    assert store.client.save_part(landmark, samples.landmarks())
    assert waiting_jobs(store) == []
    agegender = samples.run(image_id, StageName.AGEGENDER, agegender=12.0)
    assert store.client.save_part(agegender, samples.agegender())

    # then a storage job of this generation waits, once, also after a repetition
    assert store.client.save_part(agegender, samples.agegender())
    assert waiting_jobs(store) == [f"storage-{image_id}-1"]

    # and when it has run, the result is there
    assert store.services.results.store(PartRun(StageName.STORAGE, image_id, 1, None))
    state = store.client.get(image_id, include_parts=True)
    assert state.status is Status.STORED
    assert state.parts == {}
    assert [run.stage for run in state.timeline] == ["landmark", "agegender", "storage"]
    assert store.client.stats().accepted == 1
    assert [
        s.image_id
        for s in store.client.list(ListQuery(faces=conditions_of({"min_age": 20}))).images
    ] == [image_id]


def test_a_job_waits_in_the_ledger_while_redis_is_down(
    store: Store, redis_server: RedisServer
) -> None:
    # given an image that waits for its last part, and no Redis
    image_id = store.accept()
    store.client.save_part(samples.run(image_id, StageName.LANDMARK), samples.landmarks())
    redis_server.kill()

    # when the part comes, it is taken
    run = samples.run(image_id, StageName.AGEGENDER)
    assert store.client.save_part(run, samples.agegender())
    assert store.client.get(image_id).status is Status.STORING

    # then the job is queued as soon as Redis is back
    redis_server.start()
    wait_for(lambda: waiting_jobs(store) == [f"storage-{image_id}-1"])


def test_a_failed_image_keeps_its_upload_and_empties_the_inbox(store: Store) -> None:
    image_id = store.accept()

    assert store.client.save_failure(samples.run(image_id, StageName.LANDMARK), samples.ERROR)

    state = store.client.get(image_id)
    assert (state.status, state.error) == (Status.FAILED, samples.ERROR)
    assert image_id not in store.inbox
    assert store.services.files.read_source(image_id) == samples.png()


def test_deleting_erases_files_keys_and_rows(store: Store) -> None:
    # given a result, and pixels that are still cached
    image_id = store.accept()
    store.client.save_part(samples.run(image_id, StageName.LANDMARK), samples.landmarks(0))
    store.services.results.store(PartRun(StageName.STORAGE, image_id, 1, None))
    store.services.redis.set(f"image:{image_id}", b"x")

    # when it is deleted
    assert store.client.delete(image_id)
    assert not store.client.delete(image_id)

    # then nothing but a tombstone is left
    root = store.services.settings.volumes.root
    assert list(root.rglob(f"*{image_id}*")) == []
    assert store.services.redis.exists(f"image:{image_id}") == 0
    assert store.client.get(image_id).status is Status.DELETED
    assert store.client.get(image_id).image.file_name == ""


def test_a_job_is_not_stopped_by_what_was_never_asked(store: Store) -> None:
    unknown = samples.image_id_of(99)

    with pytest.raises(ImageNotFoundError):
        store.client.get(unknown)
    assert not store.client.delete(unknown)
    assert not store.client.save_started(samples.run(unknown, StageName.LANDMARK))


@pytest.mark.parametrize("image_id", ["", "../../etc/passwd", "A" * 64, "0" * 63, "0" * 65])
def test_an_id_must_be_one(store: Store, image_id: str) -> None:
    calls: list[Callable[[], object]] = [
        lambda: store.client.get(image_id),
        lambda: store.client.delete(image_id),
        lambda: store.client.register(image_id, samples.info("0" * 64), samples.START),
        lambda: store.client.save_started(samples.run(image_id, StageName.LANDMARK)),
        lambda: next(iter(store.client.watch([image_id]))),
    ]
    for call in calls:
        with pytest.raises(InvalidRequestError):
            call()


def test_malformed_messages_are_the_callers_mistake(store: Store) -> None:
    image_id = store.accept()
    channel = grpc.insecure_channel(f"127.0.0.1:{store.server.port}")
    stub = FaceStoreStub(channel)  # type: ignore[no-untyped-call]  # generated
    landmark, agegender = StageName.LANDMARK, StageName.AGEGENDER
    request_of = partial(pb.SavePartRequest, image_id=image_id, generation=1)
    found = messages.part_document(samples.landmarks())
    requests = [
        request_of(started=pb.StageStarted()),
        request_of(stage="baking", started=pb.StageStarted()),
        request_of(stage=landmark),
        pb.SavePartRequest(image_id=image_id, stage=landmark, started=pb.StageStarted()),
        request_of(stage=agegender, document=found),
        request_of(stage=StageName.STORAGE, document=found),
        request_of(stage=landmark, document=found.replace(b'"x2":70', b'"x2":5')),
        request_of(stage=landmark, document=b"\xff"),
        request_of(stage=landmark, document=b""),
    ]
    for request in requests:
        with pytest.raises(grpc.RpcError) as caught:
            stub.SavePart(
                request, timeout=20, metadata=store.services.settings.inside_token.metadata
            )
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    with pytest.raises(InvalidRequestError):
        store.client.list(ListQuery(cursor="not one"))
    with pytest.raises(InvalidRequestError):
        store.client.list(ListQuery(faces=(FaceCondition("shoe_size", low=40),)))
    assert store.client.get(image_id).status is Status.QUEUED
    channel.close()


def test_watching_shows_the_present_and_then_every_change(store: Store) -> None:
    # given an image that is watched
    image_id = store.accept(1)
    other = store.accept(2)
    seen: list[ImageState] = []
    first, last = threading.Event(), threading.Event()

    def watch() -> None:
        for state in store.client.watch([image_id]):
            seen.append(state)
            first.set()
            if state.status.is_final:
                last.set()
                return

    thread = threading.Thread(target=watch)
    thread.start()
    assert first.wait(20)

    # when it moves on, and another one does
    store.client.save_started(samples.run(other, StageName.LANDMARK))
    store.client.save_started(samples.run(image_id, StageName.LANDMARK))
    error = PartError(code="model_error", message="no")
    store.client.save_failure(samples.run(image_id, StageName.LANDMARK), error)

    # then the watcher hears of it, and of nothing else
    assert last.wait(20)
    thread.join(5)
    assert {state.image_id for state in seen} == {image_id}
    assert seen[0].status is Status.QUEUED
    assert seen[-1].status is Status.FAILED


def test_watching_all_begins_now(store: Store) -> None:
    store.accept(1)
    stream = iter(store.client.watch())
    upload = threading.Timer(0.5, store.accept, [2])
    upload.start()

    assert next(stream).image_id == samples.image_id_of(2)
    upload.join()


def test_watchers_are_limited_and_calls_go_on(store: Store) -> None:
    # given as many watchers as there may be
    image_id = store.accept(1)
    streams = [iter(store.client.watch([image_id])) for _ in range(2)]
    for stream in streams:
        next(stream)

    # when one more comes
    with pytest.raises(ServiceUnavailableError, match="too many"):
        next(iter(store.client.watch([image_id])))

    # then the others, and other calls, are as they were
    assert store.client.get(image_id).image_id == image_id


def test_health_and_reflection_are_the_standard_ones(store: Store) -> None:
    with grpc.insecure_channel(f"127.0.0.1:{store.server.port}") as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        for service in ("", SERVICE_NAME):
            answer = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=20)
            assert answer.status == health_pb2.HealthCheckResponse.SERVING
        insider = grpc.intercept_channel(channel, ShowsToken(store.services.settings.inside_token))
        services = ProtoReflectionDescriptorDatabase(insider).get_services()
    assert SERVICE_NAME == "facepipe.v1.FaceStore"
    assert SERVICE_NAME in services


def test_a_taken_port_is_said_so(store: Store) -> None:
    with pytest.raises(ServiceUnavailableError, match="FACEPIPE_PORT_STORE_GRPC"):
        create_server(store.services, f"127.0.0.1:{store.server.port}")


def test_many_at_once_are_all_counted(store: Store) -> None:
    # given eight callers
    def work(base: int) -> None:
        for number in range(base, base + 5):
            image_id = samples.image_id_of(number)
            received_at = samples.START + timedelta(seconds=number)
            store.client.register(image_id, samples.info(image_id), received_at)
            store.client.save_part(samples.run(image_id, StageName.LANDMARK), samples.landmarks(0))

    threads = [threading.Thread(target=work, args=[100 * caller]) for caller in range(8)]

    # when they register and save at the same time
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    # then no image and no job is lost
    assert store.client.stats().images_by_status == {Status.STORING: 40}
    assert len(waiting_jobs(store)) == 40
