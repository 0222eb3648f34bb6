"""Errors on the wire: RFC 9457 problem documents with a stable `code`."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from facepipe.domain.errors import (
    FacepipeError,
    ForbiddenError,
    ImageNotFoundError,
    InvalidRequestError,
    RangeNotSatisfiableError,
    ServiceUnavailableError,
    TooManyRequestsError,
    UnauthorizedError,
)

PROBLEM_MEDIA_TYPE = "application/problem+json"

_log = logging.getLogger(__name__)

# Codes of plain HTTP errors; any other is the status' own name, e.g. `method_not_allowed`.
_ERRORS_BY_STATUS: dict[int, type[FacepipeError]] = {
    error.http_status: error
    for error in (
        InvalidRequestError,
        UnauthorizedError,
        ForbiddenError,
        ImageNotFoundError,
        RangeNotSatisfiableError,
        TooManyRequestsError,
        ServiceUnavailableError,
    )
}


class Problem(BaseModel):
    """An error, as every API of the pipeline tells it."""

    model_config = ConfigDict(extra="allow")

    type: str = Field(description="identifies the kind of problem", examples=["about:blank"])
    title: str = Field(description="the kind of problem in words", examples=["Not found"])
    status: int = Field(description="the HTTP status", examples=[404])
    detail: str = Field(description="what went wrong this time, and what to do")
    instance: str = Field(description="path of the request")
    code: str = Field(description="stable; clients may branch on it", examples=["not_found"])


def problem_response(
    request: Request,
    status: int,
    code: str,
    title: str,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> JSONResponse:
    """The response that tells of a problem; `extra` members stand beside the standard ones."""
    body = {
        "type": f"urn:facepipe:problem:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "instance": request.url.path,
        "code": code,
    }
    return JSONResponse(
        body | dict(extra or {}),
        status_code=status,
        headers=dict(headers or {}),
        media_type=PROBLEM_MEDIA_TYPE,
    )


def error_response(request: Request, error: FacepipeError) -> JSONResponse:
    """The problem document of an error of ours, with `Retry-After` where it is known."""
    headers = {}
    if error.retry_after_s is not None:
        headers["Retry-After"] = str(max(1, math.ceil(error.retry_after_s)))
    return problem_response(
        request, error.http_status, error.code, error.title, error.message, headers=headers
    )


def add_problem_handlers(app: FastAPI) -> None:
    """Makes every error of the application a problem document, in its OpenAPI as well."""
    app.add_exception_handler(FacepipeError, _on_facepipe_error)
    app.add_exception_handler(RequestValidationError, _on_invalid_request)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(ClientDisconnect, _on_disconnect)
    app.add_exception_handler(Exception, _on_unexpected_error)
    # FastAPI's own way to extend the document is to replace this method.
    making = threading.Lock()
    app.openapi = lambda: _openapi(app, making)  # type: ignore[method-assign]


async def _on_facepipe_error(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, FacepipeError)  # noqa: S101  # registered for this type alone
    if error.http_status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        _log.warning("%s %s: %s", request.method, request.url.path, error, exc_info=error)
    return error_response(request, error)


async def _on_invalid_request(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101  # registered for this type
    problems = [
        {"loc": [str(part) for part in found["loc"]], "msg": found["msg"], "type": found["type"]}
        for found in error.errors()
    ]
    detail = "; ".join(f"{'.'.join(item['loc'])}: {item['msg']}" for item in problems)
    cls = InvalidRequestError
    return problem_response(
        request, cls.http_status, cls.code, cls.title, detail, extra={"errors": problems}
    )


async def _on_http_exception(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101  # registered for this type alone
    known = _ERRORS_BY_STATUS.get(error.status_code)
    status = HTTPStatus(error.status_code)
    code = known.code if known else status.name.lower()
    title = known.title if known else status.phrase
    detail = str(error.detail)
    if detail == HTTPStatus.NOT_FOUND.phrase:  # no route, in the framework's own words
        detail = f"there is nothing at {request.url.path}; /docs has what there is"
    return problem_response(request, error.status_code, code, title, detail, headers=error.headers)


async def _on_disconnect(request: Request, _: Exception) -> Response:
    """Nobody is left to read it, and there is nothing of ours to mend."""
    _log.info("%s %s: the client went before all of it had come", request.method, request.url.path)
    return Response(status_code=HTTPStatus.BAD_REQUEST)


async def _on_unexpected_error(request: Request, error: Exception) -> JSONResponse:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    detail = "An unexpected error happened; the log of the service has it."
    cls = FacepipeError
    return problem_response(request, cls.http_status, cls.code, cls.title, detail)


def _openapi(app: FastAPI, making: threading.Lock) -> dict[str, Any]:
    """The document, made once; FastAPI cannot make it in two threads at a time."""
    with making:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema


def _document(app: FastAPI) -> dict[str, Any]:
    """FastAPI's document, with our 400 in the place of its own 422 for invalid requests."""
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary=app.summary,
        description=app.description,
        routes=app.routes,
        tags=app.openapi_tags,
        servers=app.servers,
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas["Problem"] = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schema = {"$ref": "#/components/schemas/Problem"}
    content = {PROBLEM_MEDIA_TYPE: {"schema": schema}}
    for operations in document.get("paths", {}).values():
        for operation in operations.values():
            responses = operation["responses"]
            if "HTTPValidationError" in str(responses.get("422", "")):
                del responses["422"]
                responses.setdefault(
                    "400", {"description": InvalidRequestError.title, "content": content}
                )
            for status, response in responses.items():
                if status.isdecimal() and int(status) >= HTTPStatus.BAD_REQUEST:
                    response.setdefault("content", content)
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    return document
