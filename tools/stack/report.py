"""A result as a person would like to read it."""

from __future__ import annotations

from facepipe_client import DOUBT_WORDS, AgeGender, Doubt, Face, Gender, Result

# Doubts that say why there is no estimate at all.
_MISSING = (Doubt.SWITCHED_OFF, Doubt.STAGE_FAILED)


def describe(document: Result) -> list[str]:
    """One line a face, or one that says there is none."""
    if not document.faces:
        return ["no face was found in this photograph"]
    return [describe_face(face) for face in document.faces]


def describe_face(face: Face) -> str:
    """`face 0: female 28 (23-34), 97 % sure, 478 landmarks, box ...`, and doubts in words."""
    box = face.box
    parts = [
        *_estimate(face.agegender),
        f"{len(face.landmarks)} landmarks" if face.landmarks else _no_landmarks(face),
        f"box {box.x2 - box.x1} x {box.y2 - box.y1} at ({box.x1}, {box.y1})",
    ]
    line = f"face {face.face_index}: {', '.join(parts)}"
    reasons = face.agegender.reasons
    doubts = [DOUBT_WORDS.get(doubt, doubt) for doubt in reasons if doubt not in _MISSING]
    return f"{line} - not to be relied on: {', '.join(doubts)}" if doubts else line


def _estimate(estimate: AgeGender) -> list[str]:
    missing = [DOUBT_WORDS[doubt] for doubt in estimate.reasons if doubt in _MISSING]
    if estimate.age is None and estimate.gender == Gender.UNKNOWN:
        return [f"age and gender unknown ({missing[0]})" if missing else "age and gender unknown"]
    gender = "gender unknown" if estimate.gender == Gender.UNKNOWN else str(estimate.gender)
    age = "age unknown"
    if estimate.age is not None:
        age = f"{estimate.age}"
        if estimate.age_low is not None and estimate.age_high is not None:
            age += f" ({estimate.age_low}-{estimate.age_high})"
    parts = [f"{gender} {age}"]
    if estimate.gender != Gender.UNKNOWN and estimate.gender_confidence is not None:
        parts.append(f"{estimate.gender_confidence:.0%} sure".replace("%", " %"))
    return parts


def _no_landmarks(face: Face) -> str:
    why = f" ({face.landmarks_error.message})" if face.landmarks_error else ""
    return f"no landmarks{why}"
