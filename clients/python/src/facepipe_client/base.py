"""What all documents of the API have in common, and those that OpenAPI does not describe."""

from __future__ import annotations

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field

T = TypeVar("T")

OrNew = Annotated[T | str, Field(union_mode="left_to_right")]
"""A word of the API; one that a newer API has added is kept as text."""


class Document(BaseModel):
    """An answer of the API. What a newer API adds is kept as it came."""

    model_config = ConfigDict(frozen=True, extra="allow")

    def to_json(self) -> dict[str, Any]:
        """As the API sends it; times are ISO 8601."""
        return self.model_dump(mode="json")


class Health(Document):
    """That the API is alive, and its version."""

    status: str
    version: str = ""


class Plot(Document):
    """A plot that can be fetched by its name."""

    name: str
    title: str = ""
