"""Asks Ultralytics itself what its models find: `python make_yolov8_parity.py OUT`.

Needs an environment with ultralytics and torch. Builds small models with seeded weights from
Ultralytics' own architecture files, predicts on a synthetic image with Ultralytics, exports to
ONNX with Ultralytics, and writes for each of `detect` and `pose` (with --models, `detect11` and
`pose11` of YOLO11 as well):

    NAME.npz    input: what the network saw, uint8, (height, width, 3), RGB
                output: what it answered, float32, (channels, anchors)
    NAME.json   the settings and the faces, in pixels of the image, surest first
    NAME.pt     the model, only with --models
    NAME.onnx   the same, exported, only with --models

`yolov8_image.npz` is the image. Without --models the files are those beside this script.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

os.environ["YOLO_AUTOINSTALL"] = "false"
os.environ["YOLO_OFFLINE"] = "true"

import numpy as np
import torch
import ultralytics
from ultralytics import YOLO

WIDTH, HEIGHT = 200, 115
CONFIDENCE, IOU = 0.3, 0.5
RECORDED = {"detect": "yolov8n.yaml", "pose": "yolov8n-pose.yaml"}
ARCHITECTURES = RECORDED | {"detect11": "yolo11n.yaml", "pose11": "yolo11n-pose.yaml"}


def synthetic_image() -> np.ndarray:
    """Noise over tiles and ellipses of random colours, BGR; the same wherever it is made.

    Nothing repeats: two equal confidences would leave open which box suppresses the other.
    """
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float64)
    random = np.random.default_rng(5)
    colours = random.integers(20, 236, (12, 20, 3))
    image = colours[(y // 15).astype(int), (x // 15).astype(int)]
    for number in range(9):
        cx, cy = WIDTH * (0.08 + 0.105 * number), HEIGHT * (0.2 + 0.6 * (number * 0.37 % 1))
        rx, ry = 5 + number, 7 + 2 * number
        inside = ((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 < 1
        image[inside] = (40 + 20 * number, 200 - 15 * number, 90 + 17 * number % 160)
    noise = random.integers(-20, 20, image.shape)
    picture: np.ndarray = np.clip(image + noise, 0, 255).astype(np.uint8)
    return picture


def seeded_model(name: str, folder: Path) -> YOLO:
    """A model whose random weights are so spread that it finds some boxes and not others."""
    torch.manual_seed(20)
    task = name.rstrip("1")
    base = type(YOLO(ARCHITECTURES[name], task=task).model)
    options: dict[str, Any] = {"nc": 1, "verbose": False}
    if task == "pose":
        options["data_kpt_shape"] = (5, 3)
    net = base(ARCHITECTURES[name], **options)
    torch.manual_seed(21)
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.weight, 0.6, 1.6)
            torch.nn.init.normal_(module.bias, 0.0, 0.4)
    net.names = {0: "face"}
    net.eval()
    spread_confidences(net)
    path = folder / f"{name}.pt"
    torch.save({"model": net, "train_args": {"task": task, "imgsz": 640}, "epoch": -1}, path)
    return YOLO(path, task=task)


def spread_confidences(net: torch.nn.Module) -> None:
    """Scales the last layer of the class branches: logits of mean -3.5 and deviation 2.5."""
    tensor = torch.from_numpy(synthetic_image()[:96, :192].copy()).permute(2, 0, 1)[None] / 255
    logits: dict[int, torch.Tensor] = {}
    hooks = [
        branch[-1].register_forward_hook(
            lambda _module, _inputs, answer, level=level: logits.__setitem__(level, answer)
        )
        for level, branch in enumerate(net.model[-1].cv3)
    ]
    with torch.no_grad():
        net(tensor)
        for level, branch in enumerate(net.model[-1].cv3):
            scale = 2.5 / logits[level].std()
            branch[-1].weight *= scale
            branch[-1].bias.copy_((branch[-1].bias - logits[level].mean()) * scale - 3.5)
    for hook in hooks:
        hook.remove()


def watch(network: Any) -> dict[str, torch.Tensor]:
    """Notes what a network sees and says, from now on."""
    seen: dict[str, torch.Tensor] = {}
    inner = network.forward

    def watched(tensor: torch.Tensor, *args: object, **kwargs: object) -> object:
        answer = inner(tensor, *args, **kwargs)
        # Copies: what comes after the network works in place.
        seen["input"] = tensor.clone()
        seen["output"] = (answer[0] if isinstance(answer, (list, tuple)) else answer).clone()
        return answer

    network.forward = watched
    return seen


def record(name: str, image_bgr: np.ndarray, out: Path, long_side: int, models: bool) -> None:
    model = seeded_model(name, out)
    options = {"imgsz": long_side, "conf": CONFIDENCE, "iou": IOU, "verbose": False}
    model.predict(image_bgr, **options)  # fuses the model
    seen = watch(model.predictor.model)
    [result] = model.predict(image_bgr, **options)
    faces: list[dict[str, Any]] = []
    for index, box in enumerate(result.boxes):
        face = {"xyxy": box.xyxy[0].tolist(), "confidence": float(box.conf[0])}
        if result.keypoints is not None:
            face["points"] = result.keypoints.data[index].tolist()
        faces.append(face)
    picture = (seen["input"][0].numpy() * 255).round().astype(np.uint8).transpose(1, 2, 0)
    np.savez_compressed(
        out / f"{name}.npz", input=picture, output=seen["output"][0].float().numpy()
    )
    description = {
        "made_with": f"ultralytics {ultralytics.__version__}",
        "image": [WIDTH, HEIGHT],
        "long_side": long_side,
        "confidence": CONFIDENCE,
        "iou": IOU,
        "faces": faces,
    }
    (out / f"{name}.json").write_text(json.dumps(description) + "\n")
    if models:
        YOLO(out / f"{name}.pt").export(format="onnx", dynamic=True, imgsz=640)
    else:
        (out / f"{name}.pt").unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--long-side", type=int, default=128)
    parser.add_argument("--models", action="store_true")
    arguments = parser.parse_args()
    out = arguments.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    image_bgr = synthetic_image()
    np.savez_compressed(out / "yolov8_image.npz", image_rgb=image_bgr[..., ::-1])
    for name in ARCHITECTURES if arguments.models else RECORDED:
        record(name, image_bgr, out, arguments.long_side, arguments.models)


if __name__ == "__main__":
    main()
