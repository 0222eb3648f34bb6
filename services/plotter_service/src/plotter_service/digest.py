"""What the plots need of one result document. Pure.

Documents are read leniently: one of another version, or with parts missing, still counts
with what it has.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from facepipe.analysis import Gender


@dataclass(frozen=True, slots=True)
class FaceDigest:
    """One face: age in years or None, confidence of its detection 0-1 or None."""

    age: int | None
    gender: Gender
    confidence: float | None
    is_reliable: bool


@dataclass(frozen=True, slots=True)
class ResultDigest:
    """One result: when it was stored (seconds since 1970), its faces, milliseconds by step."""

    stored_at_s: int
    faces: tuple[FaceDigest, ...]
    timings_ms: Mapping[str, float]


def digest_result(data: bytes) -> ResultDigest | None:
    """The digest of a result document; None when it is none."""
    try:
        document = json.loads(data)
        stored_at = datetime.fromisoformat(document["timestamp"])
        faces = tuple(_digest_face(face) for face in document["faces"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    if stored_at.tzinfo is None:
        stored_at = stored_at.replace(tzinfo=UTC)
    timings = document.get("timings_ms")
    return ResultDigest(
        int(stored_at.timestamp()),
        faces,
        {
            str(step): number
            for step, value in (timings.items() if isinstance(timings, dict) else ())
            if (number := _number(value)) is not None and number >= 0
        },
    )


def _digest_face(face: Mapping[str, Any]) -> FaceDigest:
    estimate = face.get("agegender")
    estimate = estimate if isinstance(estimate, dict) else {}
    age = _number(estimate.get("age"))
    gender = estimate.get("gender")
    confidence = _number(face.get("confidence"))
    return FaceDigest(
        age=None if age is None or not 0 <= age <= 150 else int(age),
        gender=Gender(gender) if gender in list(Gender) else Gender.UNKNOWN,
        confidence=None if confidence is None else min(max(confidence, 0.0), 1.0),
        is_reliable=estimate.get("reliable") is True,
    )


def _number(value: object) -> float | None:
    """A finite number, or None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if math.isfinite(value) else None
