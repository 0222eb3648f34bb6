"""What the files of an image are called when they are saved."""

from __future__ import annotations

from pathlib import PurePath
from urllib.parse import quote

from facepipe.domain.analysis import ImageInfo
from facepipe.files.formats import FORMATS


def upload_name(image: ImageInfo) -> str:
    """The name that the upload came with, else one from its id."""
    suffix = next((one.suffixes[0] for one in FORMATS if one.name == image.format), "")
    return image.file_name or f"{image.sha256[:16]}{suffix}"


def derived_name(image: ImageInfo, ending: str) -> str:
    """The name of what was made of it.

    >>> derived_name(ImageInfo(width=1, height=1, format="", sha256="", file_name="a.jpg"), ".json")
    'a.json'
    """
    return PurePath(upload_name(image)).stem + ending


def inline(name: str) -> str:
    """The header `Content-Disposition` of what a browser may show, with its name (RFC 6266)."""
    quoted = quote(name, safe="")
    if quoted == name:
        return f'inline; filename="{name}"'
    plain = "".join(one if one.isascii() and one.isprintable() else "_" for one in name)
    plain = plain.replace('"', "_").replace("\\", "_").replace("%", "_")
    return f"inline; filename=\"{plain}\"; filename*=UTF-8''{quoted}"
