"""Export the refiner to ONNX, with its record and torch's answers to compare it with.

    export_refiner.py --weights refiner.npz --out models/face_detector

Writes `refiner.npz` (half precision, what the next training begins with), `face_refiner.onnx`, its
record, and `refiner_parity.npz`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import torch
from export import OPSET, sha256_of
from network import read_weights, write_weights
from refiner_network import CONTEXT, SIDE, Refiner, RefinerNetwork

PARITY_COUNT, PARITY_SEED = 5, 0
RECORD = {
    "name": "facepipe-face-refiner",
    "licence": "AGPL-3.0-or-later",
    "source": "trained by this project; models/face_detector/card.md names the photographs",
}


def parity_inputs() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Give noise in blocks of 8 px, and boxes; the test of the fixture makes the same."""
    random = np.random.default_rng(PARITY_SEED)
    coarse = random.random((PARITY_COUNT, 3, SIDE // 8, SIDE // 8), np.float32)
    corner, sides, sure = (random.random((PARITY_COUNT, n), np.float32) for n in (2, 2, 1))
    boxes = np.concatenate([100 * corner, 100 * corner + 20 + 80 * sides, sure], 1)
    return coarse.repeat(8, 2).repeat(8, 3), boxes


def export(refiner: Refiner, target: Path) -> None:
    """Write the graph and what a caller has to know of it."""
    torch.onnx.export(
        refiner,
        tuple(map(torch.from_numpy, parity_inputs())),
        target,
        input_names=["crops", "candidates"],
        output_names=["refined"],
        dynamic_axes={name: {0: "n"} for name in ("crops", "candidates", "refined")},
        opset_version=OPSET,
        dynamo=False,
    )
    graph = onnx.load(target)
    onnx.helper.set_model_props(graph, {"context": json.dumps(CONTEXT)})
    onnx.save(graph, target)


def main() -> None:
    """Export, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent)
    args = parser.parse_args()
    network = RefinerNetwork()
    write_weights(read_weights(args.weights), args.out / "refiner.npz")
    network.load_state_dict(read_weights(args.out / "refiner.npz"))
    refiner, graph = Refiner(network).eval(), args.out / "face_refiner.onnx"
    export(refiner, graph)

    crops, candidates = parity_inputs()
    with torch.no_grad():
        expected = refiner(torch.from_numpy(crops), torch.from_numpy(candidates)).numpy()
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    given = session.run(None, {"crops": crops, "candidates": candidates})[0]
    print(f"largest difference from torch: {np.abs(given - expected).max():.2g}")
    np.savez_compressed(
        args.out / "refiner_parity.npz", sha256=sha256_of(graph), answer=expected, seed=PARITY_SEED
    )
    record = {"name": RECORD["name"], "sha256": sha256_of(graph)} | RECORD
    graph.with_name(f"{graph.name}.json").write_text(json.dumps(record, indent=2) + "\n")
    print(sha256_of(graph), graph.stat().st_size, graph.name)


if __name__ == "__main__":
    main()
