"""Settings of data_storage_service: those that all share, and the section `storage`."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from pydantic import BaseModel, Field, field_validator

from facepipe.files.result_files import ledger_file
from facepipe.system.settings import Settings


class StorageSettings(BaseModel):
    database_url: str = Field(
        default="",
        repr=False,
        description="postgresql://user:PASSWORD@host/database, which holds the ledger; none: "
        "SQLite, in saved_data/.index",
    )
    database_url_file: Path | None = Field(default=None, description="a file with that address")
    keep_source: bool = Field(
        default=True, description="keep the upload under saved_data/source/; false: erase it"
    )
    jpeg_quality: int = Field(
        default=90, ge=30, le=100, description="quality of the annotated JPEG"
    )
    blur_faces: bool = Field(
        default=False, description="make faces unrecognisable in the annotated JPEG"
    )
    grpc_threads: int = Field(
        default=16, ge=2, le=256, description="gRPC calls answered at the same time"
    )
    watchers: int = Field(
        default=32, ge=1, le=512, description="WatchAnalyses streams open at the same time"
    )
    watch_poll_ms: int = Field(
        default=25,
        ge=1,
        description="pause after a change, before others are told; of SQLite alone",
    )
    settle_every_s: float = Field(
        default=10.0, gt=0, description="pause between two looks for files left to be removed"
    )

    @field_validator("database_url_file", mode="before")
    @classmethod
    def _none_when_empty(cls, value: object) -> object:
        return value or None


class RetentionSettings(BaseModel):
    days: float = Field(default=0, ge=0, description="images received earlier are deleted; 0: none")


class DataStorageSettings(Settings):
    storage: StorageSettings = StorageSettings()
    retention: RetentionSettings = RetentionSettings()

    @cached_property
    def index_path(self) -> Path:
        """The ledger, where no PostgreSQL is named.

        It stands in a hidden folder of saved_data: results and their index travel together
        when the volume is copied, and nobody who lists `saved_data/*` stumbles over SQLite's
        three files.
        """
        return ledger_file(self.volumes.saved_data)
