"""`make sbom`: what each service is made of, as CycloneDX documents.

Runs in the development environment, which has the library for them.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

import yaml
from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from facepipe.files.models import BUNDLED, UNKNOWN, ModelFile, read_model
from tools.paths import ROOT
from tools.setup.environments import service_folders
from tools.setup.shares import of_package

FOLDER = ROOT / "dist" / "sbom"
_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)", re.MULTILINE)


def pins(folder: Path) -> list[tuple[str, str]]:
    """Name and version of every package that a service takes of the lock."""
    return _PIN.findall(of_package(folder).text())


def bill_of(folder: Path) -> Bom:
    """A service, its packages, and the weights that it ships with.

    Raises:
        facepipe.domain.errors.ModelError: weights do not match their record.
    """
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    bom = Bom(components=[_package(*pin) for pin in pins(folder)])
    bom.metadata.component = Component(
        type=ComponentType.APPLICATION,
        name=folder.name,
        version=project["version"],
        licenses=[DisjunctiveLicense(id=project["license"])],
        bom_ref=folder.name,
    )
    bom.components.update(_model(model) for model in models_of(folder))
    bom.register_dependency(bom.metadata.component, bom.components)
    return bom


def models_of(folder: Path) -> Iterable[ModelFile]:
    """The weights in a service's image: those its build takes, and those of MediaPipe's wheel."""
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    build = services[folder.name].get("build", {})
    model = build.get("args", {}).get("MODEL") if isinstance(build, dict) else None
    files = sorted((ROOT / "models" / model).rglob("*.onnx")) if model else []
    bundled = BUNDLED if "mediapipe" in dict(pins(folder)) else ()
    return [*map(read_model, files), *bundled]


def write(folder: Path = FOLDER) -> list[Path]:
    """Writes `<service>.cdx.json` for every service; the paths."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for service in service_folders():
        path = folder / f"{service.name}.cdx.json"
        path.write_text(JsonV1Dot6(bill_of(service)).output_as_string(indent=2) + "\n")
        written.append(path)
    return written


def _package(name: str, version: str) -> Component:
    purl = PackageURL("pypi", name=name, version=version)
    return Component(name=name, version=version, purl=purl, bom_ref=str(purl))


def _model(model: ModelFile) -> Component:
    known = model.licence != UNKNOWN
    return Component(
        type=ComponentType.MACHINE_LEARNING_MODEL,
        name=model.name,
        description=None if model.source == UNKNOWN else model.source,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=model.sha256)],
        licenses=[DisjunctiveLicense(name=model.licence)] if known else [],
        bom_ref=f"model:{model.sha256}",
    )


def main() -> int:
    for path in write():
        print(f"  {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
