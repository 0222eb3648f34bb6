from __future__ import annotations

import io
import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from facepipe.domain.analysis import AgeGender, Box, Face, LandmarkPoint
from facepipe.domain.contours import POINTS
from facepipe.domain.geometry import ImageSize
from facepipe.files.annotation import AnnotationStyle
from facepipe.files.annotation import annotate as drawing
from facepipe.files.annotation.annotate import annotate, encode_jpeg
from facepipe.files.annotation.labels import MIN_CONTRAST, Rgb, colors_of, contrast
from facepipe.files.annotation.placing import MIN_TEXT_PX, Label, Labels, Rect, font, layout, legend
from facepipe.files.decoding import DecodeLimits, decode
from tests.support import store_samples as samples


def face(x1: int, y1: int, x2: int, y2: int, estimate: AgeGender | None = None) -> Face:
    return Face(
        face_index=0,
        box=Box(x1=x1, y1=y1, x2=x2, y2=y2),
        confidence=0.9,
        landmarks=[],
        agegender=estimate or samples.estimate(),
    )


@st.composite
def images_with_faces(draw: st.DrawFn) -> tuple[ImageSize, list[Face]]:
    size = ImageSize(draw(st.integers(40, 3000)), draw(st.integers(40, 3000)))
    boxes = []
    for _ in range(draw(st.integers(0, 8))):
        x1 = draw(st.integers(0, size.width - 2))
        y1 = draw(st.integers(0, size.height - 2))
        x2 = draw(st.integers(x1 + 1, size.width))
        y2 = draw(st.integers(y1 + 1, size.height))
        boxes.append(face(x1, y1, x2, y2))
    return size, boxes


@given(images_with_faces())
@settings(max_examples=100, deadline=None)
def test_labels_lie_inside_the_image_and_cover_no_other_face_and_no_other_label(
    case: tuple[ImageSize, list[Face]],
) -> None:
    size, faces = case

    labels = layout(size, faces)

    assert len(labels) == len(faces)
    assert_labels_are_clear(size, faces, labels)


def assert_labels_are_clear(
    size: ImageSize, faces: list[Face], labels: Sequence[Label | None]
) -> None:
    boxes = [Rect(f.box.x1, f.box.y1, f.box.x2, f.box.y2) for f in faces]
    places = [label.place for label in labels if label]
    assert all(a.overlap(b) == 0 for a, b in itertools.combinations(places, 2))
    for own, label in enumerate(labels):
        if label is None:
            continue
        left, top, right, bottom = label.place
        assert 0 <= left < right <= size.width
        assert 0 <= top < bottom <= size.height
        assert all(label.place.overlap(box) == 0 for n, box in enumerate(boxes) if n != own)
        assert label.capital_px >= MIN_TEXT_PX or label.text == str(faces[own].face_index)


@pytest.mark.parametrize(("count", "columns"), [(15, 5), (50, 10), (280, 20)])
def test_a_group_can_be_read(count: int, columns: int) -> None:
    # given a group of so many people, close to each other
    side = 2600 // columns
    faces = [
        face(
            n % columns * side + side // 5,
            n // columns * side + side // 6,
            n % columns * side + side - side // 5,
            n // columns * side + side - side // 9,
        ).model_copy(update={"face_index": n})
        for n in range(count)
    ]
    size = ImageSize(2600, side * -(-count // columns))

    # when their labels are laid out
    labels = layout(size, faces)

    # then each has one, that says at least its number, and none covers anything
    assert_labels_are_clear(size, faces, labels)
    assert all(label and label.text.startswith(str(n)) for n, label in enumerate(labels))


def test_numbers_alone_are_as_readable_and_a_legend_tells_the_rest() -> None:
    # given a group
    faces = [
        face(200 * n + 40, 100, 200 * n + 140, 230).model_copy(update={"face_index": n})
        for n in range(6)
    ]
    size = ImageSize(1240, 400)

    # when only numbers are asked for
    labels = layout(size, faces, Labels.NUMBERS)
    high, told = legend(size.width, faces)

    # then each has its own, and the legend says everything, each entry with room of its own
    assert_labels_are_clear(size, faces, labels)
    assert [label and label.text for label in labels] == list("012345")
    assert [label.text for label in told] == [f"{n}: female 28 (23-34)" for n in range(6)]
    assert_labels_are_clear(ImageSize(size.width, high), [], told)
    assert all(0 <= x1 < x2 <= 1240 and 0 <= y1 < y2 <= high for x1, y1, x2, y2 in places(told))


def places(labels: Sequence[Label]) -> list[Rect]:
    return [label.place for label in labels]


@given(st.integers(1, 3000), st.integers(0, 40))
@settings(max_examples=100, deadline=None)
def test_a_legend_fits_under_every_photograph_or_is_left_out(width: int, count: int) -> None:
    faces = [face(0, 0, 9, 9).model_copy(update={"face_index": n}) for n in range(count)]

    high, told = legend(width, faces)

    assert len(told) in (0, count)
    assert all(a.overlap(b) == 0 for a, b in itertools.combinations(places(told), 2))
    assert all(x2 <= width and y2 <= high for _, _, x2, y2 in places(told))
    assert len(told) == count or width < 200


@pytest.mark.parametrize(
    ("style", "is_higher"),
    [
        (AnnotationStyle(), False),
        (AnnotationStyle(labels=Labels.NONE), False),
        (AnnotationStyle(labels=Labels.NUMBERS), True),
    ],
)
def test_only_a_legend_makes_the_picture_higher(style: AnnotationStyle, is_higher: bool) -> None:
    one = face(100, 100, 300, 300)

    jpegs = [style.draw(samples.pixels(1, 800, 600), faces) for faces in ([one], [])]
    with_face, nobody = (Image.open(io.BytesIO(jpeg)) for jpeg in jpegs)

    assert nobody.size == (800, 600)
    assert with_face.width == 800
    assert (with_face.height > 600) == is_higher


def test_without_labels_and_landmarks_a_box_is_left() -> None:
    points = [LandmarkPoint(x=400.0 + n % 90, y=400.0 + n % 70) for n in range(POINTS)]
    one = face(300, 300, 500, 500).model_copy(update={"landmarks": points})
    image = samples.pixels(1, 800, 800)

    jpeg = AnnotationStyle(100, labels=Labels.NONE, landmarks=False).draw(image, [one])

    shown = np.asarray(Image.open(io.BytesIO(jpeg))).astype(int)
    changed = (np.abs(shown - image.astype(int)) > 60).any(axis=2)
    changed[296:504, 296:504] = False
    assert not changed.any()
    assert np.abs(shown[320:480, 320:480] - image[320:480, 320:480].astype(int)).mean() < 5


def test_a_label_is_as_large_as_its_face_suggests() -> None:
    near, far = face(100, 100, 700, 900), face(900, 100, 960, 180)

    large, small = layout(ImageSize(1600, 1200), [near, far])

    assert large is not None
    assert small is not None
    assert (large.capital_px, small.capital_px) == (22, MIN_TEXT_PX)


@pytest.mark.parametrize("aim", [12, 20, 31, 60, 150])
def test_a_capital_letter_is_as_high_as_promised(aim: int) -> None:
    top = font(aim).getbbox("H", anchor="ls")[1]

    assert -top >= aim


def test_ink_stays_on_its_background() -> None:
    # given a white image with one face and nothing else
    image = np.full((600, 800, 3), 255, np.uint8)
    one = face(300, 200, 500, 420)
    (label,) = layout(ImageSize(800, 600), [one])
    assert label is not None

    # when it is drawn
    marked = annotate(image, [one])

    # then pixels that changed lie in the box or in the label, and the label's edge is plain
    changed = (marked != image).any(axis=2)
    changed[one.box.y1 : one.box.y2, one.box.x1 : one.box.x2] = False
    left, top, right, bottom = label.place
    changed[top:bottom, left:right] = False
    assert not changed.any()
    background = np.array(colors_of(one.agegender.gender).background)
    assert (marked[top, left:right] == background).all()
    assert (marked[bottom - 1, left:right] == background).all()
    assert (marked[top:bottom, left] == background).all()
    assert (marked[top:bottom, right - 1] == background).all()


def test_contrast_survives_the_jpeg() -> None:
    # given a label on a noisy ground
    image = samples.pixels(1, 1200, 900)
    one = face(300, 300, 700, 800)
    (label,) = layout(ImageSize(1200, 900), [one])
    assert label is not None

    # when it is drawn, written and read
    jpeg = encode_jpeg(annotate(image, [one]), 90)
    read = np.asarray(Image.open(io.BytesIO(jpeg)))
    left, top, right, bottom = label.place
    shown = read[top:bottom, left:right].reshape(-1, 3).astype(int)

    # then the middle of text and of background still differ enough
    luminance = shown.sum(axis=1)
    dark = Rgb(*(int(v) for v in np.median(shown[luminance <= np.quantile(luminance, 0.05)], 0)))
    light = Rgb(*(int(v) for v in np.median(shown, axis=0)))
    assert contrast(dark, light) >= MIN_CONTRAST


def test_a_long_label_is_shortened_where_the_image_is_narrow() -> None:
    (label,) = layout(ImageSize(90, 400), [face(10, 100, 80, 200)])

    assert label is not None
    assert label.text in ("female 28", "f 28")


def test_a_tiny_image_gets_no_label_and_no_error() -> None:
    image = np.zeros((4, 4, 3), np.uint8)
    one = face(0, 0, 4, 4)

    assert layout(ImageSize(4, 4), [one]) == [None]
    assert annotate(image, [one]).shape == (4, 4, 3)


@pytest.mark.parametrize(("side", "is_drawn"), [(70, True), (50, False)])
def test_landmarks_are_contours_also_beyond_the_edge_and_none_of_a_small_face(
    side: int, is_drawn: bool
) -> None:
    # given landmarks inside, at the edge and outside of a black image
    image = np.zeros((100, 100, 3), np.uint8)
    points = [LandmarkPoint(x=50.0 + n % 7, y=50.0 + n % 5) for n in range(POINTS)]
    points[10], points[338] = LandmarkPoint(x=1e4, y=-1e4), LandmarkPoint(x=-5.0, y=50.0)
    one = face(20, 20, 20 + side, 20 + side).model_copy(update={"landmarks": points})

    # when they are drawn
    marked = annotate(image, [one])

    # then they show, if the face is large enough
    assert (marked == drawing._LINE).all(axis=2).any() == is_drawn
    assert not image.any(), "the image itself stays as it is"


def test_the_jpeg_carries_no_metadata() -> None:
    jpeg = encode_jpeg(samples.pixels(), 90)

    with Image.open(io.BytesIO(jpeg)) as image:
        assert image.format == "JPEG"
        assert not image.getexif()
        assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


def test_rect_overlap() -> None:
    assert Rect(0, 0, 10, 10).overlap(Rect(5, 5, 15, 15)) == 25
    assert Rect(0, 0, 10, 10).overlap(Rect(10, 0, 20, 10)) == 0
    assert isinstance(Label("x", 12, Rect(0, 0, 1, 1)).place, Rect)


@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize(
    "style",
    [AnnotationStyle(), AnnotationStyle(labels=Labels.NUMBERS), AnnotationStyle(blur_faces=True)],
)
def test_a_jpeg_that_is_drawn_on_where_it_was_decoded_gives_the_same_picture(
    style: AnnotationStyle, mode: str, orientation: int
) -> None:
    # given a JPEG with a face, upright or on its side, decoded padded and as ever
    exif = Image.Exif()
    exif[0x0112] = orientation
    upload = io.BytesIO()
    Image.fromarray(samples.pixels(1, 800, 600)).convert(mode).save(upload, "JPEG", exif=exif)
    plain = decode(upload.getvalue()).rgb
    padded = decode(upload.getvalue(), DecodeLimits(padded=True)).rgb
    points = [LandmarkPoint(x=200.0 + n % 90, y=200.0 + n % 70) for n in range(POINTS)]
    one = face(150, 150, 350, 400).model_copy(update={"landmarks": points})

    # when the face is drawn into both
    drawn = style.draw(padded, [one])

    # then it is the same picture, and no other pixels were needed for it
    assert padded.shape == (*plain.shape[:2], 4)
    assert drawn == style.draw(plain, [one])
    if orientation == 1 and not style.blur_faces:
        assert not np.array_equal(padded[..., :3], plain)
