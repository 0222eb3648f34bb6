"""Configuration of input_service; the README lists the variables."""

from __future__ import annotations

import ipaddress
import math
from pathlib import Path

from pydantic import BaseModel, Field, field_validator

from facepipe.domain.reduction import WHOLE_PIXELS
from facepipe.files.decoding import DecodeLimits
from facepipe.system.settings import AccessSettings, Settings


class UploadSettings(BaseModel):
    max_bytes: int = Field(default=128 * 2**20, description="largest file, bytes")
    max_pixels: int = Field(default=250_000_000, description="largest image, pixels")
    max_whole_pixels: int = Field(
        default=WHOLE_PIXELS,
        description="largest image of a kind that cannot be decoded in parts, pixels",
    )
    max_side: int = Field(default=32_000, description="longest side, pixels")
    max_files: int = Field(default=100, description="files in one call")
    max_archive_files: int = Field(default=1000, ge=1, description="files in a zip")
    max_request_bytes: int = Field(default=1024 * 2**20, description="largest call, bytes")
    strict: bool = Field(default=False, description="refuse files that are cut short or broken")
    min_decoded_share: float = Field(
        default=0.25, ge=0, le=1, description="of a damaged file's pixels, to be accepted"
    )
    decoders: int = Field(default=1, ge=1, description="decoder processes")
    decode_timeout_s: float = Field(default=20, description="a decoder taking longer is killed")
    decode_memory_mb: int = Field(default=2048, description="address space of a decoder")

    @property
    def limits(self) -> DecodeLimits:
        least = math.inf if self.strict else self.min_decoded_share
        return DecodeLimits(
            self.max_bytes, self.max_pixels, self.max_side, self.max_whole_pixels, least
        )


class FetchSettings(BaseModel):
    enabled: bool = Field(
        default=False, description='images may be sent as `{"url": ...}`, which is then fetched'
    )
    timeout_s: float = Field(default=20, gt=0, description="of one fetch, redirects included")
    max_redirects: int = Field(default=3, ge=0)
    private: str = Field(
        default="",
        description="private networks that URLs and webhooks may lead to, e.g. 192.168.1.0/24",
    )

    @field_validator("private")
    @classmethod
    def _are_networks(cls, value: str) -> str:
        for word in value.split():
            ipaddress.ip_network(word)  # its ValueError says what is wrong with it
        return value


class ComprefaceSettings(BaseModel):
    enabled: bool = Field(
        default=False, description="answer CompreFace's `POST /api/v1/detection/detect` as well"
    )
    wait_s: float = Field(default=60, gt=0, le=600, description="how long such a call waits")


class WebhookSettings(BaseModel):
    urls: str = Field(
        default="", description="told of each image that is finished, separated by spaces"
    )
    secret: str = Field(
        default="",
        repr=False,
        description="signs what they are told: `whsec_` and 24 to 64 bytes in base64",
    )


class AnnotatedSettings(BaseModel):
    """How the stored annotated picture looks; settings of data_storage_service."""

    jpeg_quality: int = Field(
        default=90, ge=30, le=100, description="quality of the annotated JPEG"
    )
    blur_faces: bool = Field(
        default=False, description="make faces unrecognisable in the annotated JPEG"
    )


class DetectorLimits(BaseModel):
    """What a call may ask of the detector; settings of landmark_service."""

    min_face_px: int = Field(default=12, ge=1, description="a call may not ask for smaller faces")
    max_faces: int = Field(default=500, ge=1, description="a call may not ask for more")


class QueueSettings(BaseModel):
    limit: int = Field(
        default=20_000, ge=0, description="unfinished images above which uploads get 429; 0: none"
    )


class InputAccessSettings(AccessSettings):
    keys: str = Field(
        default="", repr=False, description="API keys, `name:scopes:sha256`, separated by spaces"
    )
    keys_file: Path | None = Field(default=None, description="a file of such keys, one a line")
    rate_per_s: float = Field(default=50, ge=0, description="calls a second and key; 0: no limit")
    rate_burst: int = Field(default=200, ge=1, description="calls that a key may make at once")
    waiting: int = Field(
        default=128, ge=1, description="calls of a key, or an address, that may wait for results"
    )
    cors_origins: str = Field(
        default="", description="origins whose pages may use the API, separated by spaces"
    )


class ViewerSettings(BaseModel):
    key: str = Field(
        default="", repr=False, description="the key that the viewer sends; the API knows it"
    )


class InputSettings(Settings):
    """Everything that input_service reads from the environment."""

    upload: UploadSettings = UploadSettings()
    queue: QueueSettings = QueueSettings()
    detector: DetectorLimits = DetectorLimits()
    storage: AnnotatedSettings = AnnotatedSettings()
    fetch: FetchSettings = FetchSettings()
    compreface: ComprefaceSettings = ComprefaceSettings()
    webhook: WebhookSettings = WebhookSettings()
    access: InputAccessSettings = InputAccessSettings()
    viewer: ViewerSettings = ViewerSettings()
