"""Uploads and face crops on their way through the stages: a cache in Redis, the truth on disk.

Needs the extra `imaging`. Losing any key, or all of Redis, loses nothing: a miss is read
from the inbox, or on another host from input_service.
"""

from __future__ import annotations

import hashlib
import logging
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import httpx
import numpy as np
import numpy.typing as npt
from redis import Redis
from redis.exceptions import RedisError

from facepipe.domain.errors import ImageNotFoundError, ServiceUnavailableError
from facepipe.domain.geometry import FACE_CROP_SIZE
from facepipe.files.decoding import ACCEPTED_BEFORE, decode
from facepipe.files.imaging import RgbImage
from facepipe.files.inbox import Inbox, check_image_id
from facepipe.files.result_files import ResultFiles
from facepipe.system.inside_token import InsideToken
from facepipe.system.settings import RedisSettings
from facepipe.system.tls import trusting

FaceCrops = npt.NDArray[np.uint8]
"""Face crops of one image: shape `(n, 224, 224, 3)`, uint8, RGB."""

_log = logging.getLogger(__name__)
_LOOK_EVERY_S = 1.0


class ImageStore(Protocol):
    """A cache by image id; None is a miss."""

    def get_upload(self, image_id: str) -> bytes | None: ...
    def put_upload(self, image_id: str, data: bytes) -> None: ...
    def get_crops(self, image_id: str) -> FaceCrops | None: ...
    def put_crops(self, image_id: str, crops: FaceCrops) -> None: ...
    def discard(self, image_id: str) -> None: ...


class RedisImageStore:
    """Keys `image:<id>`, the upload's own bytes, and `crops:<id>`, the pixels of its faces.

    Both have a time to live and a budget in bytes.

    Redis being away or full is a miss, never an error.
    """

    def __init__(self, redis: Redis, settings: RedisSettings) -> None:
        self._redis = redis
        self._budget_bytes = settings.image_budget_bytes
        self._ttl_s = settings.image_ttl_s
        self._used_bytes = 0
        self._look_at = 0.0

    def get_upload(self, image_id: str) -> bytes | None:
        return self._get(f"image:{image_id}")

    def put_upload(self, image_id: str, data: bytes) -> None:
        self._put(f"image:{image_id}", data)

    def get_crops(self, image_id: str) -> FaceCrops | None:
        data = self._get(f"crops:{image_id}")
        if data is None:
            return None
        return np.frombuffer(data, np.uint8).reshape(-1, FACE_CROP_SIZE, FACE_CROP_SIZE, 3)

    def put_crops(self, image_id: str, crops: FaceCrops) -> None:
        self._put(f"crops:{image_id}", crops.tobytes())

    def discard(self, image_id: str) -> None:
        try:
            self._redis.delete(f"image:{image_id}", f"crops:{image_id}")
        except RedisError as error:
            _log.warning("what is cached stays until it expires: %s", error)

    def _get(self, key: str) -> bytes | None:
        try:
            value = self._redis.get(key)
        except RedisError:
            return None
        return value if isinstance(value, bytes) else None

    def _put(self, key: str, data: bytes) -> None:
        try:
            if self._has_room(len(data)):
                self._redis.set(key, data, ex=self._ttl_s)
        except RedisError as error:
            _log.debug("not cached: %s", error)

    def _has_room(self, size: int) -> bool:
        """Redis' memory is looked at once a second; between, what is put here is added to it."""
        now = time.monotonic()
        if now >= self._look_at:
            self._used_bytes = int(self._redis.info("memory")["used_memory"])
            self._look_at = now + _LOOK_EVERY_S
        if self._used_bytes + size > self._budget_bytes:
            return False
        self._used_bytes += size
        return True


class SourceImages:
    """Upright pixels of an accepted image, from the nearest place that has them."""

    def __init__(
        self,
        cache: ImageStore,
        inbox: Inbox,
        results: ResultFiles,
        input_url: str,
        token: InsideToken,
        *,
        ca: Path | None = None,
        padded: bool = False,
    ) -> None:
        self._cache = cache
        self._inbox = inbox
        self._results = results
        self._input_url = input_url
        self._trust = trusting(ca)
        self._limits = replace(ACCEPTED_BEFORE, padded=padded)
        self._headers = token.headers  # asked for where the input API asks for keys

    def load(self, image_id: str) -> RgbImage:
        """The image, shape `(height, width, 3)`, uint8, RGB, upright; JPEGs padded if asked for.

        Raises:
            ImageNotFoundError: the upload is nowhere any more.
            ServiceUnavailableError: it is on another host that does not answer.
        """
        data = self._cache.get_upload(check_image_id(image_id))
        if data is None or hashlib.sha256(data).hexdigest() != image_id:
            data = self._upload(image_id)
        return decode(data, self._limits).rgb

    def _upload(self, image_id: str) -> bytes:
        for read in (self._inbox.read, self._results.read_source):
            with suppress(ImageNotFoundError):
                return read(image_id)
        return self._fetch(image_id)

    def _fetch(self, image_id: str) -> bytes:
        url = f"{self._input_url}/v1/images/{image_id}/source"
        try:
            response = httpx.get(url, headers=self._headers, timeout=30.0, verify=self._trust)
        except httpx.HTTPError as error:
            raise ServiceUnavailableError(f"input_service does not answer: {error}") from error
        if response.status_code in (404, 410):
            raise ImageNotFoundError(f"the upload of {image_id} is gone")
        if response.is_error:
            raise ServiceUnavailableError(f"input_service answered {response.status_code}")
        return response.content
