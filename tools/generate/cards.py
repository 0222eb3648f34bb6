"""The tables of cards, docs and README, between markers, from what was measured.

A block stands between `<!-- generated: NAME -->` and `<!-- end -->`; `make accuracy` and
`make bench` write the figures, the files of weights themselves say their sha256.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from models.accuracy.age_gender_tables import age_gender_blocks
from models.accuracy.detector_tables import detector_blocks, readme_block
from models.accuracy.markdown import table
from tools.generate.large_ledger import large_ledger_block
from tools.generate.performance import performance_blocks, throughput_block
from tools.generate.scaling import scaling_blocks
from tools.paths import MODELS, ROOT

FIGURES = ROOT / "benchmarks" / "results" / "accuracy.json"
THROUGHPUT = ROOT / "benchmarks" / "results" / "throughput.json"
SCALE = ROOT / "benchmarks" / "results" / "scale.json"
MANY_RESULTS = ROOT / "benchmarks" / "results" / "many_results.json"
RESTING = ROOT / "benchmarks" / "results" / "resting.json"
_BLOCK = re.compile(r"<!-- generated: ([\w ]+) -->\n.*?<!-- end -->", re.DOTALL)
_WEIGHTS = ("*.onnx", "weights.npz", "*/*.onnx")


def cards() -> dict[Path, str]:
    """Cards, README and docs that show figures, their blocks filled anew."""
    report, speed = figures(), json.loads(THROUGHPUT.read_text())
    scale = json.loads(SCALE.read_text())
    large = large_ledger_block(
        json.loads(MANY_RESULTS.read_text()), json.loads(RESTING.read_text())
    )
    detector, age_gender = MODELS / "face_detector", MODELS / "age_gender"
    blocks = {
        detector / "card.md": {**detector_blocks(report), "weights": weights(detector)},
        age_gender / "card.md": {**age_gender_blocks(report), "weights": weights(age_gender)},
        ROOT / "README.md": {
            "accuracy": readme_block(report),
            "throughput": throughput_block(speed),
        },
        ROOT / "docs" / "reliable.md": age_gender_blocks(report),
        ROOT / "docs" / "performance.md": {**performance_blocks(speed), "large ledger": large},
        ROOT / "docs" / "scaling.md": scaling_blocks(scale, speed),
    }
    return {path: filled(path.read_text(), named) for path, named in blocks.items()}


def figures() -> dict[str, Any]:
    """What `make accuracy` wrote."""
    report: dict[str, Any] = json.loads(FIGURES.read_text())
    return report


def weights(folder: Path) -> str:
    """Name, size and sha256 of each file of weights in a folder of models/."""
    files = sorted(path for pattern in _WEIGHTS for path in folder.glob(pattern))
    rows = [
        [
            f"`{path.relative_to(folder)}`",
            f"{path.stat().st_size / 1e6:.1f} MB",
            f"`{hashlib.sha256(path.read_bytes()).hexdigest()}`",
        ]
        for path in files
    ]
    return table(["file", "size", "sha256"], rows)


def filled(text: str, blocks: dict[str, str]) -> str:
    """A text with what stands between its markers replaced.

    Raises:
        KeyError: a marker names a block that there is not.
    """

    def block(match: re.Match[str]) -> str:
        name = match[1]
        return f"<!-- generated: {name} -->\n{blocks[name]}\n<!-- end -->"

    return _BLOCK.sub(block, text)
