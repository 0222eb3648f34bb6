"""Where the labels of faces go, so that none covers a face or another label: pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from PIL import ImageFont

from facepipe.domain.analysis import Face
from facepipe.domain.geometry import ImageSize
from facepipe.files.annotation.labels import label_texts

# Height of a capital letter: of the image's short side at most, of the face's height, and in
# pixels at least. A number alone may be smaller.
TEXT_SHARE = 0.018
FACE_SHARE = 0.1
MIN_TEXT_PX = 10
# Height of a capital letter of the legend, of the photograph's width.
LEGEND_SHARE = 0.011
_SMALLEST_TEXT_PX = 6


class Labels(StrEnum):
    """What stands beside a face."""

    NONE = "none"
    NUMBERS = "numbers"
    FULL = "full"


class Rect(NamedTuple):
    """Pixels, max edge exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    def overlap(self, other: Rect) -> int:
        """Shared area, square pixels."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0, width) * max(0, height)


class Label(NamedTuple):
    """A text and where its background stands."""

    text: str
    capital_px: int
    place: Rect


class _Taken:
    """What no label may cover: boxes of faces and labels that stand already."""

    def __init__(self, boxes: Sequence[Rect]) -> None:
        self._rects = np.zeros((2 * len(boxes), 4), np.int64)
        self._rects[: len(boxes)] = [tuple(box) for box in boxes] or 0
        self._count = len(boxes)

    def add(self, rect: Rect) -> None:
        self._rects[self._count] = rect
        self._count += 1

    def is_free(self, rect: Rect, own: int) -> bool:
        """Whether nothing but the box number `own` lies there."""
        left, top, right, bottom = self._rects[: self._count].T
        hits = (left < rect.right) & (rect.left < right) & (top < rect.bottom) & (rect.top < bottom)
        hits[own] = False
        return not hits.any()


def layout(
    size: ImageSize, faces: Sequence[Face], labels: Labels = Labels.FULL
) -> list[Label | None]:
    """Where each face's label goes, largest face first; with numbers, it is a number alone.

    It is as large as the face suggests, and gets shorter, smaller, and at last a mere number,
    until it covers neither another face nor another label; None where not even that is free.
    """
    taken = _Taken([_rect(face) for face in faces])
    placed: list[Label | None] = []
    for own, face in enumerate(faces):
        possible = _possible(size, face, _texts(face, len(faces), labels))
        label = next((one for one in possible if taken.is_free(one.place, own)), None)
        if label is not None:
            taken.add(label.place)
        placed.append(label)
    return placed


def legend(width: int, faces: Sequence[Face]) -> tuple[int, list[Label]]:
    """What each number means, in columns under a photograph of some width.

    Returns:
        its height, and labels in it; none where the photograph is too narrow for any.
    """
    capital_px = max(MIN_TEXT_PX, round(width * LEGEND_SHARE))
    gap = capital_px
    said = [_texts(face, 2, Labels.FULL) for face in faces]
    for shorter in range(max(map(len, said), default=0)):
        texts = [words[min(shorter, len(words) - 1)] for words in said]
        sizes = [label_size(text, capital_px) for text in texts]
        column = max(wide for wide, _ in sizes) + gap
        if column + gap <= width:
            break
    else:
        return 0, []
    columns = (width - gap) // column
    rows = -(-len(texts) // columns)
    line = sizes[0][1] + gap // 2
    found: list[Label] = []
    for n, (text, (wide, high)) in enumerate(zip(texts, sizes, strict=True)):
        left, top = gap + n // rows * column, gap + n % rows * line
        found.append(Label(text, capital_px, Rect(left, top, left + wide, top + high)))
    return 2 * gap + rows * line - gap // 2, found


def label_size(text: str, capital_px: int) -> tuple[int, int]:
    """Width and height of a label's background, pixels."""
    left, _, right, _ = font(capital_px).getbbox(text, anchor="ls")
    bottom = font(capital_px).getbbox("(g)", anchor="ls")[3]
    margin = padding(capital_px)
    height = bottom - highest(capital_px) + 2 * margin
    return int(right - left) + 2 * margin, int(height)


def padding(capital_px: int) -> int:
    return max(1, capital_px // 4)


@lru_cache(maxsize=256)
def highest(capital_px: int) -> int:
    """Top of the tallest character over the baseline, negative."""
    return int(font(capital_px).getbbox("(lf)", anchor="ls")[1])


@lru_cache(maxsize=256)
def font(capital_px: int) -> ImageFont.FreeTypeFont:
    """Pillow's own scalable font, in the size at which a capital is so many pixels high."""
    found = ImageFont.load_default(size=capital_px / 0.67)
    if not isinstance(found, ImageFont.FreeTypeFont):
        raise TypeError("Pillow was built without FreeType; labels need a scalable font")
    return found


def _texts(face: Face, count: int, labels: Labels) -> list[str]:
    """What may stand beside a face that has room for more than its number, longest first."""
    if labels is not Labels.FULL:
        return []
    texts = label_texts(face.agegender)
    return [f"{face.face_index}: {text}" for text in texts] if count > 1 else texts


def _possible(size: ImageSize, face: Face, texts: Sequence[str]) -> Iterator[Label]:
    """Labels of a face within the image, the best first."""
    high = face.box.y2 - face.box.y1
    most = max(MIN_TEXT_PX, -int(-min(size) * TEXT_SHARE // 1))
    aim = min(most, max(MIN_TEXT_PX, round(FACE_SHARE * high)))
    number = str(face.face_index)
    for capital_px in dict.fromkeys((aim, (aim + MIN_TEXT_PX) // 2, MIN_TEXT_PX)):
        for text in texts:
            yield from _places(size, face, text, capital_px)
    numbers = range(min(aim, max(_SMALLEST_TEXT_PX, high // 4)), _SMALLEST_TEXT_PX - 1, -1)
    for capital_px in numbers:
        yield from _places(size, face, number, capital_px)


def _places(size: ImageSize, face: Face, text: str, capital_px: int) -> Iterator[Label]:
    """Above the box, below it, inside it; from its left edge, its middle, to its right edge."""
    width, height = label_size(text, capital_px)
    box = face.box
    tops = (box.y1 - height, box.y2, box.y1, box.y2 - height)
    lefts = (box.x1, (box.x1 + box.x2 - width) // 2, box.x2 - width)
    for top in tops:
        if not 0 <= top <= size.height - height or width > size.width:
            continue
        for left in lefts:
            kept = min(max(0, left), size.width - width)
            yield Label(text, capital_px, Rect(kept, top, kept + width, top + height))


def _rect(face: Face) -> Rect:
    return Rect(face.box.x1, face.box.y1, face.box.x2, face.box.y2)
