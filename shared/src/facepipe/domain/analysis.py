"""What is known of a face and of an image: the parts of stages and the result document.

The result document is what users read from `saved_data/<image_id>.json`; its JSON Schema
is published as `docs/result.schema.json`. Keys never disappear; new ones may stand beside
them, and an incompatible change raises `schema_version`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, PlainSerializer, model_validator

from facepipe.domain.geometry import BoundingBox, ImageSize, Point
from facepipe.domain.options import AnalysisOptions
from facepipe.domain.status import Status

ImageId = Annotated[
    str,
    Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the uploaded bytes, in hex"),
]


class Gender(StrEnum):
    MALE = "male"
    FEMALE = "female"
    UNKNOWN = "unknown"


class Doubt(StrEnum):
    """Why an age and gender should not be relied on, or are not there."""

    SWITCHED_OFF = "switched_off"
    STAGE_FAILED = "stage_failed"
    SMALL_FACE = "small_face"
    BLURRED = "blurred"
    TURNED_AWAY = "turned_away"
    NO_LANDMARKS = "no_landmarks"
    LOW_CONFIDENCE = "low_confidence"
    NOT_A_FACE = "not_a_face"
    MOUTH_COVERED = "mouth_covered"
    EYES_COVERED = "eyes_covered"
    BADLY_EXPOSED = "badly_exposed"
    DISTORTED = "distorted"
    WIDE_AGE_RANGE = "wide_age_range"
    UNCERTAIN_GENDER = "uncertain_gender"

    @classmethod
    def _missing_(cls, value: object) -> Doubt | None:
        # Words of version 0.1. Where the stage had no weights, that was no error then.
        earlier = {"weights_missing": cls.STAGE_FAILED, "badly_lit": cls.BADLY_EXPOSED}
        return earlier.get(str(value))


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PartError(_Model):
    """Why something is missing: a stable code and a sentence."""

    code: str
    message: str


class ModelInfo(_Model):
    """Which weights spoke."""

    name: str
    sha256: str = ""


class Box(_Model):
    """A face's box in the result document: pixels of the upright image, max edge exclusive."""

    x1: int
    y1: int
    x2: int
    y2: int

    @model_validator(mode="after")
    def _has_an_area(self) -> Self:
        if self.x2 <= self.x1 or self.y2 <= self.y1:
            raise ValueError("the box is empty")
        return self

    @classmethod
    def from_bounding_box(cls, box: BoundingBox) -> Box:
        return cls(x1=box.x1, y1=box.y1, x2=box.x2, y2=box.y2)

    def to_bounding_box(self) -> BoundingBox:
        return BoundingBox(self.x1, self.y1, self.x2, self.y2)


class LandmarkPoint(_Model):
    """One landmark, pixels of the upright image."""

    x: Annotated[float, PlainSerializer(lambda value: round(value, 2), return_type=float)]
    y: Annotated[float, PlainSerializer(lambda value: round(value, 2), return_type=float)]

    @classmethod
    def from_point(cls, point: Point) -> LandmarkPoint:
        return cls(x=point.x, y=point.y)

    def to_point(self) -> Point:
        return Point(self.x, self.y)


class AgeGender(_Model):
    """An estimate, never a fact. `age_low`..`age_high` is an 80 % interval, in years.

    `reliable` means that age and gender both are. `quality` is that of the picture of the face.
    """

    age: int | None = None
    gender: Gender = Gender.UNKNOWN
    age_low: int | None = None
    age_high: int | None = None
    gender_confidence: Annotated[float, Field(ge=0, le=1)] | None = None
    reliable: bool = False
    age_reliable: bool = False
    gender_reliable: bool = False
    quality: Annotated[float, Field(ge=0, le=1)] | None = None
    reasons: list[Doubt] = Field(default_factory=list)


Degrees = Annotated[
    float,
    Field(ge=-180, le=180),
    PlainSerializer(lambda value: round(value, 1), return_type=float),
]


class HeadPose(_Model):
    """Which way a head is turned, in degrees; zeros look straight into the camera.

    `yaw` is positive towards the right of the picture, `pitch` upwards, `roll` clockwise.
    """

    yaw: Degrees
    pitch: Degrees
    roll: Degrees


class DetectedFace(_Model):
    """What landmark_service knows of a face."""

    box: Box
    confidence: Annotated[float, Field(ge=0, le=1)]
    landmarks: list[LandmarkPoint] = Field(
        default_factory=list, description="478 MediaPipe points (468 mesh + 10 iris), or none"
    )
    landmarks_error: PartError | None = None
    pose: HeadPose | None = Field(default=None, description="from the landmarks; null without")
    drawn: bool = Field(default=False, description="a person drew its box, no detector found it")


class Part(_Model, ABC):
    """What a stage found on one image: one entry a face, and which weights spoke.

    The JSON of a part is what the stage sends, what the ledger keeps, and piece by piece what
    stands in the result document. All parts list the faces in the order of `LandmarksPart`.
    """

    faces: Sequence[_Model]

    @property
    @abstractmethod
    def models(self) -> dict[str, ModelInfo]:
        """The weights by their key in the result document."""


class LandmarksPart(Part):
    """Result of the landmark stage; faces by area, largest first."""

    faces: list[DetectedFace]
    detector: ModelInfo
    refiner: ModelInfo | None = None
    landmarker: ModelInfo

    @property
    def models(self) -> dict[str, ModelInfo]:
        named = {"detector": self.detector, "refiner": self.refiner, "landmarks": self.landmarker}
        return {key: model for key, model in named.items() if model and model.name}


class AgeGenderPart(Part):
    """Result of the agegender stage."""

    faces: list[AgeGender]
    model: ModelInfo

    @property
    def models(self) -> dict[str, ModelInfo]:
        return {"agegender": self.model}


class _Indexed(_Model):
    face_index: int


class CorrectionKind(StrEnum):
    """What a person says of a result."""

    NOT_A_FACE = "not_a_face"
    MISSED_FACE = "missed_face"
    TRUTH = "truth"


class Correction(_Model):
    """What a person said of a face, or of a place where one was missed.

    It holds a box, so that it stays when the faces of a new analysis are numbered otherwise.
    """

    number: int = Field(description="by which it is taken back")
    kind: CorrectionKind
    box: Box
    age: Annotated[int, Field(ge=0, le=120)] | None = None
    gender: Literal[Gender.MALE, Gender.FEMALE] | None = None
    made_at: datetime
    made_by: str | None = Field(default=None, description="name of the API key; null without one")


class Truth(_Model):
    """What people said of a face, the latest word of each; `corrections` are their numbers."""

    is_face: bool = True
    age: int | None = None
    gender: Literal[Gender.MALE, Gender.FEMALE] | None = None
    corrections: tuple[int, ...] = ()


class Face(DetectedFace, _Indexed):
    """One face of the result document; index 0 is the largest.

    What a later stage found of it stands under the stage's name, why it is missing under
    `<stage>_error`. What people said of it stands beside that, as its `truth`.
    """

    agegender: AgeGender
    agegender_error: PartError | None = None
    truth: Truth | None = None


class ImageInfo(_Model):
    """The upload, as decoded: sizes are those of the upright image, in pixels.

    `damaged` files are cut short or broken; `decoded_share` tells how much of the pixels could be
    decoded, the others are grey. `frame` is the one of an animation that was taken, from 0: the
    first that is not blank. `preview` says that a RAW file's embedded JPEG was taken.
    `external_id`, `tags` and `folder` are what the client calls it, `options` how it asked for it
    to be analysed.
    """

    width: int
    height: int
    format: str
    orientation_applied: Annotated[int, Field(ge=1, le=8)] = 1
    sha256: str
    file_name: str = ""
    size_bytes: int = 0
    damaged: bool = False
    decoded_share: Annotated[float, Field(ge=0, le=1)] = 1.0
    frame: Annotated[int, Field(ge=0)] = 0
    preview: bool = False
    external_id: str = ""
    tags: tuple[str, ...] = ()
    folder: str = ""
    options: AnalysisOptions | None = None

    @property
    def size(self) -> ImageSize:
        return ImageSize(self.width, self.height)


class Models(_Model):
    """Which weights spoke, by part; null where the part is missing."""

    detector: ModelInfo | None = None
    refiner: ModelInfo | None = None
    landmarks: ModelInfo | None = None
    agegender: ModelInfo | None = None

    @classmethod
    def of(cls, parts: Iterable[Part]) -> Models:
        return cls.model_validate({key: m for part in parts for key, m in part.models.items()})


_FOR_THE_FORMAT = "kept for the format; the API's `links` lead to what it names"
_DEPRECATED: dict[str, JsonValue] = {"deprecated": True}


class AnalysisDocument(_Model):
    """The result document, `saved_data/<image_id>.json`."""

    schema_version: Literal[1] = 1
    timestamp: datetime
    image_path: Annotated[str, Field(description=_FOR_THE_FORMAT, json_schema_extra=_DEPRECATED)]
    redis_key: Annotated[str, Field(description=_FOR_THE_FORMAT, json_schema_extra=_DEPRECATED)]
    num_faces: int
    faces: list[Face]
    status: Literal[Status.STORED, Status.PARTIAL] = Status.STORED
    error: PartError | None = None
    generation: int = 1
    image: ImageInfo
    models: Models
    timings_ms: dict[str, float] = Field(default_factory=dict)
    corrected: bool = Field(default=False, description="a person has corrected something")
    corrections: list[Correction] = Field(default_factory=list)
