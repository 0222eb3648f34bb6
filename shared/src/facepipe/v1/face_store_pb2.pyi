import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Stage(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STAGE_UNSPECIFIED: _ClassVar[Stage]
    STAGE_LANDMARK: _ClassVar[Stage]
    STAGE_AGEGENDER: _ClassVar[Stage]
    STAGE_STORAGE: _ClassVar[Stage]

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
STAGE_UNSPECIFIED: Stage
STAGE_LANDMARK: Stage
STAGE_AGEGENDER: Stage
STAGE_STORAGE: Stage
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
    __slots__ = ("file_name", "format", "width", "height", "orientation_applied", "size_bytes")
    FILE_NAME_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    WIDTH_FIELD_NUMBER: _ClassVar[int]
    HEIGHT_FIELD_NUMBER: _ClassVar[int]
    ORIENTATION_APPLIED_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    file_name: str
    format: str
    width: int
    height: int
    orientation_applied: int
    size_bytes: int
    def __init__(self, file_name: _Optional[str] = ..., format: _Optional[str] = ..., width: _Optional[int] = ..., height: _Optional[int] = ..., orientation_applied: _Optional[int] = ..., size_bytes: _Optional[int] = ...) -> None: ...

class RegisterImageRequest(_message.Message):
    __slots__ = ("image_id", "image", "received_at", "new_generation", "expected_generation", "queued", "traceparent")
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_AT_FIELD_NUMBER: _ClassVar[int]
    NEW_GENERATION_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_GENERATION_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    image_id: str
    image: ImageInfo
    received_at: _timestamp_pb2.Timestamp
    new_generation: bool
    expected_generation: int
    queued: bool
    traceparent: str
    def __init__(self, image_id: _Optional[str] = ..., image: _Optional[_Union[ImageInfo, _Mapping]] = ..., received_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., new_generation: _Optional[bool] = ..., expected_generation: _Optional[int] = ..., queued: _Optional[bool] = ..., traceparent: _Optional[str] = ...) -> None: ...

class RegisterImageResponse(_message.Message):
    __slots__ = ("analysis", "created")
    ANALYSIS_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    analysis: Analysis
    created: bool
    def __init__(self, analysis: _Optional[_Union[Analysis, _Mapping]] = ..., created: _Optional[bool] = ...) -> None: ...

class Box(_message.Message):
    __slots__ = ("x1", "y1", "x2", "y2")
    X1_FIELD_NUMBER: _ClassVar[int]
    Y1_FIELD_NUMBER: _ClassVar[int]
    X2_FIELD_NUMBER: _ClassVar[int]
    Y2_FIELD_NUMBER: _ClassVar[int]
    x1: int
    y1: int
    x2: int
    y2: int
    def __init__(self, x1: _Optional[int] = ..., y1: _Optional[int] = ..., x2: _Optional[int] = ..., y2: _Optional[int] = ...) -> None: ...

class ModelInfo(_message.Message):
    __slots__ = ("name", "sha256")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    name: str
    sha256: str
    def __init__(self, name: _Optional[str] = ..., sha256: _Optional[str] = ...) -> None: ...

class PartError(_message.Message):
    __slots__ = ("code", "message")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    code: str
    message: str
    def __init__(self, code: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class DetectedFace(_message.Message):
    __slots__ = ("box", "confidence", "landmarks", "landmarks_error")
    BOX_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    LANDMARKS_FIELD_NUMBER: _ClassVar[int]
    LANDMARKS_ERROR_FIELD_NUMBER: _ClassVar[int]
    box: Box
    confidence: float
    landmarks: _containers.RepeatedScalarFieldContainer[float]
    landmarks_error: PartError
    def __init__(self, box: _Optional[_Union[Box, _Mapping]] = ..., confidence: _Optional[float] = ..., landmarks: _Optional[_Iterable[float]] = ..., landmarks_error: _Optional[_Union[PartError, _Mapping]] = ...) -> None: ...

class LandmarksPart(_message.Message):
    __slots__ = ("faces", "detector", "landmarker")
    FACES_FIELD_NUMBER: _ClassVar[int]
    DETECTOR_FIELD_NUMBER: _ClassVar[int]
    LANDMARKER_FIELD_NUMBER: _ClassVar[int]
    faces: _containers.RepeatedCompositeFieldContainer[DetectedFace]
    detector: ModelInfo
    landmarker: ModelInfo
    def __init__(self, faces: _Optional[_Iterable[_Union[DetectedFace, _Mapping]]] = ..., detector: _Optional[_Union[ModelInfo, _Mapping]] = ..., landmarker: _Optional[_Union[ModelInfo, _Mapping]] = ...) -> None: ...

class FaceAgeGender(_message.Message):
    __slots__ = ("age", "gender", "age_low", "age_high", "gender_confidence", "reliable", "reasons")
    AGE_FIELD_NUMBER: _ClassVar[int]
    GENDER_FIELD_NUMBER: _ClassVar[int]
    AGE_LOW_FIELD_NUMBER: _ClassVar[int]
    AGE_HIGH_FIELD_NUMBER: _ClassVar[int]
    GENDER_CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    RELIABLE_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    age: int
    gender: str
    age_low: int
    age_high: int
    gender_confidence: float
    reliable: bool
    reasons: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, age: _Optional[int] = ..., gender: _Optional[str] = ..., age_low: _Optional[int] = ..., age_high: _Optional[int] = ..., gender_confidence: _Optional[float] = ..., reliable: _Optional[bool] = ..., reasons: _Optional[_Iterable[str]] = ...) -> None: ...

class AgeGenderPart(_message.Message):
    __slots__ = ("faces", "model")
    FACES_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    faces: _containers.RepeatedCompositeFieldContainer[FaceAgeGender]
    model: ModelInfo
    def __init__(self, faces: _Optional[_Iterable[_Union[FaceAgeGender, _Mapping]]] = ..., model: _Optional[_Union[ModelInfo, _Mapping]] = ...) -> None: ...

class StageStarted(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StageFailure(_message.Message):
    __slots__ = ("error",)
    ERROR_FIELD_NUMBER: _ClassVar[int]
    error: PartError
    def __init__(self, error: _Optional[_Union[PartError, _Mapping]] = ...) -> None: ...

class SavePartRequest(_message.Message):
    __slots__ = ("image_id", "generation", "stage", "started", "landmarks", "agegender", "failure", "timings_ms", "attempt", "worker", "started_at", "ended_at")
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
    LANDMARKS_FIELD_NUMBER: _ClassVar[int]
    AGEGENDER_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    TIMINGS_MS_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    WORKER_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    ENDED_AT_FIELD_NUMBER: _ClassVar[int]
    image_id: str
    generation: int
    stage: Stage
    started: StageStarted
    landmarks: LandmarksPart
    agegender: AgeGenderPart
    failure: StageFailure
    timings_ms: _containers.ScalarMap[str, float]
    attempt: int
    worker: str
    started_at: _timestamp_pb2.Timestamp
    ended_at: _timestamp_pb2.Timestamp
    def __init__(self, image_id: _Optional[str] = ..., generation: _Optional[int] = ..., stage: _Optional[_Union[Stage, str]] = ..., started: _Optional[_Union[StageStarted, _Mapping]] = ..., landmarks: _Optional[_Union[LandmarksPart, _Mapping]] = ..., agegender: _Optional[_Union[AgeGenderPart, _Mapping]] = ..., failure: _Optional[_Union[StageFailure, _Mapping]] = ..., timings_ms: _Optional[_Mapping[str, float]] = ..., attempt: _Optional[int] = ..., worker: _Optional[str] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ended_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

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
    stage: Stage
    attempt: int
    worker: str
    started_at: _timestamp_pb2.Timestamp
    ended_at: _timestamp_pb2.Timestamp
    error: PartError
    def __init__(self, stage: _Optional[_Union[Stage, str]] = ..., attempt: _Optional[int] = ..., worker: _Optional[str] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ended_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., error: _Optional[_Union[PartError, _Mapping]] = ...) -> None: ...

class Analysis(_message.Message):
    __slots__ = ("image_id", "generation", "status", "image", "received_at", "updated_at", "error", "num_faces", "timeline", "landmarks", "agegender", "traceparent")
    IMAGE_ID_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    IMAGE_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    NUM_FACES_FIELD_NUMBER: _ClassVar[int]
    TIMELINE_FIELD_NUMBER: _ClassVar[int]
    LANDMARKS_FIELD_NUMBER: _ClassVar[int]
    AGEGENDER_FIELD_NUMBER: _ClassVar[int]
    TRACEPARENT_FIELD_NUMBER: _ClassVar[int]
    image_id: str
    generation: int
    status: Status
    image: ImageInfo
    received_at: _timestamp_pb2.Timestamp
    updated_at: _timestamp_pb2.Timestamp
    error: PartError
    num_faces: int
    timeline: _containers.RepeatedCompositeFieldContainer[StageRun]
    landmarks: LandmarksPart
    agegender: AgeGenderPart
    traceparent: str
    def __init__(self, image_id: _Optional[str] = ..., generation: _Optional[int] = ..., status: _Optional[_Union[Status, str]] = ..., image: _Optional[_Union[ImageInfo, _Mapping]] = ..., received_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., error: _Optional[_Union[PartError, _Mapping]] = ..., num_faces: _Optional[int] = ..., timeline: _Optional[_Iterable[_Union[StageRun, _Mapping]]] = ..., landmarks: _Optional[_Union[LandmarksPart, _Mapping]] = ..., agegender: _Optional[_Union[AgeGenderPart, _Mapping]] = ..., traceparent: _Optional[str] = ...) -> None: ...

class ListAnalysesRequest(_message.Message):
    __slots__ = ("statuses", "received_after", "received_before", "min_faces", "max_faces", "min_age", "max_age", "gender", "limit", "cursor")
    STATUSES_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_AFTER_FIELD_NUMBER: _ClassVar[int]
    RECEIVED_BEFORE_FIELD_NUMBER: _ClassVar[int]
    MIN_FACES_FIELD_NUMBER: _ClassVar[int]
    MAX_FACES_FIELD_NUMBER: _ClassVar[int]
    MIN_AGE_FIELD_NUMBER: _ClassVar[int]
    MAX_AGE_FIELD_NUMBER: _ClassVar[int]
    GENDER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    statuses: _containers.RepeatedScalarFieldContainer[Status]
    received_after: _timestamp_pb2.Timestamp
    received_before: _timestamp_pb2.Timestamp
    min_faces: int
    max_faces: int
    min_age: int
    max_age: int
    gender: str
    limit: int
    cursor: str
    def __init__(self, statuses: _Optional[_Iterable[_Union[Status, str]]] = ..., received_after: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., received_before: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., min_faces: _Optional[int] = ..., max_faces: _Optional[int] = ..., min_age: _Optional[int] = ..., max_age: _Optional[int] = ..., gender: _Optional[str] = ..., limit: _Optional[int] = ..., cursor: _Optional[str] = ...) -> None: ...

class ListAnalysesResponse(_message.Message):
    __slots__ = ("analyses", "next_cursor")
    ANALYSES_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    analyses: _containers.RepeatedCompositeFieldContainer[Analysis]
    next_cursor: str
    def __init__(self, analyses: _Optional[_Iterable[_Union[Analysis, _Mapping]]] = ..., next_cursor: _Optional[str] = ...) -> None: ...

class GetStatsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class Stats(_message.Message):
    __slots__ = ("images_by_status", "accepted", "faces", "faces_by_gender", "stored_last_hour")
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
    images_by_status: _containers.ScalarMap[str, int]
    accepted: int
    faces: int
    faces_by_gender: _containers.ScalarMap[str, int]
    stored_last_hour: int
    def __init__(self, images_by_status: _Optional[_Mapping[str, int]] = ..., accepted: _Optional[int] = ..., faces: _Optional[int] = ..., faces_by_gender: _Optional[_Mapping[str, int]] = ..., stored_last_hour: _Optional[int] = ...) -> None: ...

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

class WatchAnalysesRequest(_message.Message):
    __slots__ = ("image_ids",)
    IMAGE_IDS_FIELD_NUMBER: _ClassVar[int]
    image_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, image_ids: _Optional[_Iterable[str]] = ...) -> None: ...
