"""The models of all stages in one process, one image after the other: what the stack adds to.

Prints one JSON object: seconds for each image, and which models spoke.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from agegender_service.load_models import load_estimator
from agegender_service.pipeline import estimate_faces
from agegender_service.settings import AgeGenderServiceSettings
from facepipe.files.decoding import decode
from facepipe.system.cpu import threads_per_worker
from landmark_service.adapters.resizing import set_threads
from landmark_service.load_models import load_pipeline
from landmark_service.pipeline import cut_crops
from landmark_service.settings import LandmarkSettings


def load_analyser() -> tuple[Callable[[bytes], int], list[str]]:
    """A function that analyses an upload and returns the number of faces; names of the models."""
    settings = LandmarkSettings()
    set_threads(threads_per_worker(settings.stage))
    faces = load_pipeline(settings)
    names = [model.name for model in faces.models.values()]
    agegender = AgeGenderServiceSettings()
    estimator = load_estimator(agegender)
    names.append(estimator.model.name if estimator else "no age and gender")

    def analyse(data: bytes) -> int:
        image_rgb = decode(data).rgb
        part = faces.find_landmarks(image_rgb, faces.detect(image_rgb))
        if part.faces and estimator is not None:
            crops_rgb = cut_crops(image_rgb, part)
            estimate_faces(estimator, part.faces, crops_rgb, agegender.agegender)
        return len(part.faces)

    return analyse, names


def main() -> None:
    analyse, names = load_analyser()
    photos = [Path(path).read_bytes() for path in sys.argv[1:]]
    analyse(photos[0])  # the first run of a model is slower than all others
    seconds: list[float] = []
    found = 0
    for data in photos:
        start = time.perf_counter()
        found += analyse(data)
        seconds.append(time.perf_counter() - start)
    print(json.dumps({"seconds": seconds, "faces": found, "models": names}))


if __name__ == "__main__":
    main()
