"""How an annotated picture looks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from facepipe.domain.analysis import Face
from facepipe.domain.geometry import ImageSize
from facepipe.domain.reduction import reduced_face, reduction_of
from facepipe.files.annotation.annotate import annotate, encode_jpeg, with_legend
from facepipe.files.annotation.blur import blur_faces
from facepipe.files.annotation.placing import Labels
from facepipe.files.imaging import RgbImage

# What a legend tells of more faces, nobody reads.
LEGEND_FACES = 40


@dataclass(frozen=True, slots=True)
class AnnotationStyle:
    """How an annotated picture is made.

    Attributes:
        jpeg_quality: 30-100.
        blur_faces: no face can be recognised, and its landmarks are not drawn.
        labels: beside faces; with numbers alone, a legend under the photograph tells the rest.
        landmarks: whether contours are drawn.
    """

    jpeg_quality: int = 90
    blur_faces: bool = False
    labels: Labels = Labels.FULL
    landmarks: bool = True

    def draw(
        self, image_rgb: RgbImage, faces: Sequence[Face], whole: ImageSize | None = None
    ) -> bytes:
        """The annotated JPEG, as large as the pixels, and higher by the legend.

        Args:
            image_rgb: shape `(height, width, 3)`, uint8, RGB; smaller than a very large image. One
                that is padded, `(height, width, 4)`, is drawn on itself.
            faces: of the whole image.
            whole: its size; None where that is the one of the pixels.
        """
        reduction = reduction_of(whole) if whole else 1
        faces = [reduced_face(face, reduction) for face in faces]
        if self.blur_faces:
            image_rgb = blur_faces(image_rgb, faces)
        if self.blur_faces or not self.landmarks:
            faces = [face.model_copy(update={"landmarks": []}) for face in faces]
        picture = annotate(image_rgb, faces, self.labels)
        if self.labels is Labels.NUMBERS and len(faces) <= LEGEND_FACES:
            picture = with_legend(picture, faces)
        return encode_jpeg(picture, self.jpeg_quality)
