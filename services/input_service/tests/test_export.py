from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from typing import Any

import pyarrow.parquet as pq
import pytest

from facepipe.domain.face_fields import FieldValue
from facepipe.domain.result_rows import COLUMNS, Row, Rows
from input_service.export import coco, csv_lines, parquet


def test_csv_has_a_row_a_face_and_one_for_an_image_without_faces() -> None:
    rows = list(csv.DictReader(io.StringIO(b"".join(csv_lines(_ROWS)).decode())))

    assert [(row["image_id"], row["face_index"], row["age"]) for row in rows] == [
        ("aa", "0", "28"),
        ("aa", "1", ""),
        ("bb", "", ""),
    ]


# As they are, in full width, and small.
BEGINNINGS = "=+-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b"
FORMULAS = [f"{beginning}1+1" for beginning in BEGINNINGS]
FORMULAS += ["\t=1", "\r=1", "a;=1", "a,+1", "a\t@1", "a|-1", "a\n=1"]


@pytest.mark.parametrize("name", FORMULAS)
def test_csv_has_no_cell_that_a_spreadsheet_would_run(name: str) -> None:
    # Given a photograph with such a name
    def rows() -> list[Rows]:
        return [[_row("aa", 0, 28, name, x1=-10)]]

    # When it is exported
    safe = b"".join(csv_lines(rows())).decode()
    asked_for = b"".join(csv_lines(rows(), neutralise=False)).decode()

    # Then no cell begins with it, whatever separates cells, numbers are numbers, and whoever
    # asks for the name gets the name
    [row] = csv.DictReader(io.StringIO(safe, newline=""))
    cells = re.split(r"[;,|\t\r\n]", row["file_name"])
    assert not any(cell.startswith(tuple(BEGINNINGS)) for cell in cells)
    assert row["file_name"].replace("'", "") == name
    assert row["x1"] == "-10"
    [row] = csv.DictReader(io.StringIO(asked_for, newline=""))
    assert row["file_name"] == name


def test_csv_leaves_other_names_alone() -> None:
    rows = [[_row("aa", None, None, "2026-01-01 a=b, c+d.jpg")]]

    assert "2026-01-01 a=b, c+d.jpg" in b"".join(csv_lines(rows)).decode()


def test_parquet_says_the_same_with_types() -> None:
    table = pq.read_table(io.BytesIO(b"".join(parquet(_ROWS))))

    assert table.num_rows == 3
    assert table.column("age").to_pylist() == [28, None, None]
    assert table.column("x2").to_pylist() == [30, 9, None]


def test_coco_has_images_boxes_and_keypoints() -> None:
    document = json.loads(b"".join(coco(_documents())))

    assert [image["sha256"] for image in document["images"]] == ["aa", "bb"]
    first = document["annotations"][0]
    assert (first["image_id"], first["bbox"], first["area"]) == (1, [10, 20, 20, 20], 400)
    assert first["keypoints"] == [11.5, 21.5, 2]


def test_an_empty_ledger_exports_as_empty_files() -> None:
    assert json.loads(b"".join(coco(iter(()))))["images"] == []
    assert len(b"".join(csv_lines([[]])).splitlines()) == 1
    assert pq.read_table(io.BytesIO(b"".join(parquet([[]])))).num_rows == 0


def _row(
    image_id: str, face_index: int | None, age: int | None, name: str = "=SUM(A1)", **more: int
) -> Row:
    known: dict[str, FieldValue | None] = {
        "image_id": image_id, "file_name": name, "face_index": face_index, "age": age, "gender": "",
    }  # fmt: skip
    return [(known | more).get(column) for column in COLUMNS]


_ROWS = [[_row("aa", 0, 28, x2=30), _row("aa", 1, None, x2=9)], [_row("bb", None, None)]]


def _documents() -> Iterator[dict[str, Any]]:
    yield _document("aa", [_face(0, (10, 20, 30, 40), 28), _face(1, (1, 2, 9, 9), None)])
    yield _document("bb", [])


def _document(image_id: str, faces: list[dict[str, Any]], name: str = "=SUM(A1)") -> dict[str, Any]:
    image = {"width": 60, "height": 50, "sha256": image_id, "file_name": name}
    return {
        "timestamp": "2026-01-01T00:00:00Z",
        "image_path": f"saved_data/{image_id}.jpg",
        "num_faces": len(faces),
        "faces": faces,
        "image": image,
    }


def _face(index: int, box: tuple[int, int, int, int], age: int | None) -> dict[str, Any]:
    return {
        "face_index": index,
        "box": dict(zip(("x1", "y1", "x2", "y2"), box, strict=True)),
        "confidence": 0.9,
        "landmarks": [{"x": 11.5, "y": 21.5}] if index == 0 else [],
        "agegender": {
            "age": age,
            "age_low": None,
            "age_high": None,
            "gender": "unknown",
            "gender_confidence": None,
            "reliable": False,
            "reasons": ["small_face"],
        },
    }
