"""One image: the photograph with its faces marked, beside a card for each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from facepipe.web.visible import visible
from facepipe_client import FINAL
from gradio_viewer import contours, words
from gradio_viewer.face_html import face_cards, gender_class, is_rejected, number
from gradio_viewer.markup import Html, join, moment, notice, tag

Json = Mapping[str, Any]


def image_view(state: Json, result: Json | None) -> Html:
    """Head, photograph and faces. The page's script brings it to life."""
    image_id = str(state["image_id"])
    size = (result or {}).get("image") or state.get("image") or {}
    width, height = int(size.get("width") or 1), int(size.get("height") or 1)
    cards = face_cards(image_id, result)
    name = _name(state)
    return tag(
        "div",
        _head(state, result, width, height),
        _problem(state, result),
        tag(
            "div",
            tag("div", _stage(state, result, width, height), class_="fp-left"),
            tag("div", cards, id="faces", class_="fp-right") if cards else None,
            class_="fp-split" if cards else "fp-split fp-alone",
            # The width at which the whole photograph is as high as the window allows.
            style=f"--fp-ratio:{width / height:.4f}",
        ),
        class_="fp-image",
        data_title=name,
        data_image=image_id,
        data_status=str(state.get("status")),
    )


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


def _name(state: Json) -> str:
    return str((state.get("image") or {}).get("file_name") or str(state["image_id"])[:12])


def _head(state: Json, result: Json | None, width: int, height: int) -> Html:
    info = state.get("image") or {}
    image_id = str(state["image_id"])
    facts = [
        words.faces(state.get("num_faces")),
        str(info.get("folder") or ""),
        f"{width} \u00d7 {height}",
        str(info.get("format") or ""),
        words.file_size(info["size_bytes"]) if info.get("size_bytes") else "",
        *words.reading(info),
        "" if state.get("status") == "stored" else words.status(str(state.get("status"))),
    ]
    return tag(
        "div",
        tag(
            "div",
            tag("a", "\u2190 Results", href="?tab=results", class_="fp-back"),
            tag("h2", _name(state), class_="fp-name"),
            tag(
                "p",
                " \u00b7 ".join(fact for fact in facts if fact),
                " \u00b7 ",
                moment(str(state.get("received_at") or "")),
                class_="fp-facts",
            ),
        ),
        tag(
            "div",
            _button("previous", "\u2039", "Previous image"),
            _button("next", "\u203a", "Next image"),
            _downloads(image_id, result),
            _button("again", "Analyse again", "Analyse this image again"),
            _button("delete", "Delete", "Erase this image and all that is known of it"),
            _button("keys", "?", "Keys of this page"),
            class_="fp-actions",
        ),
        class_="fp-head",
    )


def _button(action: str, text: str, title: str) -> Html:
    return tag(
        "button", text, type="button", class_="fp-button", data_do=action, title=title,
        aria_label=title,
    )  # fmt: skip


def _downloads(image_id: str, result: Json | None) -> Html:
    files = [("Original", "original")]
    if result is not None:
        files += [("Annotated JPEG", "annotated.jpg"), ("Result JSON", "result.json")]
        files += [("XMP sidecar", "sidecar.xmp")]
    links = [
        tag("a", text, href=f"/files/{image_id}/{name}", download=True) for text, name in files
    ]
    return tag("details", tag("summary", "Download"), tag("div", *links), class_="fp-menu")


def _problem(state: Json, result: Json | None) -> Html | None:
    error = (result or {}).get("error") or state.get("error")
    if not error:
        if state.get("status") in FINAL:
            return None
        said = words.status(str(state.get("status")))
        return notice(f"In work: {said}. This page goes on by itself.", "going")
    kind = "error" if state.get("status") == "failed" else "warning"
    return notice(str(error.get("message") or error.get("code")), kind)


def _stage(state: Json, result: Json | None, width: int, height: int) -> Html:
    faces = (result or {}).get("faces") or []
    picture = tag(
        "img",
        src=f"/files/{state['image_id']}/upright.jpg",
        alt=f"Photograph {_name(state)}",
        width=width,
        height=height,
        draggable="false",
    )
    canvas = tag(
        "div",
        picture,
        _overlay(faces, width, height) if result is not None else None,
        class_="fp-canvas",
        style=f"aspect-ratio:{width}/{height}",
    )
    stage = tag("div", canvas, class_="fp-stage", tabindex=-1)
    return join(stage, _tools(faces, can_draw=result is not None))


def _tools(faces: Sequence[Json], *, can_draw: bool) -> Html:
    """Check boxes that style sheets listen to, and the zoom."""
    has_landmarks = any(face.get("landmarks") for face in faces)
    boxes = _switch("boxes", "Boxes", on=bool(faces), off=not faces)
    points = _switch("points", "Landmarks", on=has_landmarks, off=not has_landmarks)
    zoom = tag(
        "span",
        _button("zoom-out", "\u2212", "Smaller"),
        _button("fit", "Fit", "The whole photograph"),
        _button("zoom-in", "+", "Larger"),
        class_="fp-zoom",
    )
    missed = _button("draw", "Draw a missed face", "Draw the box of a face that was missed")
    return tag("div", boxes, points, missed if can_draw else None, zoom, class_="fp-tools")


def _switch(name: str, text: str, *, on: bool, off: bool) -> Html:
    box = tag("input", type="checkbox", class_=f"fp-{name}-on", checked=on, disabled=off)
    return tag("label", box, text)


def _overlay(faces: Sequence[Json], width: int, height: int) -> Html:
    """Small faces come last, so that they lie on top of larger ones and can be hit."""
    marks = [_mark(face, width, height) for face in faces]
    return tag(
        "svg",
        *marks,
        viewBox=f"0 0 {width} {height}",
        class_="fp-overlay",
        role="group",
        aria_label=f"{words.faces(len(faces))} marked",
    )


def _mark(face: Json, width: int, height: int) -> Html:
    box, estimate = face["box"], face.get("agegender") or {}
    wide, high = box["x2"] - box["x1"], box["y2"] - box["y1"]
    lines = contours.svg_path(face.get("landmarks") or [])
    # As large as fits a small face, as large as can be read on a large one.
    text = min(max(0.16 * min(wide, high), max(width, height) / 90), 0.5 * min(wide, high))
    label = tag(
        "text",
        str(number(face)),
        x=box["x1"] + 0.25 * text,
        y=box["y1"] + 1.05 * text,
        class_="fp-number",
        font_size=f"{text:.1f}",
    )
    return tag(
        "g",
        tag("title", f"{words.gender(estimate)}, {words.age(estimate)}"),
        tag("path", d=lines, class_="fp-points") if lines else None,
        tag("rect", x=box["x1"], y=box["y1"], width=wide, height=high, class_="fp-box"),
        label,
        class_=f"fp-face {gender_class(face)}{_kind(face)}",
        data_face=number(face),
    )


def _kind(face: Json) -> str:
    if is_rejected(face):
        return " fp-rejected"
    return " fp-by-hand" if face.get("drawn") else ""


def empty_view() -> Html:
    return notice("Choose an image under Results, or upload one.")


def broken_link() -> Html:
    said = "This link leads to no image: its id is not whole. Results has all images there are."
    return notice(said, "error")
