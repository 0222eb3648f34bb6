"""Trains the third head on the trunk's middle, which stays as it is.

    python train_quality.py --run RUN --cache CACHE --detector-data DIR --detector YUNET

Some minutes: the trunk looks at each crop once, and the head learns from what it kept.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

import quality_labels
from augment import Image, jittered
from datasets import TRAIN, default_data_dir, list_samples
from feed import resized, to_tensor
from network import QUALITY_CUES, AgeGenderNet, QualityHead
from prepare import CropCache

FACES = 6000
VIEWS = 2  # of each crop of a mask and of what is no face
BATCH, EPOCHS, RATE = 128, 12, 2e-3
HELD_OUT = 0.1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=default_data_dir())
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--run", type=Path, required=True, help="folder of the checkpoint")
    parser.add_argument("--detector-data", type=Path, required=True)
    parser.add_argument("--detector", type=Path, required=True, help="YuNet")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    torch.manual_seed(args.seed)
    middles, labels = middles_of(args)
    head = train(middles, labels)
    torch.save(head.state_dict(), args.run / "quality.pt")


def crops(args: argparse.Namespace) -> Iterator[tuple[Image, quality_labels.Labels]]:
    """What the head learns from, 112 px each."""
    rng = np.random.default_rng(args.seed)
    cache, samples = CropCache.load(args.cache), list_samples(args.data)
    places = [place for place, row in enumerate(cache.rows) if samples[row].split == TRAIN]
    for place in rng.permutation(places)[:FACES]:
        yield quality_labels.of_face(cache.crops[place], rng)
    masked = args.detector_data / "maskon" / "archive"
    masks = list(
        quality_labels.masked_faces(sorted(masked.glob("annotations/*.xml")), masked / "images")
    )
    pictures = sorted((args.detector_data / "negatives").glob("*/*"))
    nothing = list(quality_labels.no_faces(pictures, args.detector, rng))
    print(f"{len(masks)} labelled faces, {len(nothing)} crops of what is none", flush=True)
    for cached, label in (masks + nothing) * VIEWS:
        yield jittered(cached, rng, may_cover=False), label


@torch.inference_mode()
def middles_of(args: argparse.Namespace) -> tuple[Tensor, Tensor]:
    """The trunk's middle for each crop, half precision, and the labels, shuffled alike."""
    state = torch.load(args.run / "checkpoint.pt", weights_only=True)
    network = AgeGenderNet()
    network.load_state_dict(state["average"])
    network.eval()
    found, labels, batch = [], [], []
    for image, label in crops(args):
        batch.append(resized(image, state["size"]))
        labels.append(label)
        if len(batch) == BATCH:
            found.append(network.middle(to_tensor(batch).float().div_(255.0)).half())
            batch = []
    if batch:
        found.append(network.middle(to_tensor(batch).float().div_(255.0)).half())
    order = torch.randperm(len(labels))
    return torch.cat(found)[order], torch.tensor(labels)[order]


def train(middles: Tensor, labels: Tensor) -> QualityHead:
    """The head after its epochs; prints how often each answer is right on held-out crops."""
    head = QualityHead()
    optimizer = torch.optim.AdamW(head.parameters(), lr=RATE, weight_decay=0.05)
    held = round(HELD_OUT * len(labels))
    steps = EPOCHS * ((len(labels) - held) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, total_steps=steps)
    for step in range(steps):
        picks = torch.randint(held, len(labels), (BATCH,))
        loss = loss_of(head(middles[picks].float()), labels[picks])
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        schedule.step()
        if step % 200 == 0:
            print(f"step {step} of {steps}, loss {float(loss.detach()):.3f}", flush=True)
    head.eval()
    with torch.inference_mode():
        said = torch.cat([head(part.float()) for part in torch.split(middles[:held], 512)])
    for place, name in enumerate(QUALITY_CUES):
        known = labels[:held, place] >= 0
        right = (said[known, place] > 0) == (labels[:held][known, place] > 0.5)
        print(f"held out, {name}: right {right.float().mean():.4f} of {int(known.sum())}")
    return head


def loss_of(logits: Tensor, labels: Tensor) -> Tensor:
    """Cross entropy of what is known."""
    losses = functional.binary_cross_entropy_with_logits(
        logits, labels.clamp(min=0), reduction="none"
    )
    known = (labels >= 0).float()
    return (losses * known).sum() / known.sum()


if __name__ == "__main__":
    main()
