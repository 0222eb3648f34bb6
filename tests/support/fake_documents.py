"""What the fake input API tells: a portrait, results with two faces, plots and a trace."""

from __future__ import annotations

import io
import math
from typing import Any

from PIL import Image, ImageDraw

Json = dict[str, Any]
NOW = "2026-11-22T20:12:00.123000Z"


def portrait() -> bytes:
    image = Image.new("RGB", (800, 600), "#6b8e9f")
    draw = ImageDraw.Draw(image)
    draw.ellipse((250, 100, 550, 500), fill="#e0ac8a")
    draw.ellipse((320, 240, 370, 270), fill="#333")
    draw.ellipse((430, 240, 480, 270), fill="#333")
    draw.arc((340, 330, 460, 420), 20, 160, fill="#933", width=8)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG")
    return buffer.getvalue()


def landmarks() -> list[Json]:
    return [
        {"x": 400 + 130 * math.cos(n) * (n / 478), "y": 300 + 170 * math.sin(n) * (n / 478)}
        for n in range(478)
    ]


def document(image_id: str) -> Json:
    return {
        "schema_version": 1,
        "timestamp": NOW,
        "image_path": f"saved_data/{image_id}.jpg",
        "redis_key": f"image:{image_id}",
        "num_faces": 2,
        "faces": [
            {
                "face_index": 0,
                "box": {"x1": 250, "y1": 100, "x2": 550, "y2": 500},
                "confidence": 0.93,
                "landmarks": landmarks(),
                "agegender": {
                    "age": 28, "gender": "female", "age_low": 23, "age_high": 34,
                    "gender_confidence": 0.98, "reliable": True, "reasons": [],
                    "age_reliable": True, "gender_reliable": True,
                },
            },
            {
                "face_index": 1,
                "box": {"x1": 20, "y1": 20, "x2": 60, "y2": 70},
                "confidence": 0.51,
                "landmarks": [],
                "agegender": {
                    "age": None, "gender": "unknown", "reliable": False,
                    "reasons": ["small_face", "no_landmarks"],
                },
            },
        ],
        "status": "stored",
        "image": {"width": 800, "height": 600, "format": "JPEG", "sha256": image_id},
        "models": {},
        "timings_ms": {"detect": 41},
    }  # fmt: skip


def corrected(found: Json, corrections: list[Json]) -> Json:
    """With the truth beside each face, and the faces that were drawn."""
    faces = found["faces"]
    for one in corrections:
        if one["kind"] == "missed_face":
            drawn = {**faces[0], "face_index": len(faces), "box": one["box"], "drawn": True}
            faces.append({**drawn, "truth": {"is_face": True, "corrections": [one["number"]]}})
            continue
        face = next(face for face in faces if face["box"] == one["box"])
        before = face.get("truth") or {"corrections": []}
        known = {key: one[key] for key in ("age", "gender") if key in one}
        numbers = [*before["corrections"], one["number"]]
        is_face = one["kind"] != "not_a_face"
        face["truth"] = {**before, **known, "is_face": is_face, "corrections": numbers}
    return {**found, "num_faces": len(faces), "corrected": bool(corrections)}


def crowded(image_id: str, count: int) -> Json:
    """So many copies of the first face, in rows of twenty."""
    found = document(image_id)
    face = found["faces"][0]
    boxes = [(40 * (n % 20), 40 * (n // 20)) for n in range(count)]
    found["faces"] = [
        {**face, "face_index": n, "box": {"x1": x, "y1": y, "x2": x + 30, "y2": y + 35}}
        for n, (x, y) in enumerate(boxes)
    ]
    return {**found, "num_faces": count}


def bars() -> Json:
    """The data of a plot of ages."""
    series = [{"name": gender, "values": [1.0, 3.0]} for gender in ("female", "male")]
    categories = ["20-24", "25-29"]
    return {"categories": categories, "series": series, "stacked": True, "note": "8 faces"}


def pyramid() -> Json:
    """The data of a pyramid of ages, with the ends of its intervals."""
    faces = [("female", [4.0, 10.0]), ("male", [0.0, 6.0])]
    series = [
        {
            "name": gender,
            "values": n,
            "low": [0.5 * one for one in n],
            "high": [one + 4 for one in n],
        }
        for gender, n in faces
    ]
    kind = {"horizontal": True, "mirrored": True, "stacked": False}
    return {"name": "age_pyramid", "title": "Age pyramid", "categories": ["70+", "20-29"],
            "series": series, **kind}  # fmt: skip


def trace_document(image_id: str) -> Json:
    def span(name: str, own: str, parent: str, start: int, end: int, **values: Any) -> Json:
        return {
            "time": f"2026-11-22T20:12:00.{start:03d}000Z",
            "end": f"2026-11-22T20:12:00.{end:03d}000Z",
            "duration_ms": end - start,
            "name": name, "span_id": own, "parent_id": parent, "service": "landmark_service",
            "status": "unset", **values,
        }  # fmt: skip

    line = {"time": NOW, "level": "WARNING", "service": "landmark_service", "message": "<b>hm</b>"}
    return {
        "image_id": image_id,
        "spans": [
            span("receive", "a", "", 100, 900, service="input_service"),
            span("find_faces", "b", "a", 200, 600),
            span("detect", "c", "b", 210, 500),
            span("estimate", "d", "a", 620, 800, status="error", error="broke"),
        ],
        "logs": [line],
    }
