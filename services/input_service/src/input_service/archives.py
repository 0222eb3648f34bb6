"""The files of a zip, one after the other; what its sizes claim is not believed."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO

from facepipe.domain.errors import (
    FacepipeError,
    ImageTooLargeError,
    InvalidRequestError,
    UndecodableImageError,
)
from input_service.settings import UploadSettings

SIGNATURE = b"PK\3\4"
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError)
# Photographs hardly shrink; what shrinks like this is made to fill memory.
_MOST_RATIO = 1000


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of an archive, or why it could not be read."""

    folder: str
    name: str
    content: bytes | FacepipeError


def entries_of(file: IO[bytes], limits: UploadSettings) -> Iterator[Entry]:
    """The files of an archive. Folders, and what systems put beside files, are left out.

    Raises:
        UndecodableImageError: it is no zip, or a broken one.
        InvalidRequestError: it has too many files, or none.
    """
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        raise UndecodableImageError(f"the zip cannot be read: {error}") from error
    with archive:
        wanted = [one for one in archive.infolist() if _is_file(one)]
        if not wanted:
            raise InvalidRequestError("the zip has no file in it")
        if len(wanted) > limits.max_archive_files:
            raise InvalidRequestError(
                f"the zip has {len(wanted)} files, the limit is {limits.max_archive_files}"
            )
        left = limits.max_request_bytes
        for one in wanted:
            folder, _, name = one.filename.replace("\\", "/").rpartition("/")
            content = _content(archive, one, min(limits.max_bytes, left))
            left -= len(content) if isinstance(content, bytes) else 0
            yield Entry(_safe(folder), name, content)


def _content(archive: zipfile.ZipFile, one: zipfile.ZipInfo, most: int) -> bytes | FacepipeError:
    if one.flag_bits & 1:
        return UndecodableImageError("it is encrypted: unpack the zip, and send what is in it")
    if one.file_size > _MOST_RATIO * max(1, one.compress_size):
        return ImageTooLargeError(f"it unpacks to {_MOST_RATIO} times its size and more")
    try:
        with archive.open(one) as file:
            data = file.read(most + 1)
    except _BROKEN as error:
        return UndecodableImageError(f"it cannot be unpacked: {error}")
    return ImageTooLargeError(f"the file has more than {most} bytes") if len(data) > most else data


def _is_file(one: zipfile.ZipInfo) -> bool:
    parts = one.filename.replace("\\", "/").split("/")
    return not one.is_dir() and parts[0] != "__MACOSX" and not parts[-1].startswith(".")


def _safe(folder: str) -> str:
    parts = [part for part in folder.split("/") if part not in ("", ".", "..")]
    return "".join(one for one in "/".join(parts) if one.isprintable())
