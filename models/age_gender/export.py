"""Writes the graph that DeepFace's clients read, and its record for the model catalogue.

    python export.py --run RUN --variant open --out open

It takes `(n, 224, 224, 3)` float32, BGR, 0-1, and answers `ages` (101 classes), `genders` (woman,
man) and `quality_cues` (see network.py). It holds everything else: the area filter down to the size
that the network was trained at, the normalisation, the mean over the crop and its mirror image, and
the calibration, which is read from `calibration.json` of the output folder (see calibrate.py).
`parity.npz` keeps what torch answers to seeded crops; a test holds it against the graph.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import torch
from torch import Tensor, nn

from calibration import Calibration
from network import ZOOMS, AgeGenderNet, QualityHead

GRAPH = "age_gender.onnx"
OUTPUTS = ("ages", "genders", "quality_cues")
Answers = dict[str, npt.NDArray[np.float32]]

OPSET = 17
CROP_SIZE = 224
MAX_BYTES = 8_000_000
TOLERANCE = 1e-4
PARITY_SEED = 0
PARITY_CROPS = 6

LICENCE = {"open": "AGPL-3.0-or-later", "research": "LicenseRef-research-only"}
DATA = {
    "open": "FairFace train",
    "research": "FairFace train, UTKFace and All-Age-Faces train",
}


class Served(nn.Module):
    """Everything behind one input of DeepFace's kind: ages, genders, cues."""

    def __init__(
        self, network: AgeGenderNet, cues: QualityHead, size: int, calibration: Calibration
    ) -> None:
        super().__init__()
        self._network, self._cues, self._calibration = network, cues, calibration
        self._views: Tensor
        filters = [area_filter(CROP_SIZE, size, zoom) for zoom in ZOOMS]
        self.register_buffer("_views", torch.stack(filters))

    def logits(self, crops: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Uncalibrated logits of `(n, 224, 224, 3)` float crops, BGR, 0-1."""
        channels = crops.permute(0, 3, 1, 2).flip(1)
        # The columns by the rows' filter, turned: a graph holds the filter once that way.
        seen = [(view @ (view @ channels).transpose(2, 3)).transpose(2, 3) for view in self._views]
        seen += [view.flip(3) for view in seen]
        middles = self._network.middle(torch.cat(seen))  # the trunk stands once in the graph
        features = self._network.features_of(middles).unflatten(0, (len(seen), -1)).mean(0)
        cues = self._cues(middles.unflatten(0, (len(seen), -1))[0])
        return self._network.age(features), self._network.gender(features), cues

    def forward(self, crops: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        ages, genders, cues = self.logits(crops)
        return (
            self._calibration.ages(ages),
            self._calibration.genders(genders),
            torch.sigmoid(cues),
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, required=True, help="folder of the checkpoints")
    parser.add_argument("--variant", choices=LICENCE, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / GRAPH
    served = load_served(args.run, Calibration.load(args.out))
    export_graph(served, path)
    write_record(path, args.variant)
    answers = torch_answers(served)
    print(
        f"{path.name}: {path.stat().st_size:,} bytes, sha256 {sha256_of(path)}, "
        f"differs from torch by {largest_difference(path, answers):.1e}"
    )
    write_parity(args.out, answers)


def load_served(run: Path, calibration: Calibration) -> Served:
    """The averaged weights of a training run, for inference, at the size of their training."""
    state = torch.load(run / "checkpoint.pt", weights_only=True)
    network, cues = AgeGenderNet(), QualityHead()
    network.load_state_dict(state["average"])
    if (run / "quality.pt").exists():
        cues.load_state_dict(torch.load(run / "quality.pt", weights_only=True))
    served = Served(network, cues, state["size"], calibration)
    served.eval()
    return served


def area_filter(size_in: int, size_out: int, zoom: float = 1.0) -> Tensor:
    """`(size_out, size_in)`: each output is the mean of the stretch of input that it covers.

    `zoom` is the share of the input that is seen, about its middle; at most 1.
    """
    stretch = zoom * size_in / size_out
    edges_in = torch.arange(size_in, dtype=torch.float64)
    edges_out = torch.arange(size_out, dtype=torch.float64)[:, None] * stretch
    edges_out += (1 - zoom) / 2 * size_in
    left = torch.maximum(edges_in, edges_out)
    right = torch.minimum(edges_in + 1, edges_out + stretch)
    return ((right - left).clamp(min=0) / stretch).float()


def export_graph(served: Served, path: Path) -> None:
    torch.onnx.export(
        served,
        (torch.zeros(1, CROP_SIZE, CROP_SIZE, 3),),
        str(path),
        input_names=["crops"],
        output_names=list(OUTPUTS),
        dynamic_axes={name: {0: "n"} for name in ("crops", *OUTPUTS)},
        opset_version=OPSET,
        dynamo=False,
    )
    if path.stat().st_size > MAX_BYTES:
        raise SystemExit(f"{path} has more than {MAX_BYTES:,} bytes")


@torch.inference_mode()
def torch_answers(served: Served) -> Answers:
    """What torch gives for the seeded crops, by output; `(n, classes)` each."""
    found = served(torch.from_numpy(parity_crops()))
    return {name: answer.numpy() for name, answer in zip(OUTPUTS, found, strict=True)}


def parity_crops() -> npt.NDArray[np.float32]:
    """Noise in blocks of 8 px; the test of the fixture makes the same."""
    random = np.random.default_rng(PARITY_SEED)
    side = CROP_SIZE // 8
    coarse = random.random((PARITY_CROPS, side, side, 3), np.float32)
    return coarse.repeat(8, axis=1).repeat(8, axis=2)


def largest_difference(path: Path, answers: Answers) -> float:
    """Between the graph's outputs and torch's.

    Raises:
        SystemExit: they differ by more than `TOLERANCE`.
    """
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    ours = session.run(list(answers), {session.get_inputs()[0].name: parity_crops()})
    pairs = zip(ours, answers.values(), strict=True)
    difference = max(float(np.abs(mine - theirs).max()) for mine, theirs in pairs)
    if difference > TOLERANCE:
        raise SystemExit(f"{path} differs from torch by {difference}")
    return difference


def write_parity(folder: Path, answers: Answers) -> None:
    """Keeps torch's answers beside the weights, with the sha256 of the graph they belong to."""
    arrays: dict[str, Any] = {"sha256": sha256_of(folder / GRAPH), **answers}
    np.savez_compressed(folder / "parity.npz", seed=PARITY_SEED, crops=PARITY_CROPS, **arrays)


def write_record(path: Path, variant: str) -> None:
    record = {
        "name": f"facepipe-age-gender-{variant}",
        "sha256": sha256_of(path),
        "licence": LICENCE[variant],
        "source": f"trained by this project on {DATA[variant]}; see models/age_gender/card.md",
    }
    record_path = path.with_name(path.name + ".json")
    record_path.write_text(json.dumps(record, indent=2) + "\n")


def sha256_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


if __name__ == "__main__":
    main()
