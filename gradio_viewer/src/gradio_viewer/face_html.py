"""The faces of an image: a card for each, with its estimates and their doubts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gradio_viewer import words
from gradio_viewer.markup import Html, join, notice, tag

Json = Mapping[str, Any]
OLDEST = 100
_SORTS = {
    "size": "Largest first",
    "-size": "Smallest first",
    "age": "Youngest first",
    "-age": "Oldest first",
    "place": "Left to right",
}


def face_cards(image_id: str, result: Json | None) -> Html:
    """The cards with their controls, largest face first."""
    if result is None:
        return Html("")
    faces = result.get("faces") or []
    if not faces:
        return notice(
            "No face was found in this image. Faces under about 16 pixels, or turned far away, "
            "are mostly missed: draw one, and it is analysed like any other."
        )
    size = result.get("image") or {}
    cards = [_card(image_id, face, size) for face in faces]
    many = len(faces) > 1
    return join(
        _controls(faces) if many else None,
        tag("div", *cards, class_="fp-cards", role="list", aria_label="Faces"),
        tag("p", "No face is like that.", class_="fp-none fp-dim", hidden=True) if many else None,
    )


def number(face: Json) -> int:
    """The number by which a person knows a face: that of the document."""
    return int(face.get("face_index") or 0)


def gender_class(face: Json) -> str:
    value = str((face.get("agegender") or {}).get("gender") or "unknown")
    return f"fp-{value}" if value in ("female", "male") else "fp-unknown"


def _controls(faces: Sequence[Json]) -> Html:
    options = [tag("option", text, value=key) for key, text in _SORTS.items()]
    doubtful = sum(not (face.get("agegender") or {}).get("reliable") for face in faces)
    return tag(
        "div",
        tag("strong", words.faces(len(faces)), class_="fp-count"),
        tag(
            "label",
            tag("span", "Sort", class_="fp-hush"),
            tag("select", *options, class_="fp-sort"),
        ),
        tag(
            "label",
            tag("input", type="checkbox", class_="fp-reliable-only"),
            f"reliable only ({len(faces) - doubtful})",
        ),
        class_="fp-controls",
    )


def _card(image_id: str, face: Json, size: Json) -> Html:
    estimate = face.get("agegender") or {}
    box, index = face["box"], number(face)
    missing = face.get("agegender_error") or {}
    age = estimate.get("age")
    lines = [
        _truth(face),
        _age(estimate),
        _gender(estimate),
        _doubts(estimate),
        tag("p", str(missing["message"]), class_="fp-doubt") if missing.get("message") else None,
        tag(
            "p",
            _facts(face),
            " \u00b7 ",
            tag("a", "crop", href=f"/files/{image_id}/faces/{index}.jpg", download=True),
            " \u00b7 ",
            _action("correct", "correct", f"Correct face {index}"),
            class_="fp-facts",
        ),
    ]
    return tag(
        "div",
        tag(
            "div",
            _thumbnail(image_id, box, size),
            tag("b", str(index), class_=f"fp-badge {gender_class(face)}"),
            class_="fp-portrait",
        ),
        tag("div", *lines, class_="fp-lines"),
        class_="fp-card fp-rejected" if is_rejected(face) else "fp-card",
        role="listitem",
        tabindex=0,
        aria_label=f"Face {index}: {words.gender(estimate)}, {words.age(estimate)}",
        data_face=index,
        data_size=(box["x2"] - box["x1"]) * (box["y2"] - box["y1"]),
        data_age="" if age is None else age,
        data_place=box["x1"],
        data_reliable=bool(estimate.get("reliable")) or None,
    )


def is_rejected(face: Json) -> bool:
    """Whether somebody said that it is no face."""
    return not (face.get("truth") or {}).get("is_face", True)


def _truth(face: Json) -> Html | None:
    """What people said of it, and the way to take it back."""
    truth = face.get("truth")
    if not truth:
        return None
    if not truth.get("is_face", True):
        said = "You said: no face"
    else:
        known = [f"{truth['age']} years"] if truth.get("age") is not None else []
        known += [str(truth["gender"])] if truth.get("gender") else []
        said = f"In truth: {', '.join(known)}" if known else "You drew it"
    numbers = ",".join(str(number) for number in truth.get("corrections") or [])
    undo = _action("undo", "undo", f"Take back what was said of face {number(face)}", numbers)
    return tag("p", tag("strong", said), " ", undo, class_="fp-said")


def _action(action: str, text: str, title: str, numbers: str | None = None) -> Html:
    return tag(
        "button", text, type="button", class_="fp-link", data_do=action, title=title,
        aria_label=title, data_numbers=numbers,
    )  # fmt: skip


def _age(estimate: Json) -> Html:
    """The interval on a line of a hundred years, and the estimate in it."""
    age = estimate.get("age")
    if age is None:
        return tag("p", tag("strong", "Age not judged"), class_="fp-open")
    low, high = estimate.get("age_low", age), estimate.get("age_high", age)
    low, high = (age if end is None else end for end in (low, high))
    left, right, at = (_share(value) for value in (low, high, age))
    line = tag(
        "span",
        tag(
            "i", class_="fp-interval", style=f"left:{left:.1f}%;width:{max(1.0, right - left):.1f}%"
        ),
        tag("i", class_="fp-at", style=f"left:{at:.1f}%"),
        class_="fp-years",
        aria_hidden="true",
    )
    said = tag("span", f"{low}\u2013{high}", class_="fp-value")
    value = tag("strong", f"{age} years")
    return tag("p", value, said, line, class_=_trust("age", estimate))


def _share(years: float) -> float:
    return 100 * min(OLDEST, max(0.0, float(years))) / OLDEST


def _gender(estimate: Json) -> Html:
    value = str(estimate.get("gender") or "unknown")
    confidence = estimate.get("gender_confidence")
    if value == "unknown":
        said = "Gender not judged" if confidence is None else "Gender uncertain"
        return tag("p", tag("strong", said), class_="fp-open")
    if confidence is None:
        return tag("p", tag("strong", value), class_=_trust("gender", estimate))
    bar = tag(
        "span",
        tag("i", style=f"width:{100 * min(1.0, max(0.0, float(confidence))):.0f}%"),
        class_="fp-share",
        aria_hidden="true",
    )
    said = tag("span", words.percent(float(confidence)), class_="fp-value")
    return tag("p", tag("strong", value), said, bar, class_=_trust("gender", estimate))


def _trust(part: str, estimate: Json) -> str:
    trusted = estimate.get(f"{part}_reliable", estimate.get("reliable"))
    return f"fp-{part} fp-sure" if trusted else f"fp-{part} fp-unsure"


def _doubts(estimate: Json) -> Html | None:
    """Why not to rely on it, and what would help."""
    doubts = words.doubts(estimate)
    if not doubts:
        return None
    helps = words.helps(estimate)
    text = tag("span", f"Not reliable: {'; '.join(doubts)}.", class_="fp-doubt")
    return tag("p", text, tag("span", f" {helps}", class_="fp-dim") if helps else None)


def _facts(face: Json) -> str:
    box = face["box"]
    quality = (face.get("agegender") or {}).get("quality")
    facts = [
        f"{box['x2'] - box['x1']} \u00d7 {box['y2'] - box['y1']} px",
        "drawn by hand"
        if face.get("drawn")
        else f"face {words.percent(float(face.get('confidence') or 0))}",
        f"quality {words.percent(float(quality))}" if quality is not None else "",
        words.pose(face.get("pose")),
        "" if face.get("landmarks") else words.no_landmarks(face.get("landmarks_error")),
    ]
    return " \u00b7 ".join(fact for fact in facts if fact)


def _thumbnail(image_id: str, box: Json, size: Json) -> Html:
    """The face, cut out of the shown image by the browser: no request of its own."""
    width, height = float(size.get("width") or 1), float(size.get("height") or 1)
    x1, y1, x2, y2 = (float(box[edge]) for edge in ("x1", "y1", "x2", "y2"))
    side = min(1.4 * max(x2 - x1, y2 - y1), width, height)
    left = min(max(0.0, (x1 + x2 - side) / 2), width - side)
    top = min(max(0.0, (y1 + y2 - side) / 2), height - side)
    across = 0.0 if width == side else 100 * left / (width - side)
    down = 0.0 if height == side else 100 * top / (height - side)
    style = (
        f"background-image:url(/files/{image_id}/upright.jpg);"
        f"background-size:{100 * width / side:.1f}% {100 * height / side:.1f}%;"
        f"background-position:{across:.2f}% {down:.2f}%"
    )
    return tag("span", class_="fp-thumb", style=style, aria_hidden="true")
