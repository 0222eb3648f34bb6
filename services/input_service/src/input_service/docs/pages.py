"""`/docs` and `/redoc`: Swagger UI and ReDoc, with the files of the package fastapi-offline."""

from __future__ import annotations

from importlib.resources import files

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response

from facepipe.domain.errors import ImageNotFoundError

ASSETS = "/docs/assets"
# Both write style sheets of their own into the page; ReDoc searches in a worker of its own.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; font-src 'self' data:; connect-src 'self'; worker-src blob:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
# ReDoc shows its maker's logo from there.
_FOREIGN_LOGO = b"https://cdn.redoc.ly/redoc/logo-mini.svg"
_NO_PICTURE = b"data:image/gif;base64,R0lGODlhAQABAAAAACw="
_VENDORED = files("fastapi_offline") / "static"
_OWN = files("input_service.docs")
_FILES = {
    "swagger-ui.css": (_VENDORED, "text/css"),
    "swagger-ui-bundle.js": (_VENDORED, "text/javascript"),
    "redoc.standalone.js": (_VENDORED, "text/javascript"),
    "favicon.png": (_VENDORED, "image/png"),
    "swagger.js": (_OWN, "text/javascript"),
    "redoc.js": (_OWN, "text/javascript"),
}
_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Face analysis pipeline: API</title>
<link rel="icon" href="{assets}/favicon.png">
{style}</head>
<body>
<div id="api"></div>
<script src="{assets}/{library}"></script>
<script src="{assets}/{start}"></script>
</body>
</html>
"""

router = APIRouter(include_in_schema=False)


@router.get("/docs")
def swagger() -> Response:
    style = f'<link rel="stylesheet" href="{ASSETS}/swagger-ui.css">\n'
    return _page(style, "swagger-ui-bundle.js", "swagger.js")


@router.get("/redoc")
def redoc() -> Response:
    return _page("", "redoc.standalone.js", "redoc.js")


@router.get(ASSETS + "/{name}")
def asset(name: str) -> Response:
    if name not in _FILES:
        raise ImageNotFoundError("there is no such file")
    folder, media_type = _FILES[name]
    headers = {"Cache-Control": "public, max-age=86400"}
    content = (folder / name).read_bytes().replace(_FOREIGN_LOGO, _NO_PICTURE)
    return Response(content, media_type=media_type, headers=headers)


def _page(style: str, library: str, start: str) -> Response:
    page = _PAGE.format(assets=ASSETS, style=style, library=library, start=start)
    return HTMLResponse(page, headers={"Content-Security-Policy": POLICY})
