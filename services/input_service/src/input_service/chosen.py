"""The part of a result document that a client asks for: `?fields=faces.box,num_faces`."""

from __future__ import annotations

from typing import Any, get_args

from pydantic import BaseModel

from facepipe.domain.analysis import AnalysisDocument
from input_service.parameters import require_known

Path = tuple[str, ...]


def parsed_paths(fields: str) -> list[Path]:
    """Raises UnknownParameterError for a field that a result document does not have."""
    paths = [tuple(one.strip().split(".")) for one in fields.split(",") if one.strip()]
    for path in paths:
        kind: Any = AnalysisDocument
        for key in path:
            names = _fields(kind)
            require_known("field", [key], names)
            kind = names[key]
    return paths


def chosen_of(document: dict[str, Any], paths: list[Path], *, landmarks: bool) -> dict[str, Any]:
    """What the paths lead to, all of it where there are none."""
    chosen = _picked(document, paths) if paths else dict(document)
    if not landmarks and "faces" in chosen:
        faces = chosen["faces"]
        chosen["faces"] = [
            {key: value for key, value in face.items() if key != "landmarks"} for face in faces
        ]
    return chosen


def _picked(value: Any, paths: list[Path]) -> Any:
    if isinstance(value, list):
        return [_picked(entry, paths) for entry in value]
    if not isinstance(value, dict) or () in paths:
        return value
    wanted: dict[str, list[Path]] = {}
    for first, *rest in paths:
        wanted.setdefault(first, []).append(tuple(rest))
    return {key: _picked(value[key], rest) for key, rest in wanted.items() if key in value}


def _fields(kind: Any) -> dict[str, Any]:
    """The fields of a model, wherever it stands in a type: in a list, or beside None."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return {name: field.annotation for name, field in kind.model_fields.items()}
    return {name: one for part in get_args(kind) for name, one in _fields(part).items()}
