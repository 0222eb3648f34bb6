"""`GET /v1/export`: everything, streamed."""

from __future__ import annotations

from enum import StrEnum

from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from input_service.export import coco, csv_lines, parquet, results_of
from input_service.neighbours import NeighboursDep

router = APIRouter(prefix="/v1", tags=["results"])


class ExportFormat(StrEnum):
    CSV = "csv"
    PARQUET = "parquet"
    COCO = "coco"


_MEDIA_TYPES = {
    ExportFormat.CSV: "text/csv; charset=utf-8",
    ExportFormat.PARQUET: "application/vnd.apache.parquet",
    ExportFormat.COCO: "application/json",
}
_FILE_NAMES = {
    ExportFormat.CSV: "faces.csv",
    ExportFormat.PARQUET: "faces.parquet",
    ExportFormat.COCO: "faces.coco.json",
}
_WRITERS = {ExportFormat.CSV: csv_lines, ExportFormat.PARQUET: parquet, ExportFormat.COCO: coco}


@router.get(
    "/export",
    summary="All results as one file",
    response_class=StreamingResponse,
    responses={
        200: {
            "description": "The file",
            "content": {media_type: {} for media_type in _MEDIA_TYPES.values()},
        },
        503: {"description": "The ledger does not answer"},
    },
)
def export_results(neighbours: NeighboursDep, format: ExportFormat) -> StreamingResponse:  # noqa: A002  # the name of the query parameter
    """CSV and Parquet have one row a face, COCO has boxes and landmarks as keypoints."""
    documents = results_of(neighbours.store, neighbours.results)
    return StreamingResponse(
        _WRITERS[format](documents),
        media_type=_MEDIA_TYPES[format],
        headers={"Content-Disposition": f'attachment; filename="{_FILE_NAMES[format]}"'},
    )
