"""All results as one file, streamed: no export is ever held in memory whole."""

from __future__ import annotations

import csv
import io
import logging
import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from facepipe.domain.errors import ImageNotFoundError, ResultDamagedError
from facepipe.domain.result_rows import COLUMNS, Rows
from facepipe.ledger.client import FaceStoreClient
from facepipe.ledger.states import ImageState, ListQuery
from input_service.results import ImageFiles, real_faces

_log = logging.getLogger(__name__)

Document = dict[str, Any]
Documents = Iterator[Document]
Batches = Iterable[Rows]

_CHUNK_BYTES = 64 * 1024
# Where a cell begins, also for a spreadsheet that separates them by semicolons or tabs, and what
# begins a formula, in full width and small as well.
_FORMULA = re.compile(
    r"(^|[;,|\t\r\n])(?=[=+\-@\t\r\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b])"
)
_RESULTS_A_PAGE = 200

_ARROW_TYPES = {int: pa.int32(), float: pa.float32(), bool: pa.bool_(), str: pa.string()}
SCHEMA = pa.schema([(name, _ARROW_TYPES[kind]) for name, kind in COLUMNS.items()])
_TEXT = [
    number
    for number, (name, kind) in enumerate(COLUMNS.items())
    if kind is str and name != "timestamp"
]


def results_of(store: FaceStoreClient, results: ImageFiles, query: ListQuery) -> Documents:
    """The results that a query lets through, as they are on disk.

    Raises:
        ServiceUnavailableError: the ledger does not answer; raised here, before any answer.
    """
    query = replace(query, limit=_RESULTS_A_PAGE)
    first = store.list(query)

    def walk() -> Iterator[Document]:
        page = first
        while True:
            yield from _read(page.images, results)
            if not page.next_cursor:
                return
            page = store.list(replace(query, cursor=page.next_cursor))

    return walk()


def rows_of(store: FaceStoreClient, query: ListQuery) -> Batches:
    """The rows of the results that a query lets through.

    Raises:
        ServiceUnavailableError: the ledger does not answer; raised here, before any answer.
    """
    batches = store.rows(query)
    return chain([next(batches, [])], batches)


def csv_lines(batches: Batches, *, neutralise: bool = True) -> Iterator[bytes]:
    """CSV with a header; an image without faces has one row with empty face columns.

    Text that a spreadsheet would run as a formula gets a quote in front, unless told not to.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for rows in batches:
        for row in rows if neutralise else ():
            for number in _TEXT:
                value = row[number]
                # Most are empty, or ids and words of our own.
                if value and isinstance(value, str) and not value.isalnum():
                    row[number] = _FORMULA.sub(r"\1'", value)
        writer.writerows(rows)
        if text.tell() > _CHUNK_BYTES:
            yield _drain(text)
    yield _drain(text)


def parquet(batches: Batches) -> Iterator[bytes]:
    """Parquet, zstd; written to a temporary file first, since its index stands at the end."""
    with tempfile.TemporaryFile() as file:
        with pq.ParquetWriter(file, SCHEMA, compression="zstd") as writer:
            for rows in batches:
                columns = zip(*rows, strict=True) if rows else [()] * len(SCHEMA)
                arrays = [pa.array(c, f.type) for c, f in zip(columns, SCHEMA, strict=True)]
                writer.write_table(pa.Table.from_arrays(arrays, schema=SCHEMA))
        file.seek(0)
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk


def coco(documents: Documents) -> Iterator[bytes]:
    """COCO keypoint annotations: boxes `[x, y, width, height]`, landmarks as keypoints.

    The numeric ids that COCO asks for are positions in this file; `image_id` of the pipeline
    stands beside them as `sha256`. Annotations stand after all images, so they wait in a temporary
    file.
    """
    yield b'{"info":{"description":"Face analysis pipeline"},"categories":'
    yield orjson.dumps([{"id": 1, "name": "face", "supercategory": "person"}])
    yield b',"images":['
    annotations = 0
    with tempfile.TemporaryFile() as later:
        for number, document in enumerate(documents, start=1):
            yield (b"" if number == 1 else b",") + orjson.dumps(_coco_image(number, document))
            for face in real_faces(document):
                annotations += 1
                later.write(b"" if annotations == 1 else b",")
                later.write(orjson.dumps(_coco_annotation(annotations, number, face)))
        yield b'],"annotations":['
        later.seek(0)
        while chunk := later.read(_CHUNK_BYTES):
            yield chunk
    yield b"]}"


def _read(states: Iterable[ImageState], results: ImageFiles) -> Iterator[Document]:
    for state in states:
        try:
            yield results.read_document(state.image_id)
        except ImageNotFoundError:
            continue  # deleted meanwhile
        except ResultDamagedError as error:
            _log.error(
                "left out of an export: %s: %s",
                error.code,
                error.message,
                extra={"image_id": state.image_id},
            )


def _coco_image(number: int, document: Document) -> Document:
    image = document["image"]
    return {
        "id": number,
        "file_name": image["file_name"] or document["image_path"],
        "width": image["width"],
        "height": image["height"],
        "sha256": image["sha256"],
    }


def _coco_annotation(annotation_id: int, image_number: int, face: dict[str, Any]) -> dict[str, Any]:
    box = face["box"]
    width, height = box["x2"] - box["x1"], box["y2"] - box["y1"]
    return {
        "id": annotation_id,
        "image_id": image_number,
        "category_id": 1,
        "bbox": [box["x1"], box["y1"], width, height],
        "area": width * height,
        "iscrowd": 0,
        "score": face["confidence"],
        "num_keypoints": len(face["landmarks"]),
        "keypoints": [
            value for point in face["landmarks"] for value in (point["x"], point["y"], 2)
        ],
        "attributes": face["agegender"] | {"truth": face.get("truth")},
    }


def _drain(text: io.StringIO) -> bytes:
    data = text.getvalue().encode()
    text.seek(0)
    text.truncate()
    return data
