"""The service without Redis and gRPC: everything that works on the volume."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import Engine

from data_storage_service.ledger import Ledger
from data_storage_service.queries import Queries
from data_storage_service.settling import Settler
from data_storage_service.storing import ResultStore
from facepipe.domain.analysis import AgeGenderPart
from facepipe.files.annotation import AnnotationStyle
from facepipe.files.decoding import decode
from facepipe.files.image_store import FaceCrops
from facepipe.files.imaging import RgbImage
from facepipe.files.inbox import Inbox
from facepipe.files.result_files import ResultFiles, ledger_file
from facepipe.files.store.folder import FolderFiles
from facepipe.ledger.states import ImageState
from facepipe.stage import PartRun
from facepipe.stages import STAGES, StageName
from tests.support import store_samples as samples


class ForgetfulImages:
    """A cache that holds nothing and remembers what it was told to discard."""

    def __init__(self) -> None:
        self.discarded: list[str] = []

    def get_upload(self, image_id: str) -> bytes | None:
        return None

    def put_upload(self, image_id: str, data: bytes) -> None: ...

    def get_crops(self, image_id: str) -> FaceCrops | None:
        return None

    def put_crops(self, image_id: str, crops: FaceCrops) -> None: ...

    def discard(self, image_id: str) -> None:
        self.discarded.append(image_id)


class PixelsOf:
    """Decodes what lies in the inbox; a test may have something happen meanwhile."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self.meanwhile: Callable[[], None] = lambda: None

    def load(self, image_id: str) -> RgbImage:
        rgb = decode(self._inbox.read(image_id)).rgb
        self.meanwhile()
        return rgb


@dataclass
class Rig:
    root: Path
    ledger: Ledger
    queries: Queries
    files: ResultFiles
    inbox: Inbox
    images: ForgetfulImages
    settler: Settler
    sources: PixelsOf
    results: ResultStore

    def accept(self, number: int = 0) -> str:
        """What input_service does with an upload, up to the queue."""
        image_id = samples.image_id_of(number)
        self.inbox.add(image_id, samples.png(number), samples.entry(image_id))
        self.ledger.register(image_id, samples.info(image_id), samples.START)
        return image_id

    def analyse(self, image_id: str, part: AgeGenderPart | None = None, faces: int = 1) -> None:
        """What the two stages send."""
        self.ledger.save_part(
            samples.run(image_id, StageName.LANDMARK, detect=41.0), samples.landmarks(faces)
        )
        if faces:
            self.ledger.save_part(
                samples.run(image_id, StageName.AGEGENDER, agegender=12.0),
                part or samples.agegender(*[samples.estimate()] * faces),
            )

    def store(self, image_id: str, generation: int = 1) -> bool:
        return self.results.store(PartRun(StageName.STORAGE, image_id, generation, None))

    def stored(self, number: int = 0, faces: int = 1, part: AgeGenderPart | None = None) -> str:
        """An image with its result on disk."""
        image_id = self.accept(number)
        self.analyse(image_id, part, faces)
        assert self.store(image_id)
        return image_id

    def due(self, image_id: str) -> list[str]:
        """The stages whose jobs are still to be sent, in their order."""
        unsent = {job.stage for job in self.queries.unsent_jobs(image_id)}
        return [str(spec.name) for spec in STAGES if spec.name in unsent]

    def state(self, image_id: str) -> ImageState:
        return self.queries.get(image_id)

    def document_file(self, image_id: str) -> Path:
        return self.root / "saved_data" / f"{image_id}.json"

    def annotated_file(self, image_id: str) -> Path:
        return self.root / "saved_data" / f"{image_id}.jpg"

    def source_file(self, image_id: str) -> Path:
        return self.root / "saved_data" / "source" / image_id

    @property
    def ledger_file(self) -> Path:
        return ledger_file(self.root / "saved_data")

    def traces(self, image_id: str) -> list[str]:
        """Every file of an image on the volume."""
        return sorted(str(path.relative_to(self.root)) for path in self.root.rglob(f"*{image_id}*"))


def rig_on(engine: Engine, root: Path) -> Rig:
    """The service on a ledger and the volumes below `root`."""
    files, inbox, images = (
        ResultFiles(FolderFiles(root)),
        Inbox(FolderFiles(root)),
        ForgetfulImages(),
    )
    files.make_folders()
    ledger, queries = Ledger(engine), Queries(engine)
    settler = Settler(ledger, files, inbox, images, keep_source=True)
    sources = PixelsOf(inbox)
    results = ResultStore(ledger, queries, files, sources, settler, AnnotationStyle())
    return Rig(root, ledger, queries, files, inbox, images, settler, sources, results)
