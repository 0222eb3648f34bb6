"""The JSON Schema of the result document."""

from __future__ import annotations

import json
from pathlib import Path

from facepipe.domain.analysis import AnalysisDocument
from tools.paths import ROOT


def schema() -> dict[Path, str]:
    """docs/result.schema.json and its contents."""
    document = AnalysisDocument.model_json_schema(mode="serialization")
    document = {"$schema": "https://json-schema.org/draft/2020-12/schema", **document}
    return {ROOT / "docs" / "result.schema.json": json.dumps(document, indent=2) + "\n"}
