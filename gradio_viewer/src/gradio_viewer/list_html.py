"""Many images: the gallery, and the progress of uploads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from facepipe.files.formats import LABELS
from facepipe_client import Limits
from gradio_viewer import words
from gradio_viewer.address import image_link, results_link
from gradio_viewer.markup import Html, join, moment, notice, tag

FINISHED = frozenset({"stored", "partial", "failed", "deleted", "refused"})
_KINDS = {"stored": "good", "partial": "doubt", "failed": "bad", "refused": "bad"}


@dataclass(slots=True)
class Upload:
    """One file on its way."""

    file_name: str
    status: str = "sending"
    image_id: str = ""
    num_faces: int | None = None
    problem: str = ""
    reading: str = ""

    @classmethod
    def sent(cls, name: str, id: str, problem: str) -> Upload:  # noqa: A002  # the entry's key
        """A file as the API took or refused it."""
        return cls(name, "received" if id else "refused", id, problem=problem)

    @property
    def is_final(self) -> bool:
        return self.status in FINISHED

    def update(self, state: Mapping[str, Any]) -> None:
        """Takes over what the API says of the image."""
        self.status = str(state.get("status") or self.status)
        self.num_faces = state.get("num_faces", self.num_faces)
        self.reading = "; ".join(words.reading(state.get("image") or {}))
        error = state.get("error") or {}
        self.problem = str(error.get("message") or error.get("detail") or "") if error else ""


def progress(uploads: Sequence[Upload], is_alone: bool = False) -> Html:
    """A row for each file: name, bar, what is being done, and a link to the result.

    Args:
        uploads: in the order in which they were sent.
        is_alone: the page that shows it sent one file alone, and is to go on to its result.
    """
    if not uploads:
        return Html("")
    done = sum(upload.is_final for upload in uploads)
    faces = sum(upload.num_faces or 0 for upload in uploads)
    found = f", {words.faces(faces)}" if faces else ""
    head = tag("p", f"{done} of {len(uploads)} finished{found}", class_="fp-sum")
    whole = tag(
        "div",
        tag("i", style=f"width:{100 * done / len(uploads):.0f}%"),
        class_="fp-bar fp-good" if done == len(uploads) else "fp-bar fp-going",
    )
    rows = tag("div", *[_row(upload) for upload in uploads], class_="fp-rows")
    return tag(
        "div",
        head,
        whole if len(uploads) > 1 else None,
        rows,
        class_="fp-progress",
        data_alone=is_alone or None,
    )


def limits(known: Limits | None = None) -> Html:
    """What may be sent, as far as the API has told it."""
    largest = ""
    if known is not None:
        pixels = f"{known.max_pixels / 1e6:,.3g} megapixels"
        largest = f"; each up to {megabytes(known.max_bytes)} and {pixels}"
    return tag("p", f"One or many photographs: {LABELS}{largest}.", class_="fp-dim")


def megabytes(size: int) -> str:
    """A size for people; the MB of the API's own messages."""
    return f"{size / 2**20:.3g} MB"


def other_ways() -> Html:
    """A folder, the camera, and a photograph that is there already, beside the field for files."""
    ways = (
        ("Choose a folder", {"webkitdirectory": True, "multiple": True}),
        ("Take a photograph", {"accept": "image/*", "capture": "environment"}),
    )
    labels = [
        tag("label", text, tag("input", type="file", class_="fp-hush", **kind), class_="fp-way")
        for text, kind in ways
    ]
    picture = tag("img", src="/page/sample.jpg", alt="", width=36, height=36)
    sample = tag(
        "button", picture, "Try it with this photograph", type="button", class_="fp-way fp-sample",
        data_do="sample", title="Eileen Collins, by NASA, in the public domain",
    )  # fmt: skip
    return tag("div", *labels, sample, class_="fp-ways")


def gallery(
    images: Sequence[Mapping[str, Any]],
    search: Mapping[str, str],
    cursor: str = "",
    after: str = "",
    total: int | None = None,
) -> Html:
    """A grid of results, how many there are, and the way to the next page."""
    if not images:
        if any(name != "sort" for name in search):
            return notice("No image is like that. Take a filter away to see more.", "empty")
        return notice("Nothing here yet: upload a photograph and it will be here.", "empty")
    links = [
        tag("a", "\u2190 First page", href=results_link(search), class_="fp-button")
        if cursor
        else None,
        tag(
            "a",
            "Next page \u2192",
            href=results_link(search, after),
            class_="fp-button",
            id="older",
        )
        if after
        else None,
    ]
    count = None
    if total is not None:
        shown = f", {len(images)} shown" if total > len(images) else ""
        said = f"{total:,} image{'' if total == 1 else 's'}{shown}"
        count = tag("p", said, class_="fp-total fp-dim")
    return join(
        tag("div", count, _exports(search), class_="fp-above"),
        _chosen_bar(),
        tag("div", *[_tile(image) for image in images], class_="fp-gallery"),
        tag("nav", *links, class_="fp-paging", aria_label="Pages") if cursor or after else None,
    )


def _exports(search: Mapping[str, str]) -> Html:
    """What the search finds, as one file."""
    query = urlencode({key: value for key, value in search.items() if value and key != "sort"})
    links = [
        tag("a", text, href=f"/files/export.{kind}?{query}", download=True)
        for kind, text in (("csv", "CSV"), ("parquet", "Parquet"), ("coco", "COCO"), ("xmp", "XMP"))
    ]
    return tag("p", "Export: ", *links, class_="fp-exports fp-dim")


def _chosen_bar() -> Html:
    """What can be done with the images that somebody has chosen; the script shows it."""
    buttons = [
        tag("button", text, type="button", class_="fp-button", data_do=action)
        for action, text in (
            ("many-again", "Analyse again"),
            ("many-delete", "Delete"),
            ("choose-all", "Choose all"),
            ("choose-none", "Choose none"),
        )
    ]
    return tag(
        "div",
        tag("span", class_="fp-count"),
        tag("a", "Download as zip", href="#", download=True, class_="fp-button fp-zip"),
        *buttons,
        class_="fp-chosen",
        hidden=True,
    )


def _row(upload: Upload) -> Html:
    per_cent = 100 if upload.status == "refused" else words.PROGRESS.get(upload.status, 0)
    text = "refused" if upload.status == "refused" else words.status(upload.status)
    if upload.status in ("stored", "partial"):
        text = f"{text}: {words.faces(upload.num_faces)}" if upload.num_faces is not None else text
        text = f"{text}; {upload.reading}" if upload.reading else text
    if upload.problem:
        text = f"{text}: {upload.problem}"
    name: Html = tag("span", upload.file_name, class_="fp-file")
    if upload.image_id:
        name = tag("a", upload.file_name, href=image_link(upload.image_id), class_="fp-file")
    kind = _KINDS.get(upload.status, "going")
    bar = tag("div", tag("i", style=f"width:{per_cent}%"), class_=f"fp-bar fp-{kind}")
    return tag(
        "div",
        name,
        bar,
        tag("span", text, class_="fp-state"),
        class_=f"fp-row fp-is-{kind}",
        data_status=upload.status,
        data_final=upload.is_final or None,
    )


def _tile(image: Mapping[str, Any]) -> Html:
    image_id = str(image["image_id"])
    status = str(image.get("status"))
    info = image.get("image") or {}
    name = str(info.get("file_name") or image_id[:12])
    about = (
        words.faces(image.get("num_faces")),
        "damaged" if info.get("damaged") else "",
        str(info.get("folder") or ""),
    )
    facts = " \u00b7 ".join(filter(None, about))
    picture = tag(
        "img",
        src=f"/files/{image_id}/thumbnail.jpg",
        alt="",
        loading="lazy",
        decoding="async",
    )
    is_plain = status == "stored"
    mark = None if is_plain else tag("span", words.status(status), class_=f"fp-mark fp-at-{status}")
    pick = tag(
        "input", type="checkbox", class_="fp-pick", value=image_id, aria_label=f"Choose {name}"
    )
    tile = tag(
        "a",
        tag("div", picture, mark, class_="fp-frame"),
        tag("span", name, class_="fp-file"),
        tag("span", facts, class_="fp-dim") if facts else None,
        tag("span", moment(str(image.get("received_at") or "")), class_="fp-dim"),
        href=image_link(image_id),
        class_="fp-tile",
        data_status=status,
    )
    return tag("div", pick, tile, class_="fp-cell")
