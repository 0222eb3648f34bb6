"""What can be uploaded, as httpx takes it."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from io import IOBase
from pathlib import Path
from typing import Any, BinaryIO

File = bytes | Path | BinaryIO | IOBase
"""An image, where it is; nothing is read before it is sent."""

Chunks = Iterable[bytes] | AsyncIterable[bytes]
"""An image as it comes in: iterable for `Client`, asynchronously iterable for `AsyncClient`."""


@contextmanager
def body_of(file: File | Chunks, name: str) -> Iterator[dict[str, Any]]:
    """One image as the body of a request: in a form where it has a name, else as it is.

    Raises:
        ValueError: a name for chunks, which go without a form.
    """
    if not is_repeatable(file) and name:
        raise ValueError("an image that is sent in chunks cannot have a name")
    if name or (not isinstance(file, bytes) and is_repeatable(file)):
        with form_of([file], name) as body:
            yield body
        return
    yield {"content": file, "headers": {"Content-Type": "application/octet-stream"}}


@contextmanager
def form_of(files: Iterable[File | Chunks], name: str = "") -> Iterator[dict[str, Any]]:
    """Images as a form. Paths are opened, and closed again."""
    with ExitStack() as opened:
        parts = []
        for file in files:
            own = Path(str(getattr(file, "name", ""))).name
            content = opened.enter_context(file.open("rb")) if isinstance(file, Path) else file
            parts.append(("files", (name or own or "image", content)))
        yield {"files": parts}


def is_repeatable(file: File | Chunks) -> bool:
    """Whether it can be sent a second time."""
    return isinstance(file, bytes | Path) or hasattr(file, "seek")


def rewind(file: File | Chunks) -> None:
    """Back to the beginning of an open file."""
    if hasattr(file, "seek"):
        file.seek(0)
