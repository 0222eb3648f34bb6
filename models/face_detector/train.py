"""Train the detector on a CPU and against the clock.

    train.py --index index.json --data DIR --out runs/first --minutes 80

The model and its loss are Ultralytics'. The loop is ours, because the learning rate and the
crop size follow the time that has passed rather than a number of epochs: on a shared machine
the minutes are known and the images per second are not. Interrupt and run again to go on.
The index is read again whenever it changes.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from crops import LARGE_CROP, Faces, Image, crops_of, mosaic
from network import new_model, read_weights
from prepare import UNKNOWN
from torch.utils.data import DataLoader, IterableDataset
from ultralytics.engine.trainer import BaseTrainer
from ultralytics.nn.tasks import PoseModel
from ultralytics.utils.torch_utils import ModelEMA

Batch = dict[str, torch.Tensor]

PHASES: list[tuple[float, list[tuple[int, int]], float]] = [
    (0.35, [(224, 16), (320, 8)], 0.5),
    (0.75, [(224, 16), (320, 8), (448, 4)], 0.4),
    (1.01, [(224, 16), (320, 8), (640, 4), (640, 4)], 0.3),
]
"""Up to this part of the time: (crop size, batch size) to draw from, the share of mosaics."""

SHARES = {
    "wider_train": 0.46, "wider_val": 0.28, "mafa": 0.06, "masks": 0.03,
    "close_ups": 0.06, "maskon": 0.05, "negatives": 0.06,
}  # fmt: skip
WHOLE = {"close_ups": 0.6, "negatives": 0.8}
"""Of a source's crops, the share shown as it is rather than cut anew; of the others by size."""
WHOLE_SMALL, WHOLE_LARGE = 0.12, 0.4
LEARNING_RATES = {"MuSGD": 0.01, "AdamW": 0.002}
WARM_UP_STEPS = 150
SAVE_EVERY_S = 150.0


class CropBatches(IterableDataset[Batch]):
    """An endless stream of batches; `progress` (0-1, shared) chooses the crop size."""

    def __init__(self, args: argparse.Namespace, progress: Any) -> None:
        self.index, self.data, self.seed = args.index, args.data, args.seed
        self.progress = progress
        self.read_at = 0.0

    def __iter__(self) -> Iterator[Batch]:
        cv2.setNumThreads(1)
        random.seed(self.seed + round(1e6 * self.progress.value))
        while True:
            self.refresh()
            _, options, mosaics = next(p for p in PHASES if self.progress.value < p[0])
            size, count = random.choice(options)
            joined = 0 if size > LARGE_CROP else round(count * mosaics)
            quarters = self.draw(size // 2, 4 * joined)
            random.shuffle(quarters)
            batch = [mosaic(quarters[4 * i : 4 * i + 4]) for i in range(joined)]
            yield collate(batch + self.draw(size, count - joined), size)

    def refresh(self) -> None:
        """Read the index if it is new or was written again."""
        changed = self.index.stat().st_mtime
        if changed == self.read_at:
            return
        self.read_at = changed
        self.sources: dict[str, list[dict[str, Any]]] = {}
        for sample in json.loads(self.index.read_text()):
            faces = np.array(sample["faces"], np.float32).reshape(-1, 14)
            faces[faces <= UNKNOWN / 2] = np.nan
            sample["faces"] = faces
            sample["ignored"] = np.array(sample["ignored"], np.float32).reshape(-1, 4)
            if sample["split"] == "train" and (len(faces) or sample["source"] == "negatives"):
                self.sources.setdefault(sample["source"], []).append(sample)
        self.queues: dict[str, list[dict[str, Any]]] = {name: [] for name in self.sources}

    def draw(self, size: int, count: int) -> list[tuple[Image, Faces]]:
        """Cut `count` crops, up to two (of a crowd) from one photograph."""
        crops: list[tuple[Image, Faces]] = []
        names = list(self.sources)
        while len(crops) < count:
            (which,) = random.choices(names, [SHARES[name] for name in names])
            queue, source = self.queues[which], self.sources[which]
            if not queue:
                queue += random.sample(source, len(source))
            sample = queue.pop()
            few = 1 if size > LARGE_CROP or len(sample["faces"]) < 2 else 2
            whole = WHOLE.get(which, WHOLE_LARGE if size > LARGE_CROP else WHOLE_SMALL)
            crops += crops_of(self.data / sample["image"], sample, size, few, whole)
        return crops[:count]


def collate(batch: list[tuple[Image, Faces]], size: int) -> Batch:
    """Join crops into tensors as Ultralytics' loss expects them (shares of the crop)."""
    faces = np.concatenate([found for _, found in batch]) / size
    owner = np.concatenate([np.full(len(found), i) for i, (_, found) in enumerate(batch)])
    centred = np.concatenate([(faces[:, :2] + faces[:, 2:4]) / 2, faces[:, 2:4] - faces[:, :2]], 1)
    points = faces[:, 4:].reshape(-1, 5, 2)
    seen = ((points > 0) & (points < 1)).all(2, keepdims=True)  # false for NaN too
    pixels = np.stack([crop[..., ::-1] for crop, _ in batch]).transpose(0, 3, 1, 2)
    keypoints = np.concatenate([np.where(seen, points, 0), seen], 2)
    return {
        "img": torch.from_numpy(np.ascontiguousarray(pixels)),
        "cls": torch.zeros(len(faces), 1),
        "bboxes": torch.from_numpy(centred.astype(np.float32)),
        "keypoints": torch.from_numpy(keypoints.astype(np.float32)),
        "batch_idx": torch.from_numpy(owner.astype(np.float32)),
    }


def rate_factor(progress: float, step: int) -> float:
    """Warm up, stay, then fall in a straight line to a hundredth."""
    falling = min(1.0, (1.0 - progress) / 0.7)
    return min(1.0, (step + 1) / WARM_UP_STEPS) * max(0.01, falling)


def loss_of(model: PoseModel, batch: Batch, *, halved: bool) -> torch.Tensor:
    """Give the sum of the loss over the batch; `halved` has the network reckon in bfloat16."""
    images = batch["img"].float().div_(255).to(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16, enabled=halved):
        answers = model.predict(images)
    parts, _ = model.loss(batch, single(answers))
    return parts.sum()


def single(answers: Any) -> Any:
    """Bring a tree of tensors to single precision."""
    if isinstance(answers, torch.Tensor):
        return answers.float()
    if isinstance(answers, dict):
        return {name: single(part) for name, part in answers.items()}
    return [single(part) for part in answers]


class Run:
    """Everything that a checkpoint holds: model, average, optimiser, steps and seconds."""

    def __init__(
        self, folder: Path, optimizer: str, start: Path | None = None, *, halved: bool = False
    ) -> None:
        self.halved = halved
        self.path = folder / "last.pt"
        self.model = new_model()
        if start is not None:
            self.model.load_state_dict(read_weights(start))
        self.ema = ModelEMA(self.model, decay=0.998, tau=400)
        self.optimizer = BaseTrainer.build_optimizer(
            None, self.model, optimizer, LEARNING_RATES[optimizer], 0.9, 5e-4
        )
        self.rates = [group["lr"] for group in self.optimizer.param_groups]
        self.step, self.seconds, self.images = 0, 0.0, 0
        if self.path.exists():
            self.load()

    def load(self) -> None:
        """Go on where the last checkpoint was written."""
        state = torch.load(self.path, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.ema.ema.load_state_dict(state["ema"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds, self.images = state["step"], state["seconds"], state["images"]
        self.ema.updates = self.step

    def save(self) -> None:
        """Write the checkpoint and replace the last one in one move."""
        state = {
            "model": self.model.state_dict(), "ema": self.ema.ema.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step, "seconds": self.seconds, "images": self.images,
        }  # fmt: skip
        torch.save(state, self.path.with_suffix(".tmp"))
        self.path.with_suffix(".tmp").replace(self.path)

    def update(self, batch: Batch, progress: float) -> torch.Tensor:
        """Do one step of the optimiser; return the loss of an image."""
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * rate_factor(progress, self.step)
        loss = loss_of(self.model, batch, halved=self.halved)
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 10.0)
        self.optimizer.step()
        self.ema.update(self.model)
        self.step += 1
        self.images += len(batch["img"])
        return loss.detach() / len(batch["img"])


def train(run: Run, args: argparse.Namespace) -> None:
    """Train until the minutes are used up, the time of earlier calls counted in."""
    budget = args.minutes * 60
    progress = torch.multiprocessing.get_context("fork").Value("d", run.seconds / budget)
    batches = CropBatches(args, progress)
    loader = iter(DataLoader(batches, batch_size=None, num_workers=1, prefetch_factor=4))
    losses: list[float] = []
    clock = saved = time.monotonic()
    stop_at = budget * args.stop_at
    while run.seconds < stop_at:
        loss = float(run.update(next(loader), run.seconds / budget))
        losses.append(loss)
        if not math.isfinite(loss):
            raise FloatingPointError(f"loss is {loss} at step {run.step}: lower the learning rate")
        now = time.monotonic()
        run.seconds, clock = run.seconds + now - clock, now
        progress.value = min(run.seconds / budget, 1.0)
        if run.step % 100 == 0:
            print(
                f"step {run.step} {run.seconds:.0f}s images {run.images} loss "
                f"{np.mean(losses[-100:]):.2f}", flush=True,
            )  # fmt: skip
        if now - saved > SAVE_EVERY_S:
            run.save()
            saved = now


def main() -> None:
    """Read the arguments, seed and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    default = Path(os.environ.get("FACEPIPE_TRAINING_DATA", "training_data")) / "detector"
    parser.add_argument("--index", type=Path, required=True)
    parser.add_argument("--data", type=Path, default=default)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="weights to begin with: weights.npz")
    parser.add_argument("--minutes", type=float, default=80.0)
    parser.add_argument("--stop-at", type=float, default=1.0, help="stop at this part of the time")
    parser.add_argument("--optimizer", choices=sorted(LEARNING_RATES), default="AdamW")
    parser.add_argument("--bfloat16", action="store_true", help="a third faster where the CPU can")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    run = Run(args.out, args.optimizer, args.start, halved=args.bfloat16)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        train(run, args)
    finally:
        run.save()


if __name__ == "__main__":
    main()
