"""The manifests of `deploy/kubernetes`, as `kubectl apply --kustomize` would send them."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import yaml

from tests.support.missing import missing
from tools.paths import ROOT

FOLDER = ROOT / "deploy/kubernetes"
OVERLAYS = sorted(path.name for path in (FOLDER / "overlays").iterdir())
NAME = "app.kubernetes.io/name"

Document = dict[str, Any]


@dataclass(frozen=True)
class Manifests:
    """What an overlay amounts to."""

    documents: list[Document]

    @classmethod
    def of(cls, overlay: str) -> Manifests:
        if shutil.which("kubectl") is None:
            missing("no kubectl, which builds the overlays")
        command = ["kubectl", "kustomize", str(FOLDER / "overlays" / overlay)]
        built = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert built.returncode == 0, built.stderr
        return cls(list(yaml.safe_load_all(built.stdout)))

    def named(self, kind: str) -> dict[str, Document]:
        """All of a kind, by name."""
        return {d["metadata"]["name"]: d for d in self.documents if d["kind"] == kind}

    @cached_property
    def pods(self) -> dict[str, Document]:
        """The pod of each workload, by name."""
        workloads = self.named("Deployment") | self.named("StatefulSet")
        return {name: workload["spec"]["template"] for name, workload in workloads.items()}

    @property
    def settings(self) -> dict[str, str]:
        """What all services are told."""
        told: dict[str, str] = self.named("ConfigMap")["facepipe"]["data"]
        return told

    def container(self, name: str) -> Document:
        """The one container of a workload."""
        (container,) = self.pods[name]["spec"]["containers"]
        return dict(container)

    def selected(self, selector: Document) -> set[str]:
        """The workloads whose pods a selector of labels means."""
        return {name for name, pod in self.pods.items() if _matches(selector, pod)}


def _matches(selector: Document, pod: Document) -> bool:
    labels = pod["metadata"]["labels"]
    wanted = selector.get("matchLabels", {}).items()
    expressions = selector.get("matchExpressions", [])
    return all(labels.get(key) == value for key, value in wanted) and all(
        (labels.get(one["key"]) in one["values"]) == (one["operator"] == "In")
        for one in expressions
    )


def in_compose(workload: str) -> str:
    """The service of compose that a workload is."""
    return workload.replace("-", "_")
