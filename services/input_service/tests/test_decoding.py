from __future__ import annotations

import io
import multiprocessing
import struct
import threading
import time
import zlib
from multiprocessing.process import BaseProcess

import pytest
from PIL import Image

from facepipe.domain.errors import ImageTooLargeError, UndecodableImageError, UnsupportedImageError
from facepipe.files import jpeg_decodes
from input_service import decoder_process, decoding
from input_service.decoding import DecoderPool
from input_service.settings import UploadSettings
from services.input_service.tests.conftest import image_bytes


def test_of_a_readable_upload_size_and_format_come_back(
    decoders: DecoderPool,
) -> None:
    decoded = decoders.decode(image_bytes((40, 30), "red"))

    assert decoded.size == (40, 30)
    assert decoded.format == "JPEG"


def test_the_service_counts_what_its_decoders_decode(decoders: DecoderPool) -> None:
    before = jpeg_decodes.so_far()

    decoders.decode(image_bytes())
    decoders.decode(image_bytes(image_format="PNG"))
    with pytest.raises(UndecodableImageError):
        decoders.decode(image_bytes()[:200])  # leniently as well

    assert jpeg_decodes.so_far() - before == 3


def test_more_bytes_than_allowed_are_refused_before_any_decoder_sees_them() -> None:
    with (
        DecoderPool(UploadSettings(max_bytes=100)) as pool,
        pytest.raises(ImageTooLargeError, match="limit is 100"),
    ):
        pool.decode(b"x" * 101)


def test_text_is_no_image(decoders: DecoderPool) -> None:
    with pytest.raises(UnsupportedImageError):
        decoders.decode(b"just words")


def test_a_cut_off_file_is_undecodable(decoders: DecoderPool) -> None:
    with pytest.raises(UndecodableImageError):
        decoders.decode(image_bytes((400, 400), image_format="PNG")[:200])


def test_a_header_that_claims_too_many_pixels_is_refused(decoders: DecoderPool) -> None:
    with pytest.raises(ImageTooLargeError, match="60000 x 60000"):
        decoders.decode(_png_header(60_000, 60_000))


def test_a_dying_decoder_fails_its_image_and_the_next_one_is_decoded() -> None:
    with DecoderPool(UploadSettings()) as pool:
        pool.decode(image_bytes())  # the child is up
        children = _decoders()
        big = image_bytes((6000, 6000), image_format="PNG")

        killer = threading.Thread(target=_kill_when_busy, args=(children,))
        killer.start()
        with pytest.raises(UndecodableImageError):
            pool.decode(big)
        killer.join()

        assert pool.decode(image_bytes()).size == (48, 32)


def test_an_idle_decoder_may_die_without_a_trace() -> None:
    # Given decoders that were killed while they had nothing to do
    before = _decoders()
    with DecoderPool(UploadSettings()) as pool:
        pool.decode(image_bytes())
        killed = _decoders() - before
        assert killed
        for decoder in killed:
            decoder.kill()
            decoder.join(5)

        # Then the service can still decode, and the next image finds others
        assert pool.problem() is None
        assert pool.decode(image_bytes()).size == (48, 32)


def test_a_decoder_that_has_done_its_share_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a decoder that is replaced after every second image
    monkeypatch.setattr(decoder_process, "_RETIRE_AFTER", 2)
    before = _decoders()
    with DecoderPool(UploadSettings()) as pool:
        # When images fail, and their errors, which know where they came from, are kept
        refused = []
        for _ in range(6):
            with pytest.raises(UnsupportedImageError) as error:
                pool.decode(b"just words")
            refused.append(error.value)

        # Then no decoder is left beside the one in use
        assert len(_decoders() - before) <= 1


def test_decoders_that_cannot_be_started_are_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_memory_bytes: int) -> None:
        raise OSError("no more processes")

    before = _decoders()
    with DecoderPool(UploadSettings()) as pool:
        monkeypatch.setattr(decoding, "Decoder", refuse)
        for decoder in _decoders() - before:
            decoder.kill()
            decoder.join(5)

        assert "no decoder can be started" in (pool.problem() or "")


def test_what_a_library_prints_goes_nowhere(capfd: pytest.CaptureFixture[str]) -> None:
    buffer = io.BytesIO()
    Image.new("L", (64, 64)).save(buffer, "TIFF", compression="tiff_lzw")
    broken = buffer.getvalue()[:8] + b"\xff" * 20 + buffer.getvalue()[28:]

    with DecoderPool(UploadSettings()) as pool, pytest.raises(UndecodableImageError):
        pool.decode(broken)

    assert capfd.readouterr().err == ""


def test_a_decoder_that_takes_too_long_is_killed() -> None:
    with (
        DecoderPool(UploadSettings(decode_timeout_s=0.01)) as pool,
        pytest.raises(UndecodableImageError, match="longer than"),
    ):
        pool.decode(image_bytes((5000, 5000), image_format="PNG"))


def _decoders() -> set[BaseProcess]:
    """Not by their command line: a child that was just started still has that of its parent."""
    return {child for child in multiprocessing.active_children() if child.name == "decoder"}


def _kill_when_busy(decoders: set[BaseProcess]) -> None:
    time.sleep(0.05)
    for decoder in decoders:
        decoder.kill()


def _png_header(width: int, height: int) -> bytes:
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    return b"\x89PNG\r\n\x1a\n" + chunk + b"\0\0\0\0IDAT"
