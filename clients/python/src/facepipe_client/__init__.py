"""A client for the API of the face analysis pipeline.

    >>> from facepipe_client import Client
    >>> with Client("http://127.0.0.1:8000") as pipeline:  # doctest: +SKIP
    ...     for face in pipeline.analyse(Path("family.jpg")).faces:
    ...         print(face.box, face.agegender.age)

`AsyncClient` has the same calls, awaited.
"""

from facepipe_client.base import Document, Health, Plot
from facepipe_client.client import AsyncClient, Client
from facepipe_client.documents import (
    AgeGender,
    Box,
    Bulk,
    Doubt,
    Face,
    Filters,
    Gender,
    ImagePage,
    ImageState,
    LandmarkPoint,
    Limits,
    ModelInfo,
    PartError,
    QueueState,
    Reanalysis,
    Result,
    Sort,
    StageName,
    StageRun,
    Stats,
    Status,
    Upload,
)
from facepipe_client.errors import (
    AnalysisFailedError,
    BusyError,
    ClientError,
    DeletedError,
    NoAnswerError,
    NotAllowedError,
    NotFinishedError,
    NotFoundError,
    ProblemError,
    RefusedError,
    SourceNotKeptError,
    UnexpectedAnswerError,
    WaitTimeoutError,
)
from facepipe_client.uploads import Accepted, Wishes
from facepipe_client.version import VERSION
from facepipe_client.words import DOUBT_WORDS, FINAL, STATUS_WORDS, WITH_RESULT

__version__ = VERSION

__all__ = [
    "DOUBT_WORDS",
    "FINAL",
    "STATUS_WORDS",
    "WITH_RESULT",
    "Accepted",
    "AgeGender",
    "AnalysisFailedError",
    "AsyncClient",
    "Box",
    "Bulk",
    "BusyError",
    "Client",
    "ClientError",
    "DeletedError",
    "Document",
    "Doubt",
    "Face",
    "Filters",
    "Gender",
    "Health",
    "ImagePage",
    "ImageState",
    "LandmarkPoint",
    "Limits",
    "ModelInfo",
    "NoAnswerError",
    "NotAllowedError",
    "NotFinishedError",
    "NotFoundError",
    "PartError",
    "Plot",
    "ProblemError",
    "QueueState",
    "Reanalysis",
    "RefusedError",
    "Result",
    "Sort",
    "SourceNotKeptError",
    "StageName",
    "StageRun",
    "Stats",
    "Status",
    "UnexpectedAnswerError",
    "Upload",
    "WaitTimeoutError",
    "Wishes",
]
