"""Writes the two graphs that DeepFace serves, and a record of each for the model catalogue.

    python export.py --run RUN --variant research --out research

Both take `(n, 224, 224, 3)` float32, BGR, 0-1, and hold everything else: the area filter down to
the size that the network was trained at, the normalisation, the mean over two zooms of the crop
and their mirror images, the calibrated temperature and the softmax. Temperatures are read from
`calibration.json` of the output folder (see calibrate.py), and are 1 without it. `parity.npz` keeps
what torch answers to seeded crops; a test holds it against the graphs.
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

from network import ZOOMS, AgeGenderNet

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


class ServedHead(nn.Module):
    """One head behind DeepFace's signature."""

    def __init__(self, network: AgeGenderNet, head: str, size: int, temperature: float) -> None:
        super().__init__()
        self._network, self._temperature = network, temperature
        self._views: Tensor
        filters = [area_filter(CROP_SIZE, size, zoom) for zoom in ZOOMS]
        self.register_buffer("_views", torch.stack(filters))
        self._head: nn.Linear = getattr(network, head)

    def logits(self, crops: Tensor) -> Tensor:
        """Uncalibrated logits of `(n, 224, 224, 3)` float crops, BGR, 0-1."""
        channels = crops.permute(0, 3, 1, 2).flip(1)
        seen = [view @ channels @ view.T for view in self._views]
        seen += [view.flip(3) for view in seen]
        out: Tensor = sum(self._head(self._network.features(view)) for view in seen) / len(seen)
        return out

    def forward(self, crops: Tensor) -> Tensor:
        return torch.softmax(self.logits(crops) / self._temperature, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, required=True, help="folder of the checkpoint")
    parser.add_argument("--variant", choices=LICENCE, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    network, size = load_network(args.run)
    temperatures = load_temperatures(args.out)
    answers = {}
    for head in ("age", "gender"):
        path = args.out / f"{head}_model_weights.onnx"
        served = ServedHead(network, head, size, temperatures[head]).eval()
        export_graph(served, path)
        write_record(path, head, args.variant)
        answers[head] = torch_answers(served)
        print(
            f"{path.name}: {path.stat().st_size:,} bytes, sha256 {sha256_of(path)}, "
            f"differs from torch by {largest_difference(path, answers[head]):.1e}"
        )
    write_parity(args.out, answers)


def load_network(run: Path) -> tuple[AgeGenderNet, int]:
    """The averaged weights of a training run, for inference, and the size they were trained at."""
    state = torch.load(run / "checkpoint.pt", weights_only=True)
    network = AgeGenderNet()
    network.load_state_dict(state["average"])
    return network.eval(), state["size"]


def load_temperatures(folder: Path) -> dict[str, float]:
    """Of each head, 1 where nothing is calibrated yet."""
    path = folder / "calibration.json"
    if not path.exists():
        return {"age": 1.0, "gender": 1.0}
    found = json.loads(path.read_text())
    return {"age": found["age_temperature"], "gender": found["gender_temperature"]}


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


def export_graph(served: ServedHead, path: Path) -> None:
    torch.onnx.export(
        served,
        (torch.zeros(1, CROP_SIZE, CROP_SIZE, 3),),
        str(path),
        input_names=["crops"],
        output_names=["probabilities"],
        dynamic_axes={"crops": {0: "n"}, "probabilities": {0: "n"}},
        opset_version=OPSET,
        dynamo=False,
    )
    if path.stat().st_size > MAX_BYTES:
        raise SystemExit(f"{path} has more than {MAX_BYTES:,} bytes")


@torch.inference_mode()
def torch_answers(served: ServedHead) -> npt.NDArray[np.float32]:
    """What torch gives for the seeded crops; `(n, classes)`."""
    answer: npt.NDArray[np.float32] = served(torch.from_numpy(parity_crops())).numpy()
    return answer


def parity_crops() -> npt.NDArray[np.float32]:
    """Noise in blocks of 8 px; the test of the fixture makes the same."""
    random = np.random.default_rng(PARITY_SEED)
    side = CROP_SIZE // 8
    coarse = random.random((PARITY_CROPS, side, side, 3), np.float32)
    return coarse.repeat(8, axis=1).repeat(8, axis=2)


def largest_difference(path: Path, answers: npt.NDArray[np.float32]) -> float:
    """Between the graph's output and torch's.

    Raises:
        SystemExit: they differ by more than `TOLERANCE`.
    """
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    ours = session.run(None, {session.get_inputs()[0].name: parity_crops()})[0]
    difference = float(np.abs(ours - answers).max())
    if difference > TOLERANCE:
        raise SystemExit(f"{path} differs from torch by {difference}")
    return difference


def write_parity(folder: Path, answers: dict[str, npt.NDArray[np.float32]]) -> None:
    """Keeps torch's answers beside the weights, with the sha256 of the graphs they belong to."""
    arrays: dict[str, Any] = {}
    for head, answer in answers.items():
        arrays[f"{head}_answer"] = answer
        arrays[f"{head}_sha256"] = sha256_of(folder / f"{head}_model_weights.onnx")
    np.savez_compressed(folder / "parity.npz", seed=PARITY_SEED, crops=PARITY_CROPS, **arrays)


def write_record(path: Path, head: str, variant: str) -> None:
    record = {
        "name": f"facepipe-{head}-{variant}",
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
