"""Many images: the gallery, and the progress of uploads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gradio_viewer import words
from gradio_viewer.markup import Html, notice, tag


@dataclass(slots=True)
class Upload:
    """One file on its way."""

    file_name: str
    status: str = "sending"
    image_id: str = ""
    num_faces: int | None = None
    problem: str = ""

    @classmethod
    def sent(cls, name: str, id: str, problem: str) -> Upload:  # noqa: A002  # the entry's key
        """A file as the API took or refused it."""
        return cls(name, "received" if id else "refused", id, problem=problem)

    def update(self, state: Mapping[str, Any]) -> None:
        """Takes over what the API says of the image."""
        self.status = str(state.get("status") or self.status)
        self.num_faces = state.get("num_faces", self.num_faces)
        error = state.get("error") or {}
        self.problem = str(error.get("message") or error.get("detail") or "") if error else ""


def progress(uploads: Sequence[Upload]) -> Html:
    """A row for each file: name, bar, what is being done, and a link to the result."""
    if not uploads:
        return Html("")
    done = sum(upload.status in ("stored", "partial", "failed", "refused") for upload in uploads)
    head = tag("p", f"{done} of {len(uploads)} finished", class_="fp-facts", role="status")
    return tag("div", head, *[_row(upload) for upload in uploads], class_="fp-progress")


def gallery(images: Sequence[Mapping[str, Any]]) -> Html:
    """A grid of results, newest first."""
    if not images:
        return notice("Nothing here yet: upload a photograph, or search for something else.")
    return tag("div", *[_tile(image) for image in images], class_="fp-gallery")


def _row(upload: Upload) -> Html:
    per_cent = 100 if upload.status == "refused" else words.PROGRESS.get(upload.status, 0)
    kind = {"stored": "good", "partial": "doubt", "failed": "bad", "refused": "bad"}.get(
        upload.status, "going"
    )
    text = "refused" if upload.status == "refused" else words.status(upload.status)
    if upload.status in ("stored", "partial"):
        text = f"{text}: {words.faces(upload.num_faces)}" if upload.num_faces is not None else text
    if upload.problem:
        text = f"{text}: {upload.problem}"
    name: Html = tag("span", upload.file_name, class_="fp-file")
    if upload.image_id:
        name = tag("a", upload.file_name, href=f"?image={upload.image_id}", class_="fp-file")
    bar = tag("div", tag("i", style=f"width:{per_cent}%"), class_=f"fp-bar fp-{kind}")
    return tag(
        "div",
        name,
        bar,
        tag("span", text, class_="fp-state"),
        class_="fp-row",
        data_status=upload.status,
    )


def _tile(image: Mapping[str, Any]) -> Html:
    image_id = str(image["image_id"])
    status = str(image.get("status"))
    info = image.get("image") or {}
    name = str(info.get("file_name") or image_id[:12])
    caption = words.faces(image.get("num_faces"))
    if status != "stored":
        caption = " · ".join(part for part in (caption, words.status(status)) if part)
    picture = tag(
        "img",
        src=f"/files/{image_id}/thumbnail.jpg?status={status}",
        alt=name,
        loading="lazy",
    )
    return tag(
        "a",
        tag("div", picture, class_="fp-frame"),
        tag("span", name, class_="fp-file"),
        tag("span", caption, class_="fp-dim"),
        tag("span", words.moment(str(image.get("received_at") or "")), class_="fp-dim"),
        href=f"?image={image_id}",
        class_="fp-tile",
        data_status=status,
    )
