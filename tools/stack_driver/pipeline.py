"""The input API as tests use it: send, wait, read."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx

FINAL = {"stored", "partial", "failed", "deleted"}


@dataclass(frozen=True)
class Pipeline:
    """A running pipeline, seen from outside."""

    address: str

    def upload(self, images: Iterable[bytes]) -> list[str]:
        """Posts images one by one; returns their ids."""
        answers = [self.post(data).raise_for_status() for data in images]
        return [answer.json()["images"][0]["image_id"] for answer in answers]

    def post(self, data: bytes) -> httpx.Response:
        """Posts one image as a raw body."""
        headers = {"Content-Type": "application/octet-stream"}
        url = f"{self.address}/v1/images"
        return httpx.post(url, content=data, headers=headers, timeout=60, trust_env=False)

    def retry(self, image_id: str) -> None:
        """Has a failed image run again."""
        url = f"{self.address}/v1/images/{image_id}/retry"
        httpx.post(url, timeout=60, trust_env=False).raise_for_status()

    def get(self, path: str) -> Any:
        """The JSON behind a path of the API."""
        return self.response(path).json()

    def response(self, path: str) -> httpx.Response:
        answer = httpx.get(f"{self.address}{path}", timeout=20, trust_env=False)
        return answer.raise_for_status()

    def state(self, image_id: str) -> dict[str, Any]:
        state: dict[str, Any] = self.get(f"/v1/images/{image_id}")
        return state

    def images(self) -> Iterator[dict[str, Any]]:
        """The states of all images but the deleted, newest first."""
        cursor: str | None = ""
        while cursor is not None:
            page = self.get(f"/v1/images?limit=500&cursor={cursor}")
            yield from page["images"]
            cursor = page["next_cursor"]

    def result(self, image_id: str) -> dict[str, Any]:
        document: dict[str, Any] = self.get(f"/v1/images/{image_id}/result")
        return document

    def wait_final(self, ids: Iterable[str], timeout_s: float = 240) -> dict[str, dict[str, Any]]:
        """Waits until every image has come to its end; returns their states by id."""
        states: dict[str, dict[str, Any]] = {}
        waiting = list(ids)
        deadline = time.monotonic() + timeout_s
        while waiting and time.monotonic() < deadline:
            try:
                states.update({image_id: self.state(image_id) for image_id in waiting})
            except httpx.HTTPError:
                time.sleep(0.5)  # a part of the stack is being restarted
                continue
            waiting = [image_id for image_id in waiting if states[image_id]["status"] not in FINAL]
            time.sleep(0.2 if waiting else 0)
        unfinished = {image_id[:8]: states.get(image_id, {}).get("status") for image_id in waiting}
        assert not waiting, f"not finished after {timeout_s:g} s: {unfinished}"
        return states

    def analyse(self, image: bytes, timeout_s: float = 120) -> dict[str, Any]:
        """Sends one image and waits for its result document."""
        (image_id,) = self.upload([image])
        state = self.wait_final([image_id], timeout_s)[image_id]
        assert state["status"] == "stored", state["error"]
        return self.result(image_id)
