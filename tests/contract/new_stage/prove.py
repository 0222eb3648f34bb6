"""Runs in a copy of the repository to which the stage *sharpness* was added."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from sharpness_service.jobs import SharpnessWorker

from data_storage_service.database import open_index
from facepipe.domain.analysis import AnalysisDocument, PartError
from facepipe.domain.status import Status
from facepipe.ledger.states import ImageState
from facepipe.queue.job_table import job_kind
from facepipe.stages import StageName
from services.data_storage_service.tests.rig import Rig, rig_on
from tests.support import store_samples as samples
from tools.stack.services import SERVICES


class Client:
    """The ledger as the stage has it, without the wire."""

    def __init__(self, rig: Rig) -> None:
        self._queries = rig.queries
        self.save_started, self.save_part = rig.ledger.save_started, rig.ledger.save_part

    def get(self, image_id: str, include_parts: bool = False) -> ImageState:
        return (
            self._queries.joined(image_id).state if include_parts else self._queries.get(image_id)
        )


@pytest.fixture
def rig(tmp_path: Path) -> Rig:
    return rig_on(open_index(tmp_path / "index.sqlite3"), tmp_path)


def test_the_result_waits_for_the_stage_and_holds_what_it_found(rig: Rig) -> None:
    # Given an image whose faces were found
    image_id = rig.accept()
    landmarks = samples.run(image_id, StageName.LANDMARK)
    rig.ledger.save_part(landmarks, samples.landmarks(2))
    assert rig.due(image_id)[-2:] == ["agegender", "sharpness"]

    # When both stages do their jobs
    SharpnessWorker(Client(rig), rig.sources).measure(image_id, 1)
    rig.analyse(image_id, faces=2)

    # Then the result is stored, with a value for each face
    assert rig.store(image_id)
    document = rig.files.read_document(image_id)
    assert document.status is Status.STORED
    assert [face.sharpness.value > 0 for face in document.faces] == [True, True]
    assert document.models.sharpness.name == "mean absolute difference"
    assert "sharpness" in document.timings_ms


def test_without_its_part_the_result_is_partial_and_says_why(rig: Rig) -> None:
    image_id = rig.accept()
    rig.analyse(image_id)
    error = PartError(code="worker_died", message="the worker died")
    rig.ledger.save_failure(samples.run(image_id, StageName.SHARPNESS), error)

    assert rig.store(image_id)
    document = rig.files.read_document(image_id)
    assert (document.status, document.faces[0].sharpness_error) == (Status.PARTIAL, error)


def test_everybody_knows_the_stage() -> None:
    assert job_kind("sharpness").worked_by == "sharpness_service"
    assert "sharpness_service" in [service.name for service in SERVICES]
    assert "sharpness_service" in yaml.safe_load(Path("docker-compose.yml").read_text())["services"]
    assert "Sharpness" in AnalysisDocument.model_json_schema()["$defs"]
