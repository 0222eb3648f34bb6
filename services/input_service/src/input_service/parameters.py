"""Query parameters that a call does not have are refused: ignored, they would mislead."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from fastapi import Request

from facepipe.domain.errors import UnknownParameterError


def refuse_unknown_parameters(request: Request) -> None:
    """A dependency of routes; the OpenAPI document says which parameters there are.

    Raises:
        UnknownParameterError: there is one that the document does not have.
    """
    if not request.query_params:
        return
    operations = request.app.openapi()["paths"][request.scope["route"].path_format]
    parameters = operations[request.method.lower()].get("parameters", ())
    known = [one["name"] for one in parameters if one["in"] == "query"]
    require_known("parameter", request.query_params, known)


def require_known(what: str, names: Iterable[str], known: Iterable[str]) -> None:
    """Raises UnknownParameterError, with the name that may have been meant."""
    choices = list(known)
    for name in names:
        if name not in choices:
            near = difflib.get_close_matches(name, choices, n=1)
            advice = f"; `{near[0]}` is one" if near else "; /docs has those that there are"
            raise UnknownParameterError(f"there is no {what} `{name[:100]}` here{advice}")
