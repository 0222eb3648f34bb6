"""The annotated picture of an image: boxes, contours, labels, or faces made unrecognisable.

data_storage_service draws the stored one, input_service those that somebody asks for. Needs the
extra `imaging`.
"""

from facepipe.files.annotation.placing import Labels
from facepipe.files.annotation.style import AnnotationStyle

__all__ = ["AnnotationStyle", "Labels"]
