import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Status(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STATUS_UNSPECIFIED: _ClassVar[Status]
    STATUS_RECEIVED: _ClassVar[Status]
    STATUS_QUEUED: _ClassVar[Status]
    STATUS_DETECTING: _ClassVar[Status]
    STATUS_ANALYSING: _ClassVar[Status]
    STATUS_STORING: _ClassVar[Status]
    STATUS_STORED: _ClassVar[Status]
    STATUS_PARTIAL: _ClassVar[Status]
    STATUS_FAILED: _ClassVar[Status]
    STATUS_DELETED: _ClassVar[Status]
STATUS_UNSPECIFIED: Status
STATUS_RECEIVED: Status
STATUS_QUEUED: Status
STATUS_DETECTING: Status
STATUS_ANALYSING: Status
STATUS_STORING: Status
STATUS_STORED: Status
STATUS_PARTIAL: Status
STATUS_FAILED: Status
STATUS_DELETED: Status

class ImageInfo(_message.Message):
    __slots__ = ("file_name", "format", "width", "height", "orientation_applied", "size_bytes", "damaged", "missing_share", "frame", "preview", "external_id", "tags", "folder", "options")
    FILE_NAME_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    ORIENTATION_APPLIED_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    DAMAGED_FIELD_NUMBER: _ClassVar[int]
    MISSING_SHARE_FIELD_NUMBER: _ClassVar[int]
    FRAME_FIELD_NUMBER: _ClassVar[int]
    PREVIEW_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_ID_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    FOLDER_FIELD_NUMBER: _ClassVar[int]
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    file_name: str
    format: str
    width: int
    height: int
    orientation_applied: int
    size_bytes: int
    damaged: bool
    missing_share: float
    frame: int
    preview: bool
    external_id: str
    tags: _containers.RepeatedScalarFieldContainer[str]
    folder: str
    options: bytes
    def __init__(self, file_name: _Optional[str] = ..., format: _Optional[str] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., orientation_applied: _Optional[int] = ..., size_bytes: _Optional[int] = ..., damaged: _Optional[bool] = ..., missing_share: _Optional[float] = ..., frame: _Optional[int] = ..., preview: _Optional[bool] = ..., external_id: _Optional[str] = ..., tags: _Optional[_Iterable[str]] = ..., folder: _Optional[str] = ..., options: _Optional[bytes] = ...) -> None: ...

class RegisterImageRequest(_message.Message):
    __slots__ = ("image_id", "image", "received_at", "new_generation", "expected_generation", "urgent", "traceparent")
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_AT_FIELD_NUMBER: _ClassVar[int]
    NEW_GENERATION_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_GENERATION_FIELD_NUMBER: _ClassVar[int]
    URGENT_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    image_id: str
    image: ImageInfo
    received_at: _timestamp_pb2.Timestamp
    new_generation: bool
    expected_generation: int
    urgent: bool
    traceparent: str
    def __init__(self, image_id: _Optional[str] = ..., image: _Optional[_Union[ImageInfo, _Mapping]] = ..., received_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., new_generation: _Optional[bool] = ..., expected_generation: _Optional[int] = ..., urgent: _Optional[bool] = ..., traceparent: _Optional[str] = ...) -> None: ...

class RegisterImageResponse(_message.Message):
    __slots__ = ("analysis", "created")
    ANALYSIS_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    analysis: Analysis
    created: bool
    def __init__(self, analysis: _Optional[_Union[Analysis, _Mapping]] = ..., created: _Optional[bool] = ...) -> None: ...

class PartError(_message.Message):
    __slots__ = ("code", "message")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    code: str
    message: str
    def __init__(self, code: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class StageStarted(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SavePartRequest(_message.Message):
    __slots__ = ("image_id", "generation", "stage", "started", "document", "failure", "timings_ms", "attempt", "worker", "started_at", "ended_at")
    class TimingsMsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    STAGE_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    DOCUMENT_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    TIMINGS_MS_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    image_id: str
    generation: int
    stage: str
    started: StageStarted
    document: bytes
    failure: PartError
    timings_ms: _containers.ScalarMap[str, float]
    attempt: int
    worker: str
    started_at: _timestamp_pb2.Timestamp
    ended_at: _timestamp_pb2.Timestamp
    def __init__(self, image_id: _Optional[str] = ..., generation: _Optional[int] = ..., stage: _Optional[str] = ..., started: _Optional[_Union[StageStarted, _Mapping]] = ..., document: _Optional[bytes] = ..., failure: _Optional[_Union[PartError, _Mapping]] = ..., timings_ms: _Optional[_Mapping[str, float]] = ..., attempt: _Optional[int] = ..., worker: _Optional[str] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ended_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class SavePartResponse(_message.Message):
    __slots__ = ("accepted",)
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    accepted: bool
    def __init__(self, accepted: _Optional[bool] = ...) -> None: ...

class GetAnalysisRequest(_message.Message):
    __slots__ = ("image_id", "include_parts")
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_PARTS_FIELD_NUMBER: _ClassVar[int]
    image_id: str
    include_parts: bool
    def __init__(self, image_id: _Optional[str] = ..., include_parts: _Optional[bool] = ...) -> None: ...

class StageRun(_message.Message):
    __slots__ = ("stage", "attempt", "worker", "started_at", "ended_at", "error")
    STAGE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    stage: str
    attempt: int
    worker: str
    started_at: _timestamp_pb2.Timestamp
    ended_at: _timestamp_pb2.Timestamp
    error: PartError
    def __init__(self, stage: _Optional[str] = ..., attempt: _Optional[int] = ..., worker: _Optional[str] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ended_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., error: _Optional[_Union[PartError, _Mapping]] = ...) -> None: ...

class Analysis(_message.Message):
    __slots__ = ("image_id", "generation", "status", "image", "received_at", "updated_at", "error", "num_faces", "timeline", "parts", "traceparent", "revision", "corrected", "corrections", "again")
    class PartsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: bytes
        def __init__(self, key: _Optional[str] = ..., value: _Optional[bytes] = ...) -> None: ...
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    NUM_FACES_FIELD_NUMBER: _ClassVar[int]
    TIMELINE_FIELD_NUMBER: _ClassVar[int]
    PARTS_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    CORRECTED_FIELD_NUMBER: _ClassVar[int]
    CORRECTIONS_FIELD_NUMBER: _ClassVar[int]
    AGAIN_FIELD_NUMBER: _ClassVar[int]
    image_id: str
    generation: int
    status: Status
    image: ImageInfo
    received_at: _timestamp_pb2.Timestamp
    updated_at: _timestamp_pb2.Timestamp
    error: PartError
    num_faces: int
    timeline: _containers.RepeatedCompositeFieldContainer[StageRun]
    parts: _containers.ScalarMap[str, bytes]
    traceparent: str
    revision: int
    corrected: bool
    corrections: _containers.RepeatedScalarFieldContainer[bytes]
    again: Status
    def __init__(self, image_id: _Optional[str] = ..., generation: _Optional[int] = ..., status: _Optional[_Union[Status, str]] = ..., image: _Optional[_Union[ImageInfo, _Mapping]] = ..., received_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., error: _Optional[_Union[PartError, _Mapping]] = ..., num_faces: _Optional[int] = ..., timeline: _Optional[_Iterable[_Union[StageRun, _Mapping]]] = ..., parts: _Optional[_Mapping[str, bytes]] = ..., traceparent: _Optional[str] = ..., revision: _Optional[int] = ..., corrected: _Optional[bool] = ..., corrections: _Optional[_Iterable[bytes]] = ..., again: _Optional[_Union[Status, str]] = ...) -> None: ...

class ListChangesRequest(_message.Message):
    __slots__ = ("after", "limit")
    AFTER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    after: int
    limit: int
    def __init__(self, after: _Optional[int] = ..., limit: _Optional[int] = ...) -> None: ...

class ListChangesResponse(_message.Message):
    __slots__ = ("analyses", "revision")
    ANALYSES_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    analyses: _containers.RepeatedCompositeFieldContainer[Analysis]
    revision: int
    def __init__(self, analyses: _Optional[_Iterable[_Union[Analysis, _Mapping]]] = ..., revision: _Optional[int] = ...) -> None: ...

class ListAnalysesRequest(_message.Message):
    __slots__ = ("statuses", "received_after", "received_before", "min_faces", "max_faces", "face", "limit", "cursor", "name", "sort", "with_total", "external_id", "tags", "folder", "corrected")
    STATUSES_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_AFTER_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_BEFORE_FIELD_NUMBER: _ClassVar[int]
    MIN_FACES_FIELD_NUMBER: _ClassVar[int]
    MAX_FACES_FIELD_NUMBER: _ClassVar[int]
    FACE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    SORT_FIELD_NUMBER: _ClassVar[int]
    WITH_TOTAL_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_ID_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    FOLDER_FIELD_NUMBER: _ClassVar[int]
    CORRECTED_FIELD_NUMBER: _ClassVar[int]
    statuses: _containers.RepeatedScalarFieldContainer[Status]
    received_after: _timestamp_pb2.Timestamp
    received_before: _timestamp_pb2.Timestamp
    min_faces: int
    max_faces: int
    face: _containers.RepeatedCompositeFieldContainer[FaceCondition]
    limit: int
    cursor: str
    name: str
    sort: str
    with_total: bool
    external_id: str
    tags: _containers.RepeatedScalarFieldContainer[str]
    folder: str
    corrected: bool
    def __init__(self, statuses: _Optional[_Iterable[_Union[Status, str]]] = ..., received_after: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., received_before: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., min_faces: _Optional[int] = ..., max_faces: _Optional[int] = ..., face: _Optional[_Iterable[_Union[FaceCondition, _Mapping]]] = ..., limit: _Optional[int] = ..., cursor: _Optional[str] = ..., name: _Optional[str] = ..., sort: _Optional[str] = ..., with_total: _Optional[bool] = ..., external_id: _Optional[str] = ..., tags: _Optional[_Iterable[str]] = ..., folder: _Optional[str] = ..., corrected: _Optional[bool] = ...) -> None: ...

class FaceCondition(_message.Message):
    __slots__ = ("field", "min", "max", "any_of")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    MIN_FIELD_NUMBER: _ClassVar[int]
    MAX_FIELD_NUMBER: _ClassVar[int]
    ANY_OF_FIELD_NUMBER: _ClassVar[int]
    field: str
    min: float
    max: float
    any_of: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, field: _Optional[str] = ..., min: _Optional[float] = ..., max: _Optional[float] = ..., any_of: _Optional[_Iterable[str]] = ...) -> None: ...

class ListAnalysesResponse(_message.Message):
    __slots__ = ("analyses", "next_cursor", "total")
    ANALYSES_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    analyses: _containers.RepeatedCompositeFieldContainer[Analysis]
    next_cursor: str
    total: int
    def __init__(self, analyses: _Optional[_Iterable[_Union[Analysis, _Mapping]]] = ..., next_cursor: _Optional[str] = ..., total: _Optional[int] = ...) -> None: ...

class RowBatch(_message.Message):
    __slots__ = ("rows",)
    ROWS_FIELD_NUMBER: _ClassVar[int]
    rows: bytes
    def __init__(self, rows: _Optional[bytes] = ...) -> None: ...

class GetStatsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Stats(_message.Message):
    __slots__ = ("images_by_status", "accepted", "faces", "faces_by_gender", "stored_last_hour", "revision", "accuracy", "paused_at")
    class ImagesByStatusEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class FacesByGenderEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    IMAGES_BY_STATUS_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    FACES_FIELD_NUMBER: _ClassVar[int]
    FACES_BY_GENDER_FIELD_NUMBER: _ClassVar[int]
    STORED_LAST_HOUR_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    ACCURACY_FIELD_NUMBER: _ClassVar[int]
    PAUSED_AT_FIELD_NUMBER: _ClassVar[int]
    images_by_status: _containers.ScalarMap[str, int]
    accepted: int
    faces: int
    faces_by_gender: _containers.ScalarMap[str, int]
    stored_last_hour: int
    revision: int
    accuracy: Accuracy
    paused_at: _timestamp_pb2.Timestamp
    def __init__(self, images_by_status: _Optional[_Mapping[str, int]] = ..., accepted: _Optional[int] = ..., faces: _Optional[int] = ..., faces_by_gender: _Optional[_Mapping[str, int]] = ..., stored_last_hour: _Optional[int] = ..., revision: _Optional[int] = ..., accuracy: _Optional[_Union[Accuracy, _Mapping]] = ..., paused_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class SetPausedRequest(_message.Message):
    __slots__ = ("paused",)
    PAUSED_FIELD_NUMBER: _ClassVar[int]
    paused: bool
    def __init__(self, paused: _Optional[bool] = ...) -> None: ...

class QueueState(_message.Message):
    __slots__ = ("paused_at",)
    PAUSED_AT_FIELD_NUMBER: _ClassVar[int]
    paused_at: _timestamp_pb2.Timestamp
    def __init__(self, paused_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Accuracy(_message.Message):
    __slots__ = ("images", "found", "not_faces", "missed", "ages", "age_error_years", "genders", "genders_right")
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    FOUND_FIELD_NUMBER: _ClassVar[int]
    NOT_FACES_FIELD_NUMBER: _ClassVar[int]
    MISSED_FIELD_NUMBER: _ClassVar[int]
    AGES_FIELD_NUMBER: _ClassVar[int]
    AGE_ERROR_YEARS_FIELD_NUMBER: _ClassVar[int]
    GENDERS_FIELD_NUMBER: _ClassVar[int]
    GENDERS_RIGHT_FIELD_NUMBER: _ClassVar[int]
    images: int
    found: int
    not_faces: int
    missed: int
    ages: int
    age_error_years: float
    genders: int
    genders_right: int
    def __init__(self, images: _Optional[int] = ..., found: _Optional[int] = ..., not_faces: _Optional[int] = ..., missed: _Optional[int] = ..., ages: _Optional[int] = ..., age_error_years: _Optional[float] = ..., genders: _Optional[int] = ..., genders_right: _Optional[int] = ...) -> None: ...

class AddCorrectionRequest(_message.Message):
    __slots__ = ("image_id", "correction")
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    CORRECTION_FIELD_NUMBER: _ClassVar[int]
    image_id: str
    correction: bytes
    def __init__(self, image_id: _Optional[str] = ..., correction: _Optional[bytes] = ...) -> None: ...

class AddCorrectionResponse(_message.Message):
    __slots__ = ("correction",)
    CORRECTION_FIELD_NUMBER: _ClassVar[int]
    correction: bytes
    def __init__(self, correction: _Optional[bytes] = ...) -> None: ...

class RemoveCorrectionRequest(_message.Message):
    __slots__ = ("image_id", "number")
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    image_id: str
    number: int
    def __init__(self, image_id: _Optional[str] = ..., number: _Optional[int] = ...) -> None: ...

class RemoveCorrectionResponse(_message.Message):
    __slots__ = ("correction",)
    CORRECTION_FIELD_NUMBER: _ClassVar[int]
    correction: bytes
    def __init__(self, correction: _Optional[bytes] = ...) -> None: ...

class CountRequest(_message.Message):
    __slots__ = ("by", "where")
    BY_FIELD_NUMBER: _ClassVar[int]
    WHERE_FIELD_NUMBER: _ClassVar[int]
    by: _containers.RepeatedCompositeFieldContainer[Grouping]
    where: ListAnalysesRequest
    def __init__(self, by: _Optional[_Iterable[_Union[Grouping, _Mapping]]] = ..., where: _Optional[_Union[ListAnalysesRequest, _Mapping]] = ...) -> None: ...

class Grouping(_message.Message):
    __slots__ = ("field", "width")
    FIELD_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    field: str
    width: float
    def __init__(self, field: _Optional[str] = ..., width: _Optional[float] = ...) -> None: ...

class CountResponse(_message.Message):
    __slots__ = ("groups",)
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    groups: _containers.RepeatedCompositeFieldContainer[Group]
    def __init__(self, groups: _Optional[_Iterable[_Union[Group, _Mapping]]] = ...) -> None: ...

class Group(_message.Message):
    __slots__ = ("key", "count")
    KEY_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    key: _containers.RepeatedScalarFieldContainer[str]
    count: int
    def __init__(self, key: _Optional[_Iterable[str]] = ..., count: _Optional[int] = ...) -> None: ...

class GetStepTimesRequest(_message.Message):
    __slots__ = ("newest",)
    NEWEST_FIELD_NUMBER: _ClassVar[int]
    newest: int
    def __init__(self, newest: _Optional[int] = ...) -> None: ...

class StepTimes(_message.Message):
    __slots__ = ("steps",)
    class StepsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: StepTime
        def __init__(self, key: _Optional[str] = ..., value: _Optional[_Union[StepTime, _Mapping]] = ...) -> None: ...
    STEPS_FIELD_NUMBER: _ClassVar[int]
    steps: _containers.MessageMap[str, StepTime]
    def __init__(self, steps: _Optional[_Mapping[str, StepTime]] = ...) -> None: ...

class StepTime(_message.Message):
    __slots__ = ("median_ms", "p90_ms", "count")
    MEDIAN_MS_FIELD_NUMBER: _ClassVar[int]
    P90_MS_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    median_ms: float
    p90_ms: float
    count: int
    def __init__(self, median_ms: _Optional[float] = ..., p90_ms: _Optional[float] = ..., count: _Optional[int] = ...) -> None: ...

class DeleteAnalysisRequest(_message.Message):
    __slots__ = ("image_id",)
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    image_id: str
    def __init__(self, image_id: _Optional[str] = ...) -> None: ...

class DeleteAnalysisResponse(_message.Message):
    __slots__ = ("existed",)
    EXISTED_FIELD_NUMBER: _ClassVar[int]
    existed: bool
    def __init__(self, existed: _Optional[bool] = ...) -> None: ...

class GetReanalysisRequest(_message.Message):
    __slots__ = ("reanalysis_id", "limit", "cursor")
    REANALYSIS_ID_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    reanalysis_id: str
    limit: int
    cursor: str
    def __init__(self, reanalysis_id: _Optional[str] = ..., limit: _Optional[int] = ..., cursor: _Optional[str] = ...) -> None: ...

class Reanalysis(_message.Message):
    __slots__ = ("reanalysis_id", "created_at", "images", "difference", "changed", "next_cursor")
    class ImagesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    REANALYSIS_ID_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    IMAGES_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCE_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    reanalysis_id: str
    created_at: _timestamp_pb2.Timestamp
    images: _containers.ScalarMap[str, int]
    difference: Difference
    changed: _containers.RepeatedCompositeFieldContainer[ReanalysedImage]
    next_cursor: str
    def __init__(self, reanalysis_id: _Optional[str] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., images: _Optional[_Mapping[str, int]] = ..., difference: _Optional[_Union[Difference, _Mapping]] = ..., changed: _Optional[_Iterable[_Union[ReanalysedImage, _Mapping]]] = ..., next_cursor: _Optional[str] = ...) -> None: ...

class Difference(_message.Message):
    __slots__ = ("faces_before", "faces_after", "faces_gained", "faces_lost", "ages_moved", "years_moved", "genders_changed")
    FACES_BEFORE_FIELD_NUMBER: _ClassVar[int]
    FACES_AFTER_FIELD_NUMBER: _ClassVar[int]
    FACES_GAINED_FIELD_NUMBER: _ClassVar[int]
    FACES_LOST_FIELD_NUMBER: _ClassVar[int]
    AGES_MOVED_FIELD_NUMBER: _ClassVar[int]
    YEARS_MOVED_FIELD_NUMBER: _ClassVar[int]
    GENDERS_CHANGED_FIELD_NUMBER: _ClassVar[int]
    faces_before: int
    faces_after: int
    faces_gained: int
    faces_lost: int
    ages_moved: int
    years_moved: int
    genders_changed: int
    def __init__(self, faces_before: _Optional[int] = ..., faces_after: _Optional[int] = ..., faces_gained: _Optional[int] = ..., faces_lost: _Optional[int] = ..., ages_moved: _Optional[int] = ..., years_moved: _Optional[int] = ..., genders_changed: _Optional[int] = ...) -> None: ...

class ReanalysedImage(_message.Message):
    __slots__ = ("image_id", "state", "difference", "error")
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    image_id: str
    state: str
    difference: Difference
    error: PartError
    def __init__(self, image_id: _Optional[str] = ..., state: _Optional[str] = ..., difference: _Optional[_Union[Difference, _Mapping]] = ..., error: _Optional[_Union[PartError, _Mapping]] = ...) -> None: ...

class WatchAnalysesRequest(_message.Message):
    __slots__ = ("image_ids",)
    IMAGE_IDS_FIELD_NUMBER: _ClassVar[int]
    image_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, image_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class HoldRoleRequest(_message.Message):
    __slots__ = ("role",)
    ROLE_FIELD_NUMBER: _ClassVar[int]
    role: str
    def __init__(self, role: _Optional[str] = ...) -> None: ...

class RoleState(_message.Message):
    __slots__ = ("is_held",)
    IS_HELD_FIELD_NUMBER: _ClassVar[int]
    is_held: bool
    def __init__(self, is_held: _Optional[bool] = ...) -> None: ...
