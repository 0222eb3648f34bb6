"""Values as a person reads them. Pure; nothing here is escaped for HTML."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from facepipe_client import DOUBT_WORDS, STATUS_WORDS

STATUS = {"sending": "sending", **STATUS_WORDS}
# How far an image has come, per cent.
PROGRESS = {
    "sending": 5,
    "received": 10,
    "queued": 20,
    "detecting": 40,
    "analysing": 65,
    "storing": 85,
    "stored": 100,
    "partial": 100,
    "failed": 100,
    "deleted": 100,
}
PARTS = {
    "detector": "faces",
    "refiner": "a second look at faces",
    "landmarks": "landmarks",
    "agegender": "age and gender",
}


def status(value: str) -> str:
    return STATUS.get(value, value.replace("_", " "))


def faces(number: int | None) -> str:
    """How many faces.

    >>> faces(1), faces(0), faces(None)
    ('1 face', 'no face', '')
    """
    if number is None:
        return ""
    if number == 0:
        return "no face"
    return "1 face" if number == 1 else f"{number} faces"


def reading(info: Mapping[str, Any]) -> list[str]:
    """What is not to be expected of how a file was read, for people.

    >>> reading({"damaged": True, "decoded_share": 0.596}), reading({"frame": 1})
    (['damaged: 60 % of it could be read'], ['frame 2, the first that is not blank'])
    >>> reading({"damaged": False, "decoded_share": 1.0, "frame": 0, "preview": True})
    ['the preview in the RAW file']
    """
    share, frame = float(info.get("decoded_share") or 0), int(info.get("frame") or 0)
    said = [
        f"damaged: {percent(share)} of it could be read" if info.get("damaged") else "",
        f"frame {frame + 1}, the first that is not blank" if frame else "",
        "the preview in the RAW file" if info.get("preview") else "",
    ]
    return [text for text in said if text]


def age(estimate: Mapping[str, Any]) -> str:
    """An estimated age with its range.

    >>> age({"age": 28, "age_low": 23, "age_high": 34})
    '28 years (23\u201334)'
    """
    years = estimate.get("age")
    if years is None:
        return "age unknown"
    low, high = estimate.get("age_low"), estimate.get("age_high")
    spread = f" ({low}\u2013{high})" if low is not None and high is not None else ""
    return f"{years} years{spread}"


def gender(estimate: Mapping[str, Any]) -> str:
    """An estimated gender with its probability.

    >>> gender({"gender": "female", "gender_confidence": 0.984})
    'female, 98 %'
    """
    value = str(estimate.get("gender") or "unknown")
    if value == "unknown":
        return "gender unknown"
    confidence = estimate.get("gender_confidence")
    return value if confidence is None else f"{value}, {percent(confidence)}"


def percent(share: float) -> str:
    """Never 100 % for less than certainty.

    >>> percent(0.999), percent(1)
    ('99 %', '100 %')
    """
    return f"{int(share * 100 + 0.5) if share < 0.995 else int(share * 100)} %"


def doubts(estimate: Mapping[str, Any]) -> list[str]:
    """Why an estimate should not be relied on, in words; empty when it is reliable."""
    reasons = [DOUBT_WORDS.get(r, str(r).replace("_", " ")) for r in estimate.get("reasons") or []]
    if estimate.get("reliable"):
        return []
    return reasons or ["no reason was given"]


_HELPS = {
    "small_face": "A larger picture of the face helps.",
    "blurred": "A sharper picture helps.",
    "turned_away": "A picture from the front helps.",
    "badly_exposed": "More even light helps.",
    "distorted": "A picture of the right proportions helps.",
    "mouth_covered": "An uncovered face helps.",
    "eyes_covered": "An uncovered face helps.",
    "low_confidence": "Look whether it is a face at all.",
    "not_a_face": "Look whether it is a face at all.",
    "stage_failed": "Analyse the image again.",
}


def helps(estimate: Mapping[str, Any]) -> str:
    """What to do about the doubts, as far as something can be done.

    >>> helps({"reasons": ["small_face", "wide_age_range"]})
    'A larger picture of the face helps.'
    """
    advice = [_HELPS[str(reason)] for reason in estimate.get("reasons") or [] if reason in _HELPS]
    return " ".join(dict.fromkeys(advice))


def pose(angles: Mapping[str, Any] | None) -> str:
    """Which way a head is turned, in words.

    >>> pose({"yaw": 12.2, "pitch": -3.4, "roll": 0.1})
    'head turned right 12\u00b0, looks down 3\u00b0'
    >>> pose({"yaw": 0, "pitch": 0, "roll": 0}), pose(None)
    ('head straight', '')
    """
    if not angles:
        return ""
    sides = ("turned", "right", "left"), ("looks", "up", "down"), ("tilted", "right", "left")
    turns = [
        f"{verb} {more if angle > 0 else less} {abs(angle)}\u00b0"
        for angle, (verb, more, less) in zip(
            (round(float(angles[name])) for name in ("yaw", "pitch", "roll")), sides, strict=True
        )
        if angle
    ]
    return "head " + (", ".join(turns) or "straight")


def no_landmarks(error: Mapping[str, Any] | None) -> str:
    """That there are none, and why where it is no fault of the photograph.

    >>> no_landmarks({"code": "landmarks_occluded"}), no_landmarks(None)
    ('no landmarks, as the face is covered in part', 'no landmarks')
    """
    is_covered = (error or {}).get("code") == "landmarks_occluded"
    return "no landmarks, as the face is covered in part" if is_covered else "no landmarks"


def duration(milliseconds: float) -> str:
    """A span of time, short.

    >>> duration(0.42), duration(41.3), duration(2345.0), duration(95000)
    ('0.4 ms', '41 ms', '2.3 s', '1 min 35 s')
    """
    if milliseconds < 10:
        return f"{milliseconds:.1f} ms"
    if milliseconds < 1000:
        return f"{milliseconds:.0f} ms"
    if milliseconds < 60_000:
        return f"{milliseconds / 1000:.1f} s"
    minutes, seconds = divmod(round(milliseconds / 1000), 60)
    return f"{minutes} min {seconds} s"


def file_size(number: int) -> str:
    """Bytes, short.

    >>> file_size(900), file_size(2_500_000)
    ('900 bytes', '2.5 MB')
    """
    if number < 1000:
        return f"{number} bytes"
    return f"{number / 1000:.0f} kB" if number < 1_000_000 else f"{number / 1e6:.1f} MB"


def moment(text: str) -> str:
    """A time of the API as day and minute, UTC; the text itself when it is no time.

    The page's script writes it anew in the visitor's own zone.
    """
    found = parse_moment(text)
    return f"{found:%Y-%m-%d %H:%M} UTC" if found else text


def parse_moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
