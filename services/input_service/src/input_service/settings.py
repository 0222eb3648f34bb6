"""Configuration of input_service, `FACEPIPE_UPLOAD_*` and `FACEPIPE_RECONCILE_*`."""

from __future__ import annotations

from pydantic import BaseModel, Field

from facepipe.imaging import DecodeLimits
from facepipe.settings import Settings


class UploadSettings(BaseModel):
    max_bytes: int = Field(default=50 * 2**20, description="largest file, bytes")
    max_pixels: int = Field(default=64_000_000, description="largest image, pixels")
    max_side: int = Field(default=20_000, description="longest side, pixels")
    max_files: int = Field(default=100, description="files in one call")
    max_request_bytes: int = Field(default=1024 * 2**20, description="largest call, bytes")
    decoders: int = Field(default=1, ge=1, description="decoder processes")
    decode_timeout_s: float = Field(default=20, description="a decoder taking longer is killed")
    decode_memory_mb: int = Field(default=2048, description="address space of a decoder")

    @property
    def limits(self) -> DecodeLimits:
        return DecodeLimits(self.max_bytes, self.max_pixels, self.max_side)


class ReconcileSettings(BaseModel):
    every_s: float = Field(default=3, gt=0, description="pause between two passes")


class InputSettings(Settings):
    """Everything that input_service reads from the environment."""

    upload: UploadSettings = UploadSettings()
    reconcile: ReconcileSettings = ReconcileSettings()
