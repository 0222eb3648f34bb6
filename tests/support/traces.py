"""What a photograph tells of a person beside its pixels, and where that is found again."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image, TiffImagePlugin

from tests.support.waiting import wait_until

FILE_NAME = "ottilie-quendel-1957.jpg"
PLACE = "Hinterzarten 47.9"
_DESCRIPTION, _MAKE, _GPS, _COMMENT = 0x010E, 0x010F, 0x8825, 0x9286
# The tombstone, an id alone, stands here.
_INDEX = {"index.sqlite3", "index.sqlite3-wal"}
# Everything is erased within a few seconds; this machine may be slow.
_PATIENCE_S = 180.0


def with_exif(path: Path) -> bytes:
    """A portrait whose EXIF data tell where it was taken."""
    exif = Image.Exif()
    exif[_DESCRIPTION] = exif[_MAKE] = exif[_COMMENT] = PLACE
    degrees = tuple(TiffImagePlugin.IFDRational(n) for n in (47, 54, 12))
    exif.get_ifd(_GPS).update({1: "N", 2: degrees, 3: "E", 4: degrees, 27: PLACE.encode()})
    buffer = io.BytesIO()
    with Image.open(path) as image:
        image.convert("RGB").save(buffer, "JPEG", quality=92, exif=exif, comment=PLACE.encode())
    data = buffer.getvalue()
    assert PLACE.encode() in data
    return data


def assert_no_metadata(jpeg: bytes) -> None:
    assert PLACE.encode() not in jpeg
    assert b"Exif" not in jpeg
    with Image.open(io.BytesIO(jpeg)) as image:
        assert dict(image.getexif()) == {}
        assert not {"comment", "exif", "icc_profile"} & image.info.keys()


def files_with(root: Path, text: str) -> set[str]:
    """Names of the files that have the text in their path or their bytes."""
    found: set[str] = set()
    for path in root.rglob("*"):
        try:
            if path.is_file() and (text in str(path) or text.encode() in path.read_bytes()):
                found.add(path.name)
        except FileNotFoundError:  # renamed or removed while one looks
            continue
    return found


def wait_until_erased(volumes: Path, image_id: str) -> None:
    """Waits until no volume has the photograph's name, place or id, but for the tombstone."""
    wait_until(
        lambda: (
            not files_with(volumes, FILE_NAME)
            and not files_with(volumes, PLACE)
            and files_with(volumes, image_id[:12]) <= _INDEX
        ),
        _PATIENCE_S,
        every_s=0.5,
    )
