"""Typed gRPC client of `facepipe.v1.FaceStore`: a deadline on every call, our own errors."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import grpc
import grpc.experimental

from facepipe.domain.analysis import Correction, ImageInfo, Part, PartError
from facepipe.domain.errors import (
    DeadlineExceededError,
    FacepipeError,
    ImageNotFoundError,
    InvalidRequestError,
    ServiceUnavailableError,
)
from facepipe.domain.result_rows import Rows
from facepipe.ledger import messages, summary_messages
from facepipe.ledger.states import (
    Changes,
    Grouping,
    ImageState,
    ListQuery,
    Page,
    Reanalysis,
    Registration,
    Role,
    StageRun,
    Stats,
    StepTime,
)
from facepipe.system.inside_token import InsideToken
from facepipe.system.tls import open_channel
from facepipe.v1 import face_store_pb2 as pb
from facepipe.v1.face_store_pb2_grpc import FaceStoreStub

MAX_MESSAGE_BYTES = 64 * 2**20

_OPTIONS = [
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    # A restarted server is found again within seconds, not after gRPC's default two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 2000),
    ("grpc.enable_http_proxy", 0),
    # A name with several addresses leads to replicas: calls are shared out to those that answer.
    ("grpc.lb_policy_name", "round_robin"),
    # Who reads a stream waits for it itself, instead of a thread that wakes up beside it.
    (grpc.experimental.ChannelOptions.SingleThreadedUnaryStream, 1),
]

_ROWS_TIMEOUT_S = 3600.0
_NO_IMAGE = "0" * 64

_Response = TypeVar("_Response")


class FaceStoreClient:
    """The ledger, from afar. Thread-safe; one channel a process is enough.

    Every method raises `ServiceUnavailableError` when data_storage_service does not answer
    and `DeadlineExceededError` when it takes longer than `timeout_s`. With `ca`, the certificate of
    an authority, calls are encrypted and the server has to show one of its certificates.
    """

    def __init__(
        self, address: str, token: InsideToken, timeout_s: float = 5.0, *, ca: Path | None = None
    ) -> None:
        self._metadata = token.metadata
        self._channel = open_channel(address, ca, _OPTIONS)
        self._stub = FaceStoreStub(self._channel)  # type: ignore[no-untyped-call]  # generated, untyped
        self._timeout_s = timeout_s

    def register(
        self,
        image_id: str,
        image: ImageInfo,
        received_at: datetime,
        *,
        new_generation: bool = False,
        expected_generation: int = 0,
        urgent: bool = False,
        traceparent: str = "",
    ) -> Registration:
        """Enters an accepted image, or finds it. See `RegisterImageRequest` for the flags."""
        request = pb.RegisterImageRequest(
            image_id=image_id,
            image=messages.image_to_pb(image),
            received_at=messages.timestamp_to_pb(received_at),
            new_generation=new_generation,
            expected_generation=expected_generation,
            urgent=urgent,
            traceparent=traceparent,
        )
        response = self._call(self._stub.RegisterImage, request)
        return Registration(messages.state_from_pb(response.analysis), response.created)

    def save_started(self, run: StageRun) -> bool:
        """A stage began. False when the image moved on without it, like all `save_*`."""
        request = messages.part_request(run)
        request.started.SetInParent()
        return self._save(request)

    def save_part(self, run: StageRun, part: Part) -> bool:
        """What the stage of the run found."""
        request = messages.part_request(run)
        request.document = messages.part_document(part)
        return self._save(request)

    def save_failure(self, run: StageRun, error: PartError) -> bool:
        """A stage gave up on the image."""
        request = messages.part_request(run)
        request.failure.CopyFrom(pb.PartError(code=error.code, message=error.message))
        return self._save(request)

    def get(self, image_id: str, include_parts: bool = False) -> ImageState:
        """Raises ImageNotFoundError for an id that was never accepted."""
        request = pb.GetAnalysisRequest(image_id=image_id, include_parts=include_parts)
        return messages.state_from_pb(self._call(self._stub.GetAnalysis, request))

    def list(self, query: ListQuery) -> Page:
        """Raises InvalidRequestError for a cursor that this ledger did not give out."""
        response = self._call(self._stub.ListAnalyses, messages.query_to_pb(query))
        return messages.page_from_pb(response)

    def rows(self, query: ListQuery) -> Iterator[Rows]:
        """All results that meet the query as rows, newest first, in batches.

        A reader has an hour for all of them.

        Raises:
            InvalidRequestError: a face has no such field.
        """
        request = messages.query_to_pb(query)
        stream = self._stub.StreamRows(request, timeout=_ROWS_TIMEOUT_S, metadata=self._metadata)
        try:
            for batch in stream:
                yield json.loads(batch.rows)
        except grpc.RpcError as error:
            raise _translated(error) from error
        finally:
            stream.cancel()

    def changes(self, after: int | None, limit: int = 500) -> Changes:
        """Images that changed since the change of a number; without one, where the ledger is."""
        request = pb.ListChangesRequest(after=after, limit=limit)
        response = self._call(self._stub.ListChanges, request)
        found = tuple(messages.state_from_pb(analysis) for analysis in response.analyses)
        return Changes(found, response.revision)

    def stats(self) -> Stats:
        return summary_messages.stats_from_pb(self._call(self._stub.GetStats, pb.GetStatsRequest()))

    def set_paused(self, *, paused: bool) -> datetime | None:
        """Has the workers rest, or go on; returns since when they rest."""
        request = pb.SetPausedRequest(paused=paused)
        return summary_messages.paused_at_from_pb(self._call(self._stub.SetPaused, request))

    def count(self, *by: Grouping, where: ListQuery | None = None) -> dict[tuple[str, ...], int]:
        """How many faces, or results, there are by the values of one or two of their fields.

        Args:
            by: the fields.
            where: images that its filters let through, and faces that meet its conditions, alone.

        Raises:
            InvalidRequestError: there is no such field, or the fields are not of one kind.
        """
        groupings = [pb.Grouping(field=one.field, width=one.width) for one in by]
        wanted = None if where is None else messages.query_to_pb(where)
        request = pb.CountRequest(by=groupings, where=wanted)
        response = self._call(self._stub.Count, request)
        return {tuple(group.key): group.count for group in response.groups}

    def step_times(self, newest: int = 10_000) -> dict[str, StepTime]:
        """How long each step took in the newest results."""
        response = self._call(self._stub.GetStepTimes, pb.GetStepTimesRequest(newest=newest))
        return {
            step: StepTime(time.median_ms, time.p90_ms, time.count)
            for step, time in response.steps.items()
        }

    def add_correction(self, image_id: str, correction: Correction) -> Correction:
        """Keeps what a person said of an image; returns it with its number.

        Raises:
            ImageNotFoundError: there is no such image any more.
        """
        document = correction.model_dump_json().encode()
        request = pb.AddCorrectionRequest(image_id=image_id, correction=document)
        response: pb.AddCorrectionResponse = self._call(self._stub.AddCorrection, request)
        return Correction.model_validate_json(response.correction)

    def remove_correction(self, image_id: str, number: int) -> Correction | None:
        """Takes a correction back, and returns it; None when there is none of that number."""
        request = pb.RemoveCorrectionRequest(image_id=image_id, number=number)
        response: pb.RemoveCorrectionResponse = self._call(self._stub.RemoveCorrection, request)
        taken = response.correction
        return Correction.model_validate_json(taken) if taken else None

    def delete(self, image_id: str) -> bool:
        """Erases an image; False when there was none."""
        request = pb.DeleteAnalysisRequest(image_id=image_id)
        response: pb.DeleteAnalysisResponse = self._call(self._stub.DeleteAnalysis, request)
        return response.existed

    def start_reanalysis(self, query: ListQuery) -> Reanalysis:
        """Has all images with a result that the query lets through analysed once more."""
        request = messages.query_to_pb(query)
        return summary_messages.reanalysis_from_pb(self._call(self._stub.StartReanalysis, request))

    def reanalysis(self, reanalysis_id: str, limit: int = 100, cursor: str = "") -> Reanalysis:
        """How far it is. Raises ImageNotFoundError where there is none of that id."""
        request = pb.GetReanalysisRequest(reanalysis_id=reanalysis_id, limit=limit, cursor=cursor)
        return summary_messages.reanalysis_from_pb(self._call(self._stub.GetReanalysis, request))

    def watch(self, image_ids: Sequence[str] = ()) -> Iterator[ImageState]:
        """Streams states as they change until `close`; no ids: those of all images."""
        stream = self._stub.WatchAnalyses(
            pb.WatchAnalysesRequest(image_ids=image_ids), metadata=self._metadata
        )
        try:
            for message in stream:
                yield messages.state_from_pb(message)
        except grpc.RpcError as error:
            raise _translated(error) from error
        finally:
            stream.cancel()

    def hold_role(self, role: Role) -> Iterator[bool]:
        """Asks for a role, and tells each second whether it is held, until `close`.

        Who hears nothing for some seconds has lost it.
        """
        stream = self._stub.HoldRole(pb.HoldRoleRequest(role=role), metadata=self._metadata)
        try:
            for message in stream:
                yield message.is_held
        except grpc.RpcError as error:
            raise _translated(error) from error
        finally:
            stream.cancel()

    def problem(self, timeout_s: float = 1.0) -> str | None:
        """A check of `/readyz`: why the ledger cannot be asked, None when it can."""
        try:
            grpc.channel_ready_future(self._channel).result(timeout=timeout_s)
            self.get(_NO_IMAGE)
        except grpc.FutureTimeoutError:
            return "data_storage_service does not answer"
        except ImageNotFoundError:
            return None
        except FacepipeError as error:
            return error.message
        return None

    def close(self) -> None:
        self._channel.close()

    def _save(self, request: pb.SavePartRequest) -> bool:
        response: pb.SavePartResponse = self._call(self._stub.SavePart, request)
        return response.accepted

    def _call(self, method: Callable[..., _Response], request: object) -> _Response:
        try:
            return method(request, timeout=self._timeout_s, metadata=self._metadata)
        except grpc.RpcError as error:
            raise _translated(error) from error


def _translated(error: grpc.RpcError) -> FacepipeError:
    code, details = error.code(), error.details() or ""
    match code:
        case grpc.StatusCode.NOT_FOUND:
            return ImageNotFoundError(details or "no such image")
        case grpc.StatusCode.INVALID_ARGUMENT:
            return InvalidRequestError(details)
        case grpc.StatusCode.UNAUTHENTICATED:
            # It says nothing about the image: another token may come with the next start.
            return ServiceUnavailableError(
                "data_storage_service refuses the inside token (see FACEPIPE_ACCESS_TOKEN)"
            )
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return DeadlineExceededError(f"data_storage_service took too long: {details}")
        case grpc.StatusCode.UNAVAILABLE | grpc.StatusCode.CANCELLED:
            return ServiceUnavailableError(f"data_storage_service does not answer: {details}")
        case _:
            return FacepipeError(f"data_storage_service failed with {code}: {details}")
