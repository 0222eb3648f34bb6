"""Trains one variant for a given time, and goes on from its checkpoint when run again.

    python train.py --variant research --cache CACHE --out RUN --minutes 75

The schedule follows the time spent, not epochs: learning rate and resolution are functions of
the share of `--minutes` that is used up.
"""

from __future__ import annotations

import argparse
import copy
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from datasets import FAIRFACE, SOURCES, Sample, default_data_dir, labels_of, list_samples
from feed import JitteredCrops, held_out, stream, targets_of
from losses import age_loss, expected_age, gender_loss
from network import AgeGenderNet
from restore import restore

VARIANT_SOURCES = {"research": SOURCES, "open": (FAIRFACE,)}

PEAK_RATE = 2.5e-3
WEIGHT_DECAY = 0.03
WARM_UP = 0.03
EMA_DECAY = 0.998
GENDER_WEIGHT = 1.5
DEFAULT_SIZES = "64:0,96:0.4"  # px : from this share of the time on
CHECKPOINT_S = 1200.0
HELD_OUT_BATCH = 128
# Where a CPU has no bfloat16 of its own, emulating it takes eight times as long as float32.
HAS_BFLOAT16 = torch.cpu.get_capabilities().get("avx512_bf16", False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--variant", choices=VARIANT_SOURCES, default="research")
    parser.add_argument("--data", type=Path, default=default_data_dir())
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="folder of the checkpoint")
    parser.add_argument("--start", type=Path, help="folder of an exported graph to begin with")
    parser.add_argument("--minutes", type=float, required=True)
    parser.add_argument("--sizes", type=_sizes, default=DEFAULT_SIZES, help="as 64:0,96:0.4")
    parser.add_argument("--rate", type=float, default=PEAK_RATE, help="peak of the learning rate")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    cv2.setNumThreads(1)  # a process forked from one whose OpenCV has threads hangs
    args.out.mkdir(parents=True, exist_ok=True)
    samples = list_samples(args.data)
    Training(args, samples).run()


class Training:
    """One run: network, its averaged copy, optimizer, and the clock they follow."""

    def __init__(self, args: argparse.Namespace, samples: Sequence[Sample]) -> None:
        torch.manual_seed(args.seed)
        self._args, self._samples = args, samples
        self._sizes: list[tuple[int, float]] = args.sizes
        self._budget_s: float = 60.0 * args.minutes
        self._checkpoint = args.out / "checkpoint.pt"
        self._spent_s, self._step = 0.0, 0
        self.network = channels_last(AgeGenderNet())
        if args.start is not None:
            restore(self.network, args.start, self._some_crops())
        self.average = copy.deepcopy(self.network).eval()
        self._optimizer = torch.optim.AdamW(_parameter_groups(self.network), lr=args.rate)
        if self._checkpoint.exists():
            self._resume()

    def run(self) -> None:
        sources = VARIANT_SOURCES[self._args.variant]
        crops = JitteredCrops(
            self._args.cache,
            self._samples,
            sources,
            self._args.batch,
            self._size(),
            self._args.seed + self._step,
        )
        parameters = sum(p.numel() for p in self.network.parameters())
        print(f"{self._args.variant}: {sources}, {parameters:,} parameters", flush=True)
        last_save, losses = self._spent_s, []
        started = time.monotonic() - self._spent_s
        for images, targets in stream(crops):
            losses.append(self._train_step(images, targets))
            self._spent_s = time.monotonic() - started
            if self._spent_s >= self._budget_s:
                break
            crops.size.value = self._size()
            if self._step % 100 == 0:
                self._report(np.mean(losses, 0))
                losses.clear()
            if self._spent_s - last_save > CHECKPOINT_S:
                self._save()
                last_save = self._spent_s
        self._save()

    def _train_step(self, images: Tensor, targets: Any) -> tuple[float, float]:
        for group in self._optimizer.param_groups:
            group["lr"] = self._rate()
        batch = images.float().div_(255.0)
        self.network.train()
        with torch.autocast("cpu", torch.bfloat16, enabled=HAS_BFLOAT16):
            age_logits, gender_logits = self.network(batch)
        losses = age_loss(age_logits, targets), gender_loss(gender_logits, targets)
        self._optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(losses[0] + GENDER_WEIGHT * losses[1])
        nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self._optimizer.step()
        self._step += 1
        _follow(self.average, self.network, min(EMA_DECAY, self._step / (self._step + 20)))
        return float(losses[0].detach()), float(losses[1].detach())

    def _share(self) -> float:
        return min(1.0, self._spent_s / self._budget_s)

    def _rate(self) -> float:
        peak: float = self._args.rate
        share = self._share()
        if share < WARM_UP:
            return peak * max(0.02, share / WARM_UP)
        along = (share - WARM_UP) / (1 - WARM_UP)
        cosine: float = math.cos(0.5 * math.pi * along)
        return peak * (0.005 + 0.995 * cosine * cosine)

    def _size(self) -> int:
        return max(size for size, start in self._sizes if self._share() >= start)

    def _report(self, losses: Sequence[float]) -> None:
        print(
            f"{self._spent_s / 60:6.1f} min  step {self._step:6d}  {self._size():3d} px  "
            f"lr {self._rate():.5f}  age {losses[0]:.3f}  gender {losses[1]:.3f}",
            flush=True,
        )

    def _save(self) -> None:
        state = {
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "spent_s": self._spent_s,
            "step": self._step,
            "variant": self._args.variant,
            "size": self._size(),
        }
        part = self._checkpoint.with_suffix(".part")
        torch.save(state, part)
        part.replace(self._checkpoint)
        began = time.monotonic()
        print(self._held_out_figures(), f"({time.monotonic() - began:.0f} s)", flush=True)

    def _resume(self) -> None:
        state = torch.load(self._checkpoint, weights_only=True)
        if state["variant"] != self._args.variant:
            raise SystemExit(f"{self._checkpoint} is of the variant {state['variant']}")
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._spent_s, self._step = state["spent_s"], state["step"]

    def _some_crops(self) -> Tensor:
        images, _ = held_out(
            self._args.cache, self._samples, VARIANT_SOURCES[self._args.variant], self._size()
        )
        return images[:: max(1, len(images) // 512)].float().div_(255.0)

    @torch.inference_mode()
    def _held_out_figures(self) -> str:
        """MAE (distance to the interval) and gender accuracy of each set, held out of train."""
        sources = VARIANT_SOURCES[self._args.variant]
        images, samples = held_out(self._args.cache, self._samples, sources, self._size())
        ages, genders = [], []
        for batch in torch.split(images, HELD_OUT_BATCH):
            with torch.autocast("cpu", torch.bfloat16, enabled=HAS_BFLOAT16):
                age_logits, gender_logits = self.average(batch.float().div_(255.0))
            ages.append(expected_age(age_logits))
            genders.append(gender_logits.argmax(1))
        age, gender = torch.cat(ages), torch.cat(genders)
        targets = targets_of(labels_of(samples))
        off = (targets.age_low - age).clamp(min=0) + (age - targets.age_high).clamp(min=0)
        right = (gender == targets.gender).float()
        parts = []
        for source in sources:
            of = torch.tensor([sample.source == source for sample in samples])
            parts.append(f"{source} off {off[of].mean():.2f} gender {right[of].mean():.4f}")
        return "  held out: " + ", ".join(parts)


def _sizes(text: str) -> list[tuple[int, float]]:
    pairs = [part.split(":") for part in text.split(",")]
    return [(int(size), float(start)) for size, start in pairs]


def channels_last(network: AgeGenderNet) -> AgeGenderNet:
    """Lays the weights out as the convolutions of a CPU like them best."""
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _parameter_groups(network: nn.Module) -> list[dict[str, Any]]:
    """Weights decay; biases and norms do not."""
    decayed = [p for p in network.parameters() if p.ndim > 1]
    free = [p for p in network.parameters() if p.ndim <= 1]
    return [
        {"params": decayed, "weight_decay": WEIGHT_DECAY},
        {"params": free, "weight_decay": 0.0},
    ]


@torch.no_grad()
def _follow(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Moves the averaged weights, and the norms' statistics, towards the network's."""
    pairs = zip(average.state_dict().values(), network.state_dict().values(), strict=True)
    floats = [(mine, theirs) for mine, theirs in pairs if mine.dtype.is_floating_point]
    torch._foreach_lerp_([mine for mine, _ in floats], [t for _, t in floats], 1 - decay)


if __name__ == "__main__":
    main()
