"""The power goes, at whatever moment: what was answered with 202 is there."""

from __future__ import annotations

import hashlib
from pathlib import Path

from fastapi.testclient import TestClient

from facepipe.files.inbox import Inbox
from facepipe.files.store.folder import FolderFiles
from facepipe.system.settings import AddressSettings, RedisSettings, VolumeSettings
from input_service.app import create_input_app
from input_service.settings import InputSettings
from services.input_service.tests.conftest import image_bytes
from tests.support.power_cut import Disk

NOWHERE = "127.0.0.1:9"


def test_an_accepted_upload_outlives_a_power_cut(tmp_path: Path) -> None:
    # Given two uploads, one of them sent a second time, with every step on the disk noted
    volumes = tmp_path / "volumes"
    uploads = {hashlib.sha256(data).hexdigest(): data for data in map(_image, ("teal", "pink"))}
    with TestClient(create_input_app(_settings(volumes)), "http://127.0.0.1") as client:
        disk = Disk(volumes / "inbox")
        with disk.recording():
            for image_id in [*uploads, next(iter(uploads))]:
                answer = client.post("/v1/images", content=uploads[image_id])
                assert answer.status_code == 202
                disk.tell(image_id)

    # When the power goes, at any moment
    outcomes = list(disk.outcomes())
    assert len(outcomes) > 25
    for number, outcome in enumerate(outcomes):
        folder = tmp_path / str(number) / "inbox"
        outcome.restore(folder)
        inbox = Inbox(FolderFiles(folder.parent))
        inbox.tidy()

        # Then what had been accepted is there, and whatever is there is whole
        found = set(inbox.ids())
        assert found >= outcome.told
        for image_id in found:
            assert inbox.read(image_id) == uploads[image_id]
            assert inbox.entry(image_id).image.sha256 == image_id
        names = {path.name for path in folder.iterdir()} if folder.exists() else set()
        assert names == {name for image_id in found for name in (image_id, f"{image_id}.json")}


def _image(color: str) -> bytes:
    return image_bytes(color=color)


def _settings(volumes: Path) -> InputSettings:
    """A service whose services are all away."""
    return InputSettings(
        redis=RedisSettings(url=f"redis://{NOWHERE}/0"),
        address=AddressSettings(
            store_grpc=NOWHERE, logger=f"http://{NOWHERE}", plotter=f"http://{NOWHERE}"
        ),
        volumes=VolumeSettings(root=volumes),
    )
