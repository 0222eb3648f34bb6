"""Configuration of logger_service, `FACEPIPE_LOGS_*`."""

from __future__ import annotations

from pydantic import BaseModel, Field

from facepipe.system.settings import Settings


class LogsSettings(BaseModel):
    """How log lines and spans are kept."""

    retention_days: int = Field(default=14, ge=1, description="older days are removed")
    max_total_mb: int = Field(default=2048, ge=1, description="beyond, the oldest files go first")
    max_file_mb: int = Field(default=64, ge=1, description="a file larger than this is continued")
    buffer_mb: int = Field(default=16, ge=1, description="kept while the disk cannot be written")
    flush_ms: int = Field(default=200, ge=1, description="how long lines wait to be written")
    fsync_s: float = Field(default=5, ge=0, description="pause between two fsyncs; 0: every write")
    max_scan_s: float = Field(default=5, gt=0, description="a search answers after so long")


class LoggerSettings(Settings):
    """Everything that logger_service reads from the environment."""

    logs: LogsSettings = LogsSettings()
