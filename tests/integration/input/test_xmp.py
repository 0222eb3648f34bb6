"""XMP sidecars, as exiftool reads them."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from input_service.xmp import stored_area
from tests.integration.input.rig import Rig, photograph
from tests.support.missing import missing


def _read(sidecar: bytes, folder: Path) -> dict[str, Any]:
    program = shutil.which("exiftool") or missing("exiftool is missing (libimage-exiftool-perl)")
    path = folder / "a.xmp"
    path.write_bytes(sidecar)
    command = [str(program), "-json", "-struct", "-warning", "-XMP:all", str(path)]
    [found] = json.loads(subprocess.check_output(command, text=True))
    assert isinstance(found, dict)
    return found


def test_a_sidecar_has_the_faces_as_regions(rig: Rig, tmp_path: Path) -> None:
    # Given an image of 80 x 40 with faces of 20 and 19 pixels at its corner
    image_id = rig.accept(photograph(800, (80, 40)), name="a & b.png")
    rig.finish(image_id, ages=(30, 60))

    answer = rig.http.get(f"/v1/images/{image_id}/sidecar.xmp")
    found = _read(answer.content, tmp_path)

    assert answer.headers["content-type"] == "application/rdf+xml"
    assert "Warning" not in found
    assert found["Subject"] in ("female", ["female"])
    assert found["RegionInfo"]["AppliedToDimensions"] == {"W": 80, "H": 40, "Unit": "pixel"}
    first, second = found["RegionInfo"]["RegionList"]
    assert first["Area"] == {"X": 0.125, "Y": 0.25, "W": 0.25, "H": 0.5, "Unit": "normalized"}
    assert (first["Type"], second["Area"]["W"]) == ("Face", 0.2375)


def test_an_image_without_faces_has_a_sidecar_too(rig: Rig, tmp_path: Path) -> None:
    image_id = rig.accept(photograph(801))
    rig.finish(image_id)

    found = _read(rig.http.get(f"/v1/images/{image_id}/sidecar.xmp").content, tmp_path)

    assert "Warning" not in found
    assert "Subject" not in found


def test_an_export_is_a_zip_of_sidecars(rig: Rig, tmp_path: Path) -> None:
    ids = [rig.accept(photograph(810 + n), name="b.png", folder="xmp/x") for n in range(2)]
    for image_id in ids:
        rig.finish(image_id, ages=(30,))

    data = rig.http.get("/v1/export?format=xmp&folder=xmp").content

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        assert set(archive.namelist()) == {"xmp/x/b.png.xmp", f"xmp/x/b.png-{ids[0][:16]}.xmp"}
        for name in archive.namelist():
            assert _read(archive.read(name), tmp_path)["RegionInfo"]["RegionList"]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_regions_lie_where_the_face_is_in_the_stored_image(orientation: int) -> None:
    # Given a stored image with a white block, and where that is once it is upright
    stored = np.zeros((40, 80), np.uint8)
    stored[4:12, 20:50] = 255
    image = Image.fromarray(stored)
    image.getexif()[0x0112] = orientation
    upright = np.asarray(ImageOps.exif_transpose(image))
    rows, columns = np.nonzero(upright)
    box = {
        "x1": int(columns.min()),
        "y1": int(rows.min()),
        "x2": int(columns.max()) + 1,
        "y2": int(rows.max()) + 1,
    }

    area = stored_area(box, upright.shape[1], upright.shape[0], orientation)

    assert area == pytest.approx((35 / 80, 8 / 40, 30 / 80, 8 / 40))
