"""Let Ultralytics be imported where there is no torchvision.

Ultralytics imports `torchvision` and reads its version, but neither training nor export calls
it. `install()` must run before `ultralytics` is imported; a real torchvision is left alone.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys
from collections.abc import Iterable
from importlib.machinery import ModuleSpec
from types import ModuleType


class _StandIn(importlib.metadata.Distribution):
    """The metadata of a package that is not there."""

    def read_text(self, filename: str) -> str | None:
        return "Name: torchvision\nVersion: 0.28\n" if filename == "METADATA" else None

    def locate_file(self, path: object) -> object:  # type: ignore[override]
        return path


class _Finder(importlib.metadata.DistributionFinder):
    def find_distributions(  # type: ignore[override]
        self, context: importlib.metadata.DistributionFinder.Context
    ) -> Iterable[importlib.metadata.Distribution]:
        return [_StandIn()] if context.name == "torchvision" else []


def install() -> None:
    """Put empty modules in torchvision's place unless it is installed."""
    if importlib.util.find_spec("torchvision") is not None:
        return
    for name in ("torchvision", "torchvision.ops", "torchvision.transforms"):
        module = ModuleType(name)
        module.__spec__ = ModuleSpec(name, None)
        sys.modules[name] = module
    sys.meta_path.append(_Finder())  # type: ignore[arg-type]
