"""What an upload asks for: how it is called, and how it is analysed."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from facepipe.domain.errors import InvalidRequestError
from facepipe.domain.options import AnalysisOptions, Attribute
from input_service.settings import DetectorLimits


def _words(value: Any) -> Any:
    """A list; in a form or a query its entries may be separated by commas as well."""
    if not isinstance(value, list | tuple):
        value = [] if value is None else [value]
    entries = [part.strip() for one in value for part in str(one).split(",")]
    return list(dict.fromkeys(entry for entry in entries if entry))


def _printable(value: str) -> str:
    if not value.isprintable():
        raise ValueError("it has characters that cannot be printed")
    return value.strip()


def _folder(value: str) -> str:
    parts = [part for part in value.replace("\\", "/").split("/") if part not in ("", ".")]
    if ".." in parts:
        raise ValueError("a folder has no `..`")
    return "/".join(parts)


Text = Annotated[str, AfterValidator(_printable)]
_Tag = Annotated[str, Field(max_length=100), AfterValidator(_printable)]
Folder = Annotated[Text, AfterValidator(_folder)]


class Labels(BaseModel):
    """How the client calls an image."""

    external_id: Text = Field(default="", max_length=255, description="what you call it")
    tags: Annotated[tuple[_Tag, ...], BeforeValidator(_words)] = Field(
        default=(), max_length=50, description="several, or separated by commas"
    )
    folder: Folder = Field(default="", max_length=1024, description="where it lies: `a/b`")


class Wishes(Labels, AnalysisOptions):
    """Labels and options of an upload: parameters of the query, fields of a form, or JSON."""

    model_config = ConfigDict(extra="ignore")

    attributes: Annotated[
        tuple[Attribute, ...] | None, BeforeValidator(lambda value: value and _words(value))
    ] = Field(default=None, description="what is told of each face; null: everything")

    def labels(self) -> dict[str, Any]:
        """Those fields of `ImageInfo` that are the client's own."""
        return {name: getattr(self, name) for name in Labels.model_fields}

    def options(self, limits: DetectorLimits) -> AnalysisOptions | None:
        """How it is to be analysed; None: as the server is set.

        Raises:
            InvalidRequestError: it asks for more than the server allows.
        """
        asked = {name: getattr(self, name) for name in AnalysisOptions.model_fields}
        if all(value is None for value in asked.values()):
            return None
        if self.max_faces is not None and self.max_faces > limits.max_faces:
            raise InvalidRequestError(f"max_faces is {limits.max_faces} at most")
        if self.min_face_px is not None and self.min_face_px < limits.min_face_px:
            raise InvalidRequestError(f"min_face_px is {limits.min_face_px} at least")
        return AnalysisOptions(**asked)

    @classmethod
    def fields(cls) -> dict[str, Any]:
        """The JSON schema of each field, without references."""
        schema = cls.model_json_schema()
        named = {f"#/$defs/{name}": one for name, one in schema.get("$defs", {}).items()}

        def inlined(part: Any) -> Any:
            if isinstance(part, list):
                return [inlined(one) for one in part]
            if not isinstance(part, dict):
                return part
            return named.get(part.get("$ref", ""), {k: inlined(v) for k, v in part.items()})

        fields: dict[str, Any] = inlined(schema["properties"])
        return fields


def is_list(name: str) -> bool:
    """Whether a field may be given several times."""
    return name in ("tags", "attributes")


class UploadParameters(Wishes):
    """Query parameters of an upload."""

    wait: float | None = Field(
        default=None, ge=0, le=300, description="seconds to wait for the results"
    )
    file_name: str = Field(
        default="", max_length=1024, description="of an image that is the raw body"
    )
    force: bool = Field(default=False, description="analyse again what is known already")
