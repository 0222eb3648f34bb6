"""One image: the photograph with an overlay, and a card for each face."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from facepipe.web.visible import visible
from facepipe_client import FINAL
from gradio_viewer import words
from gradio_viewer.markup import Html, join, notice, tag

Json = Mapping[str, Any]


def image_view(state: Json, result: Json | None) -> Html:
    """The photograph with boxes and landmarks, switches for both, and the downloads."""
    image_id = str(state["image_id"])
    info = state.get("image") or {}
    size = (result or {}).get("image") or info
    width, height = int(size.get("width") or 1), int(size.get("height") or 1)
    faces = (result or {}).get("faces") or []
    picture = tag(
        "img",
        src=f"/files/{image_id}/upright.jpg",
        alt=f"Photograph {info.get('file_name') or image_id[:12]}",
        width=width,
        height=height,
    )
    overlay = _overlay(faces, width, height) if faces else None
    stage = tag("div", picture, overlay, class_="fp-stage")
    return tag(
        "div",
        _headline(state, width, height),
        _problem(state, result),
        _switches(faces) if faces else None,
        stage,
        _downloads(image_id) if result else None,
        class_="fp-image",
    )


def face_cards(image_id: str, result: Json | None) -> Html:
    """A card for each face, largest first."""
    if result is None:
        return Html("")
    faces = result.get("faces") or []
    if not faces:
        return notice("No face was found in this image.")
    size = result.get("image") or {}
    cards = [_card(image_id, face, size) for face in faces]
    return tag("div", *cards, class_="fp-cards")


def shortened(result: Json) -> dict[str, Any]:
    """The document with long landmark lists cut, for showing; the file has all of them."""
    faces = []
    for face in result.get("faces") or []:
        points = face.get("landmarks") or []
        shown = [*points[:2], f"... {len(points) - 2} more"] if len(points) > 3 else points
        faces.append({**face, "landmarks": shown})
    document: dict[str, Any] = _visible({**result, "faces": faces})
    return document


def _visible(value: Any) -> Any:
    """The same document, unseen characters of its texts written out."""
    if isinstance(value, Mapping):
        return {visible(str(key)): _visible(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_visible(inner) for inner in value]
    return visible(value) if isinstance(value, str) else value


def _headline(state: Json, width: int, height: int) -> Html:
    info = state.get("image") or {}
    name = info.get("file_name") or str(state["image_id"])[:12]
    facts = [
        f"{width} \u00d7 {height}",
        str(info.get("format") or ""),
        words.file_size(info["size_bytes"]) if info.get("size_bytes") else "",
        words.moment(str(state.get("received_at") or "")),
        words.faces(state.get("num_faces")),
        words.status(str(state.get("status"))),
    ]
    return tag(
        "div",
        tag("h3", name, class_="fp-name"),
        tag("p", " · ".join(fact for fact in facts if fact), class_="fp-facts"),
    )


def _problem(state: Json, result: Json | None) -> Html | None:
    error = (result or {}).get("error") or state.get("error")
    if not error:
        running = state.get("status") not in FINAL
        return notice("Still being analysed: load the page again in a moment.") if running else None
    kind = "error" if state.get("status") == "failed" else "warning"
    return notice(str(error.get("message") or error.get("code")), kind)


def _switches(faces: Sequence[Json]) -> Html:
    """Check boxes that style sheets listen to: no request when they are switched."""
    has_landmarks = any(face.get("landmarks") for face in faces)
    boxes = tag("label", tag("input", type="checkbox", class_="fp-boxes-on", checked=True), "Boxes")
    points = tag(
        "label",
        tag(
            "input",
            type="checkbox",
            class_="fp-points-on",
            checked=has_landmarks,
            disabled=not has_landmarks,
        ),
        "Landmarks",
    )
    return tag("div", boxes, points, class_="fp-switches")


def _overlay(faces: Sequence[Json], width: int, height: int) -> Html:
    shapes = []
    for face in faces:
        box = face["box"]
        side = max(box["x2"] - box["x1"], box["y2"] - box["y1"])
        points = " ".join(f"M{p['x']:.1f} {p['y']:.1f}h0" for p in face.get("landmarks") or [])
        shapes.append(
            tag(
                "g",
                tag(
                    "rect",
                    x=box["x1"],
                    y=box["y1"],
                    width=box["x2"] - box["x1"],
                    height=box["y2"] - box["y1"],
                    class_="fp-box",
                ),
                tag("title", _label(face)),
                tag(
                    "path",
                    d=points,
                    class_="fp-points",
                    style=f"stroke-width:{max(side / 75, width / 900):.2f}",
                )
                if points
                else None,
            )
        )
    return tag(
        "svg",
        *shapes,
        viewBox=f"0 0 {width} {height}",
        class_="fp-overlay",
        role="img",
        aria_label=f"{words.faces(len(faces))} marked",
    )


def _card(image_id: str, face: Json, size: Json) -> Html:
    estimate = face.get("agegender") or {}
    doubts = words.doubts(estimate)
    missing = face.get("agegender_error") or {}
    lines = [
        tag("strong", f"Face {int(face.get('face_index') or 0) + 1}"),
        tag("span", words.age(estimate)),
        tag("span", words.gender(estimate)),
        tag("span", f"face: {words.percent(float(face.get('confidence') or 0))}", class_="fp-dim"),
        _pose(face.get("pose")),
        tag("span", "reliable", class_="fp-good")
        if not doubts
        else tag("span", f"Not reliable: {'; '.join(doubts)}", class_="fp-doubt"),
        tag("span", str(missing["message"]), class_="fp-doubt") if missing.get("message") else None,
    ]
    thumbnail = _thumbnail(image_id, face["box"], size)
    return tag("article", thumbnail, tag("div", *lines, class_="fp-lines"), class_="fp-card")


def _pose(pose: Json | None) -> Html | None:
    if not pose:
        return None
    sides = ("turned", "right", "left"), ("looks", "up", "down"), ("tilted", "right", "left")
    angles = (round(float(pose[name])) for name in ("yaw", "pitch", "roll"))
    turns = [
        f"{verb} {abs(angle)}° {more if angle > 0 else less}"
        for angle, (verb, more, less) in zip(angles, sides, strict=True)
        if angle
    ]
    return tag("span", "head: " + (", ".join(turns) or "straight"), class_="fp-dim")


def _thumbnail(image_id: str, box: Json, size: Json) -> Html:
    """The face, cut out of the image by the browser: no request and no decoding of its own."""
    width, height = box["x2"] - box["x1"], box["y2"] - box["y1"]
    side = 1.4 * max(width, height)
    x = box["x1"] + width / 2 - side / 2
    y = box["y1"] + height / 2 - side / 2
    image = tag(
        "image",
        href=f"/files/{image_id}/upright.jpg",
        width=size.get("width") or 1,
        height=size.get("height") or 1,
    )
    return tag("svg", image, viewBox=f"{x:.0f} {y:.0f} {side:.0f} {side:.0f}", class_="fp-thumb")


def _label(face: Json) -> str:
    estimate = face.get("agegender") or {}
    return f"{words.gender(estimate)}, {words.age(estimate)}"


def _downloads(image_id: str) -> Html:
    return tag(
        "p",
        tag("a", "Annotated JPEG", href=f"/files/{image_id}/annotated.jpg", download=True),
        tag("a", "Result JSON", href=f"/files/{image_id}/result.json", download=True),
        class_="fp-downloads",
    )


def empty_view() -> Html:
    return join(notice("Choose an image under Results, or upload one."))
