"""Pixels on their way through the stages: a cache in Redis, the truth on disk.

Needs the extra `imaging`. Losing any key, or all of Redis, loses nothing: a miss is read
from the inbox, or on another host from input_service.
"""

from __future__ import annotations

import logging
import struct
from typing import Protocol

import httpx
import numpy as np
import numpy.typing as npt
from redis import Redis
from redis.exceptions import RedisError

from facepipe.domain.errors import ImageNotFoundError, ServiceUnavailableError
from facepipe.files.imaging import DecodeLimits, RgbImage, decode
from facepipe.files.inbox import Inbox, check_image_id
from facepipe.files.result_files import ResultFiles
from facepipe.system.inside_token import InsideToken
from facepipe.system.settings import RedisSettings

FaceCrops = npt.NDArray[np.uint8]
"""Face crops of one image: shape `(n, 224, 224, 3)`, uint8, RGB."""

_log = logging.getLogger(__name__)
_HEADER = struct.Struct("<BIIII")

# What was accepted was within its limits then; a lowered limit must not lose it now.
_ACCEPTED = DecodeLimits(max_bytes=2**31, max_pixels=2**31, max_side=2**16)


class ImageStore(Protocol):
    """A cache of pixels by image id; None is a miss."""

    def get_image(self, image_id: str) -> RgbImage | None: ...
    def put_image(self, image_id: str, rgb: RgbImage) -> None: ...
    def get_crops(self, image_id: str) -> FaceCrops | None: ...
    def put_crops(self, image_id: str, crops: FaceCrops) -> None: ...
    def discard(self, image_id: str) -> None: ...


class RedisImageStore:
    """Keys `image:<id>` and `crops:<id>`, with a time to live and a budget in bytes.

    Redis being away or full is a miss, never an error.
    """

    def __init__(self, redis: Redis, settings: RedisSettings) -> None:
        self._redis = redis
        self._budget_bytes = settings.image_budget_bytes
        self._ttl_s = settings.image_ttl_s

    def get_image(self, image_id: str) -> RgbImage | None:
        return self._get(f"image:{image_id}")

    def put_image(self, image_id: str, rgb: RgbImage) -> None:
        self._put(f"image:{image_id}", rgb)

    def get_crops(self, image_id: str) -> FaceCrops | None:
        return self._get(f"crops:{image_id}")

    def put_crops(self, image_id: str, crops: FaceCrops) -> None:
        self._put(f"crops:{image_id}", crops)

    def discard(self, image_id: str) -> None:
        try:
            self._redis.delete(f"image:{image_id}", f"crops:{image_id}")
        except RedisError as error:
            _log.warning("cached pixels stay until they expire: %s", error)

    def _get(self, key: str) -> npt.NDArray[np.uint8] | None:
        try:
            value = self._redis.get(key)
        except RedisError:
            return None
        if not isinstance(value, bytes):
            return None
        dimensions, *shape = _HEADER.unpack_from(value)
        pixels = np.frombuffer(value, np.uint8, offset=_HEADER.size)
        return pixels.reshape(shape[:dimensions])

    def _put(self, key: str, pixels: npt.NDArray[np.uint8]) -> None:
        shape = (*pixels.shape, 0, 0, 0, 0)[:4]
        try:
            used = int(self._redis.info("memory")["used_memory"])
            if used + pixels.nbytes > self._budget_bytes:
                return
            header = _HEADER.pack(pixels.ndim, *shape)
            self._redis.set(key, header + pixels.tobytes(), ex=self._ttl_s)
        except RedisError as error:
            _log.debug("not cached: %s", error)


class SourceImages:
    """Upright pixels of an accepted image, from the nearest place that has them."""

    def __init__(
        self,
        cache: ImageStore,
        inbox: Inbox,
        results: ResultFiles,
        input_url: str,
        token: InsideToken,
    ) -> None:
        self._cache = cache
        self._inbox = inbox
        self._results = results
        self._input_url = input_url
        self._headers = token.headers  # asked for where the input API asks for keys

    def load(self, image_id: str) -> RgbImage:
        """The image, shape `(height, width, 3)`, uint8, RGB, upright.

        Raises:
            ImageNotFoundError: the upload is nowhere any more.
            ServiceUnavailableError: it is on another host that does not answer.
        """
        cached = self._cache.get_image(check_image_id(image_id))
        return decode(self._upload(image_id), _ACCEPTED).rgb if cached is None else cached

    def _upload(self, image_id: str) -> bytes:
        for path in (self._inbox.path(image_id), self._results.source(image_id)):
            if path.exists():
                return path.read_bytes()
        return self._fetch(image_id)

    def _fetch(self, image_id: str) -> bytes:
        url = f"{self._input_url}/v1/images/{image_id}/source"
        try:
            response = httpx.get(url, headers=self._headers, timeout=30.0)
        except httpx.HTTPError as error:
            raise ServiceUnavailableError(f"input_service does not answer: {error}") from error
        if response.status_code in (404, 410):
            raise ImageNotFoundError(f"the upload of {image_id} is gone")
        if response.is_error:
            raise ServiceUnavailableError(f"input_service answered {response.status_code}")
        return response.content
