"""Photographs of a folder, sent one by one: which they are, and what the API knows already."""

from __future__ import annotations

import hashlib
from collections.abc import Container
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from facepipe_client.client import Client
from facepipe_client.documents import ImageState, Status
from facepipe_client.errors import (
    BusyError,
    ClientError,
    NoAnswerError,
    NotFoundError,
    ProblemError,
)

# Where file servers and archives keep their own copies, previews and what was thrown away.
_OF_SYSTEMS = frozenset({"@eaDir", "#recycle", "$RECYCLE.BIN", "__MACOSX", "lost+found"})
_BEGIN_HIDDEN = (".", "~")


@dataclass(frozen=True, slots=True)
class Sent:
    """An image that the API has.

    Attributes:
        known: it had it already, and the file was not sent.
    """

    image_id: str
    known: bool


def files_in(root: Path) -> list[Path]:
    """All files under a folder but hidden ones, sorted."""
    return sorted(path for path in root.rglob("*") if not is_hidden(path, root) and path.is_file())


def is_hidden(path: Path, root: Path) -> bool:
    """Whether a file, or a folder it lies in, is hidden, temporary or the system's own."""
    parts = path.relative_to(root).parts
    return any(part.startswith(_BEGIN_HIDDEN) or part in _OF_SYSTEMS for part in parts)


def has_suffix(path: Path, suffixes: Container[str]) -> bool:
    """Whether a file's name ends in one of these, written in small letters."""
    return path.suffix.lower() in suffixes


def folder_of(file: Path, root: Path) -> str:
    """The folder of a file as the label `folder`; empty for files in the root itself."""
    parent = file.parent.relative_to(root).as_posix()
    return "" if parent == "." else readable(parent)


def readable(text: str) -> str:
    """A name on disk as text; each byte of it that is no UTF-8 became a question mark."""
    return text.encode(errors="surrogateescape").decode(errors="replace")


def image_id_of(file: Path) -> str:
    """The id that a file has, or would have: the hash of its bytes."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def send_file(api: Client, file: Path, root: Path | None = None, *, image_id: str = "") -> Sent:
    """Sends one file, unless the API knows it: asks by its hash first. Does it once.

    Args:
        api: of the pipeline.
        file: an image.
        root: the folder to which the label `folder` is relative; None sets no label.
        image_id: of the file, where it is known already.

    Raises:
        ClientError: as `Client.upload`; `may_pass` tells whether to try again.
        OSError: the file cannot be read.
    """
    state = _known(api, image_id or image_id_of(file))
    if state is not None:
        return Sent(state.image_id, known=True)
    folder = folder_of(file, root) if root else ""
    with file.open("rb") as opened:
        accepted = api.upload(opened, readable(file.name), folder=folder)
    return Sent(accepted.image_id, known=False)


def may_pass(error: ClientError) -> bool:
    """Whether it is worth trying again: nobody was there, or the API had no room, or a fault."""
    if isinstance(error, NoAnswerError | BusyError):
        return True
    return isinstance(error, ProblemError) and error.status >= HTTPStatus.INTERNAL_SERVER_ERROR


def _known(api: Client, image_id: str) -> ImageState | None:
    """Where an image stands, unless it has to be sent."""
    try:
        state = api.image(image_id)
    except NotFoundError:
        return None
    return None if state.status == Status.DELETED else state
