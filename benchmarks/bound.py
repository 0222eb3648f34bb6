"""The bound: everything that one program must do with a photograph, in one process.

It decodes once, runs the models that ship, joins what they found, draws and encodes the annotated
JPEG and writes both files. A process reads a JSON list of files from each line of its standard
input and answers with a line: seconds for each, the CPU seconds of all, and the faces found.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from agegender_service.load_models import load_estimator
from agegender_service.pipeline import estimate_faces
from agegender_service.settings import AgeGenderServiceSettings
from data_storage_service.merge import merge
from data_storage_service.queries import JoinedParts
from facepipe.domain.analysis import AnalysisDocument, ImageInfo, Part
from facepipe.domain.status import Status
from facepipe.files.annotation import AnnotationStyle
from facepipe.files.decoding import decode
from facepipe.files.result_files import ResultFiles
from facepipe.files.store.folder import FolderFiles
from facepipe.ledger.states import ImageState
from facepipe.stages import StageName
from facepipe.system.cpu import threads_per_worker
from landmark_service.adapters.resizing import set_threads
from landmark_service.load_models import load_pipeline
from landmark_service.pipeline import cut_crops
from landmark_service.settings import LandmarkSettings


class Program:
    """The models of all stages, and a folder for results."""

    def __init__(self, folder: Path) -> None:
        settings = LandmarkSettings()
        self._pipeline = load_pipeline(settings)
        set_threads(threads_per_worker(settings.stage))
        self._agegender = AgeGenderServiceSettings()
        self._estimator = load_estimator(self._agegender)
        (folder / "saved_data").mkdir(parents=True, exist_ok=True)
        self._files = ResultFiles(FolderFiles(folder))
        self._style = AnnotationStyle()

    def analyse(self, data: bytes) -> AnalysisDocument:
        """From an upload to both files of its result."""
        image_id = hashlib.sha256(data).hexdigest()
        decoded = decode(data)
        landmarks = self._pipeline.find_landmarks(decoded.rgb, self._pipeline.detect(decoded.rgb))
        parts: dict[StageName, Part] = {StageName.LANDMARK: landmarks}
        if landmarks.faces and self._estimator is not None:
            crops_rgb = cut_crops(decoded.rgb, landmarks)
            parts[StageName.AGEGENDER] = estimate_faces(
                self._estimator, landmarks.faces, crops_rgb, self._agegender.agegender
            )
        height, width = decoded.rgb.shape[:2]
        now = datetime.now(UTC)
        state = ImageState(
            image_id=image_id,
            generation=1,
            status=Status.STORING,
            image=ImageInfo(width=width, height=height, format=decoded.format, sha256=image_id),
            received_at=now,
            updated_at=now,
            parts=parts,
        )
        document = merge(JoinedParts(state, {}, now))
        self._files.write_annotated(image_id, self._style.draw(decoded.rgb, document.faces))
        self._files.write_document(document)
        return document


def main() -> None:
    program = Program(Path(sys.argv[1]))
    print("ready", flush=True)
    for line in sys.stdin:
        seconds: list[float] = []
        faces = 0
        cpu = time.process_time()
        for path in json.loads(line):
            begin = time.perf_counter()
            faces += program.analyse(Path(path).read_bytes()).num_faces
            seconds.append(time.perf_counter() - begin)
        spent = time.process_time() - cpu
        print(json.dumps({"seconds": seconds, "cpu_s": spent, "faces": faces}), flush=True)


if __name__ == "__main__":
    main()
