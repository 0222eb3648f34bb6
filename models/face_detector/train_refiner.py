"""Train the refiner on a CPU and against the clock.

    train_refiner.py --lessons DIR --out refiner.npz --minutes 40 [--start refiner.npz]

Whether a candidate is a face is asked of the box that the network itself gives: one that overlaps
the face by half. So a candidate that is a face's, and too far off to be mended, is none.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from network import read_weights, write_weights
from refiner_lessons import FOUND_IOU, STORED
from refiner_network import CONTEXT, SIDE, RefinerNetwork, hints_of, moved
from torch.nn import functional

SHARES = {
    "wider_train": 0.43, "wider_val": 0.36, "mafa": 0.05, "masks": 0.04,
    "close_ups": 0.04, "maskon": 0.03, "negatives": 0.05,
}  # fmt: skip
BATCH, LEARNING_RATE, WEIGHT_DECAY, KEPT = 384, 2e-3, 0.02, 0.999
FITTED_IOU, RIGHT_IOU, BOX_GAIN = 0.25, 0.5, 0.5
SHIFTED, SCALED = 0.06, 0.1
JITTERED, ERASED, GREYED, MISLED = 0.6, 0.25, 0.1, 0.15
"""Shares of lessons: box moved, a patch erased, without colours, told a confidence at random."""

Lesson = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]


class Lessons:
    """Draws batches: crops, hints, boxes and faces in shares of the crop, and their overlap."""

    def __init__(self, folder: Path) -> None:
        self.rows = dict(np.load(folder / "lessons.npz"))
        crops = np.memmap(folder / "crops.raw", np.uint8, "r")
        self.crops = crops.reshape(-1, STORED, STORED, 3)
        weights = np.zeros(len(self.crops))
        for source, share in SHARES.items():
            of_source = self.rows["sources"] == source
            weights[of_source] = share / max(1, of_source.sum())
        self.weights = weights / weights.sum()

    def draw(self, count: int) -> Lesson:
        chosen = np.sort(np.random.choice(len(self.crops), count, p=self.weights))
        pixels = torch.from_numpy(self.crops[chosen]).permute(0, 3, 1, 2).float().div_(255)
        names = ("boxes", "faces", "overlaps", "squares")
        boxes, faces, overlap, squares = (
            torch.from_numpy(self.rows[name][chosen]).float() for name in names
        )
        corner, side = squares[:, :2].repeat(1, 2), squares[:, 2:]
        seen, inside, target = cut(pixels, (boxes[:, :4] - corner) / side, (faces - corner) / side)
        told = boxes.clone()
        misled = torch.rand(count) < MISLED
        told[misled, 4] = torch.rand(int(misled.sum())) ** 3 * 0.9 + 0.02
        return spoiled(seen), hints_of(told), inside, target, overlap


def cut(
    pixels: torch.Tensor, boxes: torch.Tensor, faces: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Cut what the network sees out of stored crops, round boxes that are moved a little.

    Args:
        pixels: (n, 3, STORED, STORED).
        boxes: (n, 4), shares of the stored crop.
        faces: (n, 4), likewise.

    Returns:
        (n, 3, SIDE, SIDE), and boxes and faces in shares of it; half of all are mirrored.
    """
    count = len(pixels)
    moves = (torch.rand(count, 1) < JITTERED).float()
    sides = boxes[:, 2:] - boxes[:, :2]
    shift = moves * torch.randn(count, 2).clamp(-2, 2) * SHIFTED * sides
    half = sides * torch.exp(moves * torch.randn(count, 2).clamp(-2, 2) * SCALED) / 2
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2 + shift
    length = 2 * half.amax(1, keepdim=True) * CONTEXT
    corner = middle - length / 2
    mirrored = torch.rand(count) < 0.5
    grid = torch.zeros(count, 2, 3)
    grid[:, 0, 0], grid[:, 1, 1] = length[:, 0] * torch.where(mirrored, -1, 1), length[:, 0]
    grid[:, :, 2] = middle * 2 - 1
    places = functional.affine_grid(grid, [count, 3, SIDE, SIDE], align_corners=False)
    seen = functional.grid_sample(pixels, places, padding_mode="border", align_corners=False)
    moved_boxes = (torch.cat([middle - half, middle + half], 1) - corner.repeat(1, 2)) / length
    faces = (faces - corner.repeat(1, 2)) / length
    for rows in (moved_boxes, faces):
        rows[mirrored, 0], rows[mirrored, 2] = 1 - rows[mirrored, 2], 1 - rows[mirrored, 0]
    return seen, moved_boxes, faces


def spoiled(pixels: torch.Tensor) -> torch.Tensor:
    """Change light and contrast, take colours away, erase a patch."""
    count = len(pixels)
    gain = torch.empty(count, 1, 1, 1).uniform_(0.7, 1.3)
    pixels = (pixels * gain + torch.empty(count, 1, 1, 1).uniform_(-0.1, 0.1)).clamp(0, 1)
    for at in torch.nonzero(torch.rand(count) < ERASED).flatten().tolist():
        height, width = np.random.randint(6, 19, 2)
        top, left = np.random.randint(0, SIDE - height), np.random.randint(0, SIDE - width)
        pixels[at, :, top : top + height, left : left + width] = np.random.random()
    grey = torch.rand(count) < GREYED
    pixels[grey] = pixels[grey].mean(1, keepdim=True)
    return pixels.contiguous(memory_format=torch.channels_last)


def fits(boxes: torch.Tensor, faces: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Give IoU and generalised IoU (Rezatofighi et al., 2019), row by row."""
    low, high = torch.maximum(boxes[:, :2], faces[:, :2]), torch.minimum(boxes[:, 2:], faces[:, 2:])
    common = (high - low).clamp(0).prod(1)
    areas = [(rows[:, 2:] - rows[:, :2]).clamp(0).prod(1) for rows in (boxes, faces)]
    union = (areas[0] + areas[1] - common).clamp(1e-6)
    first, last = (
        torch.minimum(boxes[:, :2], faces[:, :2]),
        torch.maximum(boxes[:, 2:], faces[:, 2:]),
    )
    around = (last - first).prod(1).clamp(1e-6)
    return common / union, common / union - (around - union) / around


def losses(answer: torch.Tensor, lesson: Lesson) -> tuple[torch.Tensor, torch.Tensor]:
    """Give the loss of faces and of boxes."""
    _, _, boxes, faces, overlap = lesson
    at_face = overlap >= FOUND_IOU
    given = moved(boxes, answer[:, 1:])
    iou, generalised = fits(given, torch.where(at_face[:, None], faces, boxes))
    right = ((iou.detach() >= RIGHT_IOU) & at_face).float()
    fitted = overlap >= FITTED_IOU
    box_loss = ((1 - generalised) * fitted).sum() / fitted.sum().clamp(1)
    return functional.binary_cross_entropy_with_logits(answer[:, 0], right), box_loss


def train(args: argparse.Namespace) -> dict[str, torch.Tensor]:
    """Train by the clock; give the averaged weights."""
    lessons, network = Lessons(args.lessons), RefinerNetwork()
    if args.start:
        network.load_state_dict(read_weights(args.start))
    network = network.to(memory_format=torch.channels_last)
    average = {name: value.clone() for name, value in network.state_dict().items()}
    optimizer = torch.optim.AdamW(network.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    start, step, sums = time.monotonic(), 0, np.zeros(2)
    while (progress := (time.monotonic() - start) / 60 / args.minutes) < 1:
        warm, falling = min(1.0, (step + 1) / 200), max(0.01, min(1.0, (1 - progress) / 0.85))
        for group in optimizer.param_groups:
            group["lr"] = LEARNING_RATE * warm * falling
        lesson = lessons.draw(BATCH)
        with torch.autocast("cpu", torch.bfloat16, enabled=args.bfloat16):
            answer = network(*lesson[:2])
        face_loss, box_loss = losses(answer.float(), lesson)
        optimizer.zero_grad()
        (face_loss + BOX_GAIN * box_loss).backward()
        optimizer.step()
        step += 1
        keep(average, network.state_dict(), min(KEPT, (step + 1) / (step + 10)))
        sums += face_loss.item(), box_loss.item()
        if step % 200 == 0:
            print(f"step {step} lessons {step * BATCH} face, box {sums / 200}", flush=True)
            sums[:] = 0
    return average


def keep(average: dict[str, torch.Tensor], weights: dict[str, torch.Tensor], share: float) -> None:
    """Move the average towards the weights by what `share` leaves."""
    for name, value in weights.items():
        if value.is_floating_point():
            average[name].mul_(share).add_(value, alpha=1 - share)
        else:
            average[name] = value.clone()


def main() -> None:
    """Train, and write the weights as plain arrays."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lessons", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--start", type=Path, help="go on from these weights")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--bfloat16", action="store_true", help="faster where the CPU has it")
    args: Any = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    np.random.seed(args.seed)
    write_weights(train(args), args.out)


if __name__ == "__main__":
    main()
