"""`facepipe.v1.FaceStore`: requests in, ledger, answers out."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from dataclasses import asdict, replace

import grpc

from data_storage_service.call_errors import abort, answers, parsing, writing_volume
from data_storage_service.leading import LOOK_S
from data_storage_service.outcomes import Saved
from data_storage_service.row_stream import RowStream
from data_storage_service.watch import ChangeFeed
from data_storage_service.wiring import Services
from facepipe.domain.analysis import Correction, PartError
from facepipe.domain.errors import (
    FacepipeError,
    InvalidRequestError,
    ServiceUnavailableError,
)
from facepipe.files.inbox import check_image_id
from facepipe.ledger import messages, summary_messages
from facepipe.ledger.states import Grouping, Role, StageRun
from facepipe.v1 import face_store_pb2 as pb
from facepipe.v1.face_store_pb2_grpc import FaceStoreServicer

MAX_WATCHED_IDS = 10_000
CANDIDATES = 64
"""Processes that may have, or wait for, a role."""

_log = logging.getLogger(__name__)


class FaceStore(FaceStoreServicer):
    """The service. Calls run in threads of the server; everything here is thread-safe."""

    def __init__(self, services: Services, feed: ChangeFeed) -> None:
        self._services = services
        self._feed = feed
        self._free_candidates = threading.BoundedSemaphore(CANDIDATES)
        self._free_watchers = threading.BoundedSemaphore(services.settings.storage.watchers)

    @answers
    def RegisterImage(  # noqa: N802  # gRPC names it
        self, request: pb.RegisterImageRequest, context: grpc.ServicerContext
    ) -> pb.RegisterImageResponse:
        image_id = check_image_id(request.image_id)
        if not request.HasField("received_at"):
            raise InvalidRequestError("received_at is missing")
        with parsing():
            image = messages.image_from_pb(request.image, image_id)
            received_at = messages.timestamp_from_pb(request.received_at)
        registration = self._services.ledger.register(
            image_id,
            image,
            received_at,
            new_generation=request.new_generation,
            expected_generation=request.expected_generation,
            urgent=request.urgent,
            traceparent=request.traceparent,
            as_queued=True,
        )
        state = registration.state
        if not registration.due:
            self._services.dispatcher.dispatch(image_id)
            state = self._services.queries.get(image_id)
        elif not self._services.dispatcher.pass_on(image_id, registration.due):
            state = self._services.ledger.not_queued(state)
        return pb.RegisterImageResponse(
            analysis=messages.state_to_pb(state), created=registration.created
        )

    @answers
    def SavePart(  # noqa: N802  # gRPC names it
        self, request: pb.SavePartRequest, context: grpc.ServicerContext
    ) -> pb.SavePartResponse:
        check_image_id(request.image_id)
        with parsing():
            run = messages.run_of_part(request)
        if run.generation < 1:
            raise InvalidRequestError("a generation is 1 or more")
        saved = self._save(request, run)
        self._services.dispatcher.pass_on(run.image_id, saved.due)
        if saved.is_failed:
            self._settle(run.image_id)
        return pb.SavePartResponse(accepted=saved.accepted)

    @answers
    def GetAnalysis(  # noqa: N802  # gRPC names it
        self, request: pb.GetAnalysisRequest, context: grpc.ServicerContext
    ) -> pb.Analysis:
        image_id = check_image_id(request.image_id)
        if not request.include_parts:
            return messages.state_to_pb(self._services.queries.get(image_id))
        state, documents = self._services.queries.with_documents(image_id)
        message = messages.state_to_pb(state)
        for stage, document in documents.items():
            message.parts[stage] = document
        return message

    @answers
    def ListAnalyses(  # noqa: N802  # gRPC names it
        self, request: pb.ListAnalysesRequest, context: grpc.ServicerContext
    ) -> pb.ListAnalysesResponse:
        with parsing():
            query = messages.query_from_pb(request)
        page = self._services.queries.page(query)
        return pb.ListAnalysesResponse(
            analyses=[messages.state_to_pb(state) for state in page.images],
            next_cursor=page.next_cursor,
            total=page.total,
        )

    def StreamRows(  # noqa: N802  # gRPC names it
        self, request: pb.ListAnalysesRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.RowBatch]:
        try:
            with parsing():
                query = replace(messages.query_from_pb(request), cursor="")
            rows = RowStream(self._services.engine, self._services.files)
            for batch in rows.batches(query):
                if not context.is_active():
                    return
                yield pb.RowBatch(rows=json.dumps(batch, separators=(",", ":")).encode())
        except FacepipeError as error:
            abort(context, error)

    @answers
    def ListChanges(  # noqa: N802  # gRPC names it
        self, request: pb.ListChangesRequest, context: grpc.ServicerContext
    ) -> pb.ListChangesResponse:
        queries = self._services.queries
        present = queries.revision()
        # A number of the future is that of another ledger, which this one has taken the place of.
        if not request.HasField("after") or request.after >= present:
            return pb.ListChangesResponse(revision=present)
        states, revision = queries.changed(request.after, limit=request.limit or None)
        return pb.ListChangesResponse(
            analyses=[messages.state_to_pb(state) for state in states], revision=revision
        )

    @answers
    def GetStats(  # noqa: N802  # gRPC names it
        self, request: pb.GetStatsRequest, context: grpc.ServicerContext
    ) -> pb.Stats:
        stats = replace(self._services.queries.stats(), paused_at=self._services.pause.since)
        return summary_messages.stats_to_pb(stats)

    @answers
    def SetPaused(  # noqa: N802  # gRPC names it
        self, request: pb.SetPausedRequest, context: grpc.ServicerContext
    ) -> pb.QueueState:
        since = self._services.pause.set(paused=request.paused)
        return pb.QueueState(paused_at=messages.timestamp_to_pb(since))

    @answers
    def Count(  # noqa: N802  # gRPC names it
        self, request: pb.CountRequest, context: grpc.ServicerContext
    ) -> pb.CountResponse:
        by = [Grouping(one.field, one.width) for one in request.by]
        where = messages.query_from_pb(request.where) if request.HasField("where") else None
        groups = self._services.queries.count(by, where).items()
        return pb.CountResponse(groups=[pb.Group(key=key, count=number) for key, number in groups])

    @answers
    def GetStepTimes(  # noqa: N802  # gRPC names it
        self, request: pb.GetStepTimesRequest, context: grpc.ServicerContext
    ) -> pb.StepTimes:
        times = self._services.queries.step_times(request.newest or 10_000)
        return pb.StepTimes(
            steps={step: pb.StepTime(**asdict(time)) for step, time in times.items()}
        )

    @answers
    def DeleteAnalysis(  # noqa: N802  # gRPC names it
        self, request: pb.DeleteAnalysisRequest, context: grpc.ServicerContext
    ) -> pb.DeleteAnalysisResponse:
        image_id = check_image_id(request.image_id)
        try:
            existed = self._services.settler.delete(image_id)
        except OSError as error:
            raise ServiceUnavailableError(f"its files are still there: {error}") from error
        if existed:
            _log.info("deleted")
        return pb.DeleteAnalysisResponse(existed=existed)

    @answers
    def AddCorrection(  # noqa: N802  # gRPC names it
        self, request: pb.AddCorrectionRequest, context: grpc.ServicerContext
    ) -> pb.AddCorrectionResponse:
        image_id = check_image_id(request.image_id)
        with parsing():
            said = Correction.model_validate_json(request.correction)
        with writing_volume():
            made = self._services.corrector.add(image_id, said)
        return pb.AddCorrectionResponse(correction=made.model_dump_json().encode())

    @answers
    def RemoveCorrection(  # noqa: N802  # gRPC names it
        self, request: pb.RemoveCorrectionRequest, context: grpc.ServicerContext
    ) -> pb.RemoveCorrectionResponse:
        image_id = check_image_id(request.image_id)
        with writing_volume():
            taken = self._services.corrector.remove(image_id, request.number)
        document = taken.model_dump_json().encode() if taken else b""
        return pb.RemoveCorrectionResponse(correction=document)

    @answers
    def StartReanalysis(  # noqa: N802  # gRPC names it
        self, request: pb.ListAnalysesRequest, context: grpc.ServicerContext
    ) -> pb.Reanalysis:
        with parsing():
            query = messages.query_from_pb(request)
        if not query.statuses or not all(status.has_result for status in query.statuses):
            raise InvalidRequestError("only images with a result are analysed again")
        return summary_messages.reanalysis_to_pb(self._services.reanalyses.begin(query))

    @answers
    def GetReanalysis(  # noqa: N802  # gRPC names it
        self, request: pb.GetReanalysisRequest, context: grpc.ServicerContext
    ) -> pb.Reanalysis:
        found = self._services.reanalyses.report(
            request.reanalysis_id, request.limit or 100, request.cursor
        )
        return summary_messages.reanalysis_to_pb(found)

    def WatchAnalyses(  # noqa: N802  # gRPC names it
        self, request: pb.WatchAnalysesRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.Analysis]:
        if len(request.image_ids) > MAX_WATCHED_IDS:
            abort(context, InvalidRequestError(f"at most {MAX_WATCHED_IDS} ids; or none, for all"))
        if not self._free_watchers.acquire(blocking=False):
            abort(context, ServiceUnavailableError("too many watch at once; watch all at once"))
        try:
            ids = [check_image_id(image_id) for image_id in request.image_ids]
            for state in self._feed.watch(ids, context.is_active):
                yield messages.state_to_pb(state)
        except FacepipeError as error:
            abort(context, error)
        finally:
            self._free_watchers.release()

    def HoldRole(  # noqa: N802  # gRPC names it
        self, request: pb.HoldRoleRequest, context: grpc.ServicerContext
    ) -> Iterator[pb.RoleState]:
        if not self._free_candidates.acquire(blocking=False):
            abort(context, ServiceUnavailableError("too many ask for a role"))
        try:
            with parsing():
                turn = self._services.turns.candidate(Role(request.role))
        except FacepipeError as error:
            self._free_candidates.release()
            abort(context, error)
        try:
            while context.is_active():
                yield pb.RoleState(is_held=turn.hold())
                if self._feed.wait_for_end(LOOK_S):
                    return
        finally:
            turn.give_up()
            self._free_candidates.release()

    def _save(self, request: pb.SavePartRequest, run: StageRun) -> Saved:
        ledger = self._services.ledger
        match request.WhichOneof("part"):
            case "started":
                return Saved(accepted=ledger.save_started(run))
            case "document":
                with parsing():
                    part = messages.part_of(run.stage, request.document)
                return ledger.save_part(run, part, request.document)
            case "failure":
                unnamed = PartError(code="internal_error", message="the stage gave no reason")
                return ledger.save_failure(run, run.error or unnamed)
            case _:
                raise InvalidRequestError("the call has no part")

    def _settle(self, image_id: str) -> None:
        try:
            self._services.settler.settle(image_id)
        except OSError as error:
            _log.warning("settled later: %s", error, extra={"image_id": image_id})
