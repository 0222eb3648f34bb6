from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from facepipe.files.inbox import Inbox
from facepipe.files.result_files import ResultFiles
from facepipe.files.store.folder import FolderFiles
from input_service.decoding import DecoderPool
from input_service.results import ImageFiles
from input_service.settings import UploadSettings


@pytest.fixture(scope="session")
def decoders() -> Iterator[DecoderPool]:
    with DecoderPool(UploadSettings(decode_timeout_s=15)) as pool:
        yield pool


@pytest.fixture
def inbox(tmp_path: Path) -> Inbox:
    return Inbox(FolderFiles(tmp_path))


@pytest.fixture
def results(tmp_path: Path, inbox: Inbox) -> ImageFiles:
    (tmp_path / "saved_data" / "source").mkdir(parents=True)
    return ImageFiles(ResultFiles(FolderFiles(tmp_path)), inbox)


@pytest.fixture
def jpeg() -> bytes:
    return image_bytes()


def image_bytes(
    size: tuple[int, int] = (48, 32), color: str = "teal", image_format: str = "JPEG"
) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, image_format)
    return buffer.getvalue()
