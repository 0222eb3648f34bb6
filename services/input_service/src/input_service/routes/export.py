"""`GET /v1/export`: everything, streamed."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from facepipe.domain.errors import InvalidRequestError
from facepipe.domain.status import Status
from facepipe.ledger.states import ListQuery
from input_service.export import coco, csv_lines, parquet, results_of, rows_of
from input_service.filters import ImageFilters
from input_service.services import ServicesDep
from input_service.xmp import sidecars

router = APIRouter(prefix="/v1", tags=["results"])


class ExportFormat(StrEnum):
    CSV = "csv"
    PARQUET = "parquet"
    COCO = "coco"
    XMP = "xmp"


_MEDIA_TYPES = {
    ExportFormat.CSV: "text/csv; charset=utf-8",
    ExportFormat.PARQUET: "application/vnd.apache.parquet",
    ExportFormat.COCO: "application/json",
    ExportFormat.XMP: "application/zip",
}
_FILE_NAMES = {
    ExportFormat.CSV: "faces.csv",
    ExportFormat.PARQUET: "faces.parquet",
    ExportFormat.COCO: "faces.coco.json",
    ExportFormat.XMP: "faces.xmp.zip",
}


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
def export_results(
    services: ServicesDep,
    filters: Annotated[ImageFilters, Query()],
    format: ExportFormat,  # noqa: A002  # the name of the query parameter
    neutralise: Annotated[
        bool, Query(description="CSV: put ' before text that a spreadsheet would run as a formula")
    ] = True,
) -> StreamingResponse:
    """CSV and Parquet have one row a face, COCO has boxes and landmarks as keypoints.

    XMP is a zip of sidecars with the faces as MWG regions.

    In CSV a name such as `=1+1` is written as `'=1+1`; programs that read names back ask for
    `neutralise=false`. Numbers stay numbers, Parquet and COCO hold everything as it is.
    The filters are those of a list of images.
    """
    query = _results_in(filters)
    match format:
        case ExportFormat.CSV:
            content = csv_lines(rows_of(services.store, query), neutralise=neutralise)
        case ExportFormat.PARQUET:
            content = parquet(rows_of(services.store, query))
        case ExportFormat.COCO:
            content = coco(results_of(services.store, services.results, query))
        case ExportFormat.XMP:
            content = sidecars(results_of(services.store, services.results, query))
    return StreamingResponse(
        content,
        media_type=_MEDIA_TYPES[format],
        headers={"Content-Disposition": f'attachment; filename="{_FILE_NAMES[format]}"'},
    )


def _results_in(filters: ImageFilters) -> ListQuery:
    """What has a result among what the filters let through."""
    has_result = {status for status in Status if status.has_result}
    chosen = has_result & set(filters.status or has_result)
    if not chosen:
        raise InvalidRequestError("only stored and partial images have a result to export")
    return replace(filters.query(), statuses=tuple(sorted(chosen)), with_total=False)
