"""Analyses every photograph of a folder and writes a row for each face.

    python examples/folder_to_csv.py photos/ faces.csv

What the pipeline knows already is not analysed again, so that it can be run once more.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator
from pathlib import Path

from facepipe_client import WITH_RESULT, Client

COLUMNS = ("file", "face", "x1", "y1", "x2", "y2", "age", "gender", "reliable")
FILES_A_CALL = 20
AN_HOUR_S = 3600.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("csv", type=Path)
    parser.add_argument("--api", default="http://127.0.0.1:8000")
    parser.add_argument("--key", default="")
    given = parser.parse_args()

    photos = sorted(path for path in given.folder.rglob("*") if path.is_file())
    with Client(given.api, key=given.key) as pipeline, given.csv.open("w", newline="") as file:
        names = dict(sent(pipeline, photos))
        states = pipeline.wait_all(names, AN_HOUR_S)
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        for image_id, photo in names.items():
            if states[image_id].status in WITH_RESULT:
                rows.writerows(faces(pipeline, image_id, photo))
            else:
                print(f"{photo}: {states[image_id].error}", file=sys.stderr)
    return 0 if len(names) == len(photos) else 1


def sent(pipeline: Client, photos: list[Path]) -> Iterator[tuple[str, Path]]:
    """The ids of the photographs that were accepted."""
    for begin in range(0, len(photos), FILES_A_CALL):
        batch = photos[begin : begin + FILES_A_CALL]
        uploads = pipeline.upload_many(batch, patience_s=AN_HOUR_S)
        for photo, upload in zip(batch, uploads, strict=True):
            if upload.image_id:
                yield upload.image_id, photo
            elif upload.error:
                print(f"{photo}: {upload.error.detail}", file=sys.stderr)


def faces(pipeline: Client, image_id: str, photo: Path) -> Iterator[tuple[object, ...]]:
    for face in pipeline.result(image_id).faces:
        box, estimate = face.box, face.agegender
        corners = (box.x1, box.y1, box.x2, box.y2)
        guess = (estimate.age, str(estimate.gender), estimate.reliable)
        yield (photo.name, face.face_index, *corners, *guess)


if __name__ == "__main__":
    sys.exit(main())
