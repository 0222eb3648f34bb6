"""What can be listed, searched and exported of a face: each field declared once.

The columns of the ledger's index, the filters of `GET /v1/images`, the conditions of the gRPC
query and the columns of the export are read from `FACE_FIELDS`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from facepipe.domain.analysis import Gender

FieldValue = int | float | bool | str


@dataclass(frozen=True, slots=True)
class FaceField:
    """A scalar of a face in the result document.

    Attributes:
        name: of the column, and what its filters are called after.
        kind: int, float, bool or str. As bool, a list says whether it has entries; as str, it
            is joined by blanks.
        path: the keys that lead to it from the face; None: the name alone.
        bounds: smallest and largest value; such a field is filtered by `min_` and `max_`.
        choices: the values of a field that is filtered by equality.
        is_switch: whether a bool is filtered by its own name, true or false.
        unit: for people.
    """

    name: str
    kind: type[FieldValue]
    path: tuple[str, ...] | None = None
    bounds: tuple[float, float] | None = None
    choices: type[StrEnum] | None = None
    is_switch: bool = False
    unit: str = ""

    def of(self, face: Any) -> FieldValue | None:
        """Its value in a face, which is a `Face` or the JSON of one; None where it is unknown."""
        value = face
        for key in self.path or (self.name,):
            if value is None:
                return None
            value = value.get(key) if isinstance(value, Mapping) else getattr(value, key)
        if self.kind is bool:
            return bool(value)
        if isinstance(value, list):
            return " ".join(str(entry) for entry in value)
        return None if value is None else self.kind(value)


def _estimate(name: str, kind: type[FieldValue], **options: Any) -> FaceField:
    return FaceField(name, kind, ("agegender", name), **options)


FACE_FIELDS = (
    *(FaceField(edge, int, ("box", edge), unit="px") for edge in ("x1", "y1", "x2", "y2")),
    FaceField("confidence", float, bounds=(0, 1)),
    FaceField("has_landmarks", bool, ("landmarks",)),
    *(
        FaceField(angle, float, ("pose", angle), bounds=(-180, 180), unit="degrees")
        for angle in ("yaw", "pitch", "roll")
    ),
    _estimate("age", int, bounds=(0, 120), unit="years"),
    _estimate("age_low", int, unit="years"),
    _estimate("age_high", int, unit="years"),
    _estimate("gender", str, choices=Gender),
    _estimate("gender_confidence", float, bounds=(0, 1)),
    _estimate("reliable", bool, is_switch=True),
    _estimate("age_reliable", bool, is_switch=True),
    _estimate("gender_reliable", bool, is_switch=True),
    _estimate("quality", float, bounds=(0, 1)),
    _estimate("reasons", str),
    FaceField("drawn", bool, is_switch=True),
    FaceField("is_face", bool, ("truth", "is_face"), is_switch=True),
    FaceField("true_age", int, ("truth", "age"), bounds=(0, 120), unit="years"),
    FaceField("true_gender", str, ("truth", "gender"), choices=Gender),
)

FACE_FIELD = {field.name: field for field in FACE_FIELDS}


@dataclass(frozen=True, slots=True)
class FaceCondition:
    """What a field must be: within `low`..`high`, one of `any_of`; what is not set is free."""

    field: str
    low: float | None = None
    high: float | None = None
    any_of: tuple[str, ...] = ()


def filter_names() -> Iterator[tuple[str, FaceField]]:
    """The filters that there are: `min_age`, `max_age`, `gender`, ..., with their fields."""
    for field in FACE_FIELDS:
        if field.bounds is not None:
            yield f"min_{field.name}", field
            yield f"max_{field.name}", field
        elif field.choices is not None or field.is_switch:
            yield field.name, field


def conditions_of(filters: Mapping[str, Any]) -> tuple[FaceCondition, ...]:
    """Conditions from filters by name; those that are None or missing ask for nothing.

    >>> conditions_of({"min_age": 18, "gender": "female"})[0]
    FaceCondition(field='age', low=18, high=None, any_of=())
    """
    found: dict[str, dict[str, Any]] = {}
    for name, field in filter_names():
        value = filters.get(name)
        if value is None:
            continue
        wish = found.setdefault(field.name, {})
        if field.bounds is None:
            wish["any_of"] = (str(value).lower() if field.is_switch else str(value),)
        else:
            wish["low" if name.startswith("min_") else "high"] = value
    return tuple(FaceCondition(name, **wish) for name, wish in found.items())
