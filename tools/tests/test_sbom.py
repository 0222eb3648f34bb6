"""The bill of materials of a service names all that it is made of."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from facepipe.files.models import BUNDLED, sha256_of
from tools.checks import sbom
from tools.paths import ROOT
from tools.setup.environments import service_folders
from tools.setup.shares import of_package


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What is written, by the name of the service."""
    paths = sbom.write(tmp_path_factory.mktemp("sbom"))
    return {path.name.removesuffix(".cdx.json"): json.loads(path.read_text()) for path in paths}


def components(document: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [part for part in document["components"] if part["type"] == kind]


@pytest.mark.parametrize("folder", service_folders(), ids=lambda folder: folder.name)
def test_every_pinned_package_is_in_it_and_no_other(
    documents: dict[str, dict[str, Any]], folder: Path
) -> None:
    # A pin is a line that begins with a name; hashes and options are indented.
    lines = of_package(folder).text().splitlines()
    pinned = {line.split()[0] for line in lines if re.match(r"\w", line)}

    document = documents[folder.name]

    assert document["metadata"]["component"]["name"] == folder.name
    assert pinned
    found = {f"{p['name']}=={p['version']}" for p in components(document, "library")}
    assert found == pinned


def test_the_weights_are_in_it_with_checksum_and_licence(
    documents: dict[str, dict[str, Any]],
) -> None:
    found = {
        model["hashes"][0]["content"]: model
        for name in ("landmark_service", "agegender_service")
        for model in components(documents[name], "machine-learning-model")
    }

    shipped = {sha256_of(path) for path in (ROOT / "models").rglob("*.onnx")}
    assert set(found) == shipped | {model.sha256 for model in BUNDLED}
    mesh = found[BUNDLED[1].sha256]
    assert mesh["name"] == BUNDLED[1].name
    assert mesh["licenses"] == [{"license": {"name": "Apache-2.0"}}]


def test_a_service_without_weights_has_none(documents: dict[str, dict[str, Any]]) -> None:
    assert components(documents["logger_service"], "machine-learning-model") == []


def test_it_is_valid_cyclonedx(documents: dict[str, dict[str, Any]]) -> None:
    validator = JsonStrictValidator(SchemaVersion.V1_6)

    for name, document in documents.items():
        assert validator.validate_str(json.dumps(document)) is None, name
