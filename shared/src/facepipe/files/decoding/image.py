"""What the decoder is allowed, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass

from facepipe.domain.errors import (
    ImageTooLargeError,
    TooManyPixelsError,
    UndecodableImageError,
)
from facepipe.domain.geometry import ImageSize
from facepipe.domain.reduction import WHOLE_PIXELS
from facepipe.files.imaging import RgbImage


@dataclass(frozen=True, slots=True)
class DecodeLimits:
    """What an upload may at most be, and how much of a damaged one has to be there.

    Attributes:
        max_whole_pixels: of a format, or a variant of it, that cannot be decoded smaller.
        min_decoded_share: of the pixels, under which a damaged file is refused; above 1 every
            damaged file is.
        without_pixels: the pixels are of no interest; a JPEG that is whole comes as small as
            libjpeg makes it.
        padded: the image is to be drawn on; a JPEG comes with a fourth byte a pixel, which means
            nothing: so Pillow keeps pixels, and draws on them where they are.
    """

    max_bytes: int = 128 * 2**20
    max_pixels: int = 250_000_000
    max_side: int = 32_000
    max_whole_pixels: int = WHOLE_PIXELS
    min_decoded_share: float = 0.25
    without_pixels: bool = False
    padded: bool = False

    def check_size(self, width: int, height: int) -> None:
        """Raises ImageTooLargeError, or UndecodableImageError where there are no pixels."""
        if width < 1 or height < 1:
            raise UndecodableImageError("the image has no pixels")
        if max(width, height) > self.max_side or width * height > self.max_pixels:
            raise ImageTooLargeError(
                f"the image has {width} x {height} pixels, the limit is {self.max_pixels} pixels "
                f"and {self.max_side} a side"
            )

    def check_whole(self, width: int, height: int) -> None:
        """The same for what is decoded whole, which also raises TooManyPixelsError."""
        self.check_size(width, height)
        if width * height > self.max_whole_pixels:
            raise TooManyPixelsError(
                f"the image has {width} x {height} pixels; of this kind more than "
                f"{self.max_whole_pixels} cannot be read: save it as a JPEG that is not "
                "progressive, or as a PNG that is not interlaced"
            )


# A limit that was lowered since must not lose what was accepted.
ACCEPTED_BEFORE = DecodeLimits(
    max_bytes=2**31, max_pixels=2**31, max_side=2**16, max_whole_pixels=2**31, min_decoded_share=0
)


@dataclass(frozen=True, slots=True)
class Raster:
    """Pixels as a format's reader gives them.

    Attributes:
        rgb: shape `(height, width, 3)`, uint8, RGB, as stored; or padded.
        whole: its size, where it was decoded smaller.
        orientation: of EXIF, yet to be undone, 1-8.
        turned: the orientation that the reader undid itself.
        decoded_share: of the pixels; None of a file that is whole.
        frame: which one of an animation it is.
        is_preview: whether it is the JPEG inside a RAW file.
    """

    rgb: RgbImage
    orientation: int = 1
    whole: ImageSize | None = None
    turned: int = 1
    decoded_share: float | None = None
    frame: int = 0
    is_preview: bool = False


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """An upright image.

    Attributes:
        rgb: shape `(height, width, 3)`, uint8, RGB, EXIF orientation applied, C-contiguous; a very
            large image is smaller there, by `reduction_of(size)`. Shape `(height, width, 4)` of a
            JPEG that was to be padded.
        size: of the whole image.
        format: the name of an accepted format.
        orientation: the EXIF orientation that was undone, 1-8; invalid values count as 1.
        damaged: whether the file is cut short or broken.
        decoded_share: share of the pixels that could be decoded, 0-1; the others are grey.
        frame: which frame of an animation it is, from 0: the first that is not blank.
        is_preview: whether it is the JPEG that a camera put into its RAW file.
    """

    rgb: RgbImage
    size: ImageSize
    format: str
    orientation: int
    damaged: bool = False
    decoded_share: float = 1.0
    frame: int = 0
    is_preview: bool = False
