"""Examples of answers, for the OpenAPI document."""

from __future__ import annotations

from typing import Any

from input_service.views import Links

IMAGE_ID = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
LINKS = Links.of(IMAGE_ID).model_dump()

_ACCEPTED = {
    "file_name": "family.jpg",
    "image_id": IMAGE_ID,
    "status": "queued",
    "known": False,
    "links": LINKS,
    "error": None,
    "result": None,
}
_REFUSED = {
    "file_name": "notes.txt",
    "image_id": None,
    "status": None,
    "known": False,
    "links": None,
    "error": {
        "code": "unsupported_image",
        "status": 415,
        "detail": "not an image of an accepted format (JPEG, PNG, WebP, GIF, BMP, TIFF, ...)",
    },
    "result": None,
}
UPLOADED: dict[str, Any] = {"images": [_ACCEPTED, _REFUSED]}

RESULT: dict[str, Any] = {
    "schema_version": 1,
    "timestamp": "2026-11-22T20:12:00.123Z",
    "image_path": f"saved_data/{IMAGE_ID}.jpg",
    "redis_key": f"image:{IMAGE_ID}",
    "num_faces": 1,
    "faces": [
        {
            "face_index": 0,
            "box": {"x1": 102, "y1": 88, "x2": 240, "y2": 262},
            "confidence": 0.93,
            "landmarks": [{"x": 171.2, "y": 149.8}],
            "agegender": {
                "age": 28,
                "gender": "female",
                "age_low": 23,
                "age_high": 34,
                "gender_confidence": 0.98,
                "reliable": True,
                "age_reliable": True,
                "gender_reliable": True,
                "quality": 0.94,
                "reasons": [],
            },
        }
    ],
}
UPLOADED_WITH_RESULT: dict[str, Any] = {
    "images": [_ACCEPTED | {"status": "stored", "result": RESULT}]
}

IMAGE: dict[str, Any] = {
    "image_id": IMAGE_ID,
    "status": "analysing",
    "generation": 1,
    "num_faces": 1,
    "error": None,
    "image": {
        "width": 1350,
        "height": 1350,
        "format": "JPEG",
        "orientation_applied": 1,
        "sha256": IMAGE_ID,
        "file_name": "family.jpg",
        "size_bytes": 214_511,
    },
    "received_at": "2026-11-22T20:11:59.801Z",
    "updated_at": "2026-11-22T20:11:59.977Z",
    "timeline": [
        {
            "stage": "landmark",
            "attempt": 1,
            "worker": "landmark-host-1",
            "started_at": "2026-11-22T20:11:59.830Z",
            "ended_at": "2026-11-22T20:11:59.977Z",
            "error": None,
        }
    ],
    "links": LINKS,
}
PAGE: dict[str, Any] = {"images": [IMAGE | {"timeline": []}], "next_cursor": None}

NOT_FINISHED: dict[str, Any] = {
    "type": "urn:facepipe:problem:not_finished",
    "title": "Analysis not finished",
    "status": 409,
    "detail": "the image is analysing; ask again, or follow its events",
    "instance": LINKS["result"],
    "code": "not_finished",
}


def shown(example: dict[str, Any], media_type: str = "application/json") -> dict[str, Any]:
    """The `content` of an answer in a route's `responses`."""
    return {media_type: {"example": example}}


def leads_to(*operations: str) -> dict[str, Any]:
    """OpenAPI links from an upload to what can be asked of its first image."""
    parameters = {"image_id": "$response.body#/images/0/image_id"}
    return {name: {"operationId": name, "parameters": parameters} for name in operations}
