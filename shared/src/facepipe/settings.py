"""Configuration that two or more services share, read from `FACEPIPE_*` variables.

A nested field is reached with one underscore: `FACEPIPE_REDIS_URL` is `redis.url`. A service
derives from `Settings` and adds a section of its own. `.env.example` lists every variable.
"""

from __future__ import annotations

import ipaddress
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class RedisSettings(BaseModel):
    url: str = "redis://127.0.0.1:6379/0"
    image_budget_bytes: int = Field(
        default=512 * 2**20, description="no image is cached when Redis uses more memory"
    )
    image_ttl_s: int = Field(default=900, description="how long pixels and crops stay cached")


class PortSettings(BaseModel):
    input: int = 8000
    landmark: int = 8001
    agegender: int = 8002
    storage: int = 8003
    logger: int = 8004
    plotter: int = 8005
    viewer: int = 7860
    store_grpc: int = 50051
    otlp: int = 4317


class AddressSettings(BaseModel):
    """Where the other services are reached."""

    input: str = "http://127.0.0.1:8000"
    storage: str = "http://127.0.0.1:8003"
    logger: str = "http://127.0.0.1:8004"
    plotter: str = "http://127.0.0.1:8005"
    store_grpc: str = "127.0.0.1:50051"
    otlp: str = "127.0.0.1:4317"


class VolumeSettings(BaseModel):
    """Folders on disk; each may be a mount of its own."""

    root: Path = Path("volumes")

    @cached_property
    def inbox(self) -> Path:
        return self.root / "inbox"

    @cached_property
    def saved_data(self) -> Path:
        return self.root / "saved_data"

    @cached_property
    def logs(self) -> Path:
        return self.root / "logs"

    @cached_property
    def models(self) -> Path:
        return self.root / "models"


class StageSettings(BaseModel):
    """How a stage runs its workers."""

    workers: int = Field(default=1, ge=1, le=64, description="RQ worker processes of this stage")
    threads: int = Field(default=0, ge=0, description="threads a model; 0: by the CPU quota")
    device: Literal["cpu", "cuda"] = Field(default="cpu", description="what models run on")
    job_timeout_s: int = Field(
        default=120, ge=1, description="seconds, then killed and tried again"
    )
    lease_s: int = Field(default=8, ge=3, description="silence after which a job is given back")
    max_jobs: int = Field(default=10_000, ge=1, description="jobs, then a worker is replaced")
    max_rss_mb: int = Field(default=2048, ge=128, description="size above which it is, too")


class AccessSettings(BaseModel):
    """Who is let in."""

    open: bool = Field(
        default=False, description="no API key and no login, even beyond this host; on purpose"
    )

    service_key: str = Field(
        default="",
        repr=False,
        description="key with which workers on other hosts read uploads from the input API",
    )


class TelemetrySettings(BaseModel):
    enabled: bool = True
    level: str = "INFO"
    backlog: int = Field(default=2048, description="records kept while the logger does not answer")


class Settings(BaseSettings):
    """What every service needs to find its neighbours."""

    model_config = SettingsConfigDict(
        env_prefix="FACEPIPE_",
        env_nested_delimiter="_",
        env_nested_max_split=1,
        extra="ignore",
    )

    host: str = Field(default="127.0.0.1", description="address that a service listens on")
    bind: str = Field(default="127.0.0.1", description="address of the public ports")
    model_dir: Path | None = Field(
        default=None, description="the project's own weights; default: models/ of the checkout"
    )
    redis: RedisSettings = RedisSettings()
    port: PortSettings = PortSettings()
    address: AddressSettings = AddressSettings()
    volumes: VolumeSettings = VolumeSettings()
    stage: StageSettings = StageSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    access: AccessSettings = AccessSettings()

    @property
    def is_published(self) -> bool:
        """Whether the public ports can be reached from other machines."""
        if self.bind == "localhost":
            return False
        try:
            return not ipaddress.ip_address(self.bind.strip("[]")).is_loopback
        except ValueError:
            return True
