"""The refiner: a small network that looks at one candidate of the detector at a time.

It sees the candidate's pixels in a square with some of its surroundings, and knows how sure the
detector was and how large the face is. It says whether it is a face, and moves its edges.
"""

from __future__ import annotations

import math

import torch
from torch import nn

SIDE, CONTEXT = 56, 1.7
"""Pixels of the crop; how many times the longer side of a candidate it shows."""
CHANNELS, HIDDEN = (24, 48, 96, 128), 192
HINTS = 2


class RefinerNetwork(nn.Module):
    """Eight convolutions and two layers on top: 23 million multiplications a candidate."""

    def __init__(self) -> None:
        super().__init__()
        first, second, third, last = CHANNELS
        self.features = nn.Sequential(
            _layer(3, first, 2), _layer(first, first),
            _layer(first, second, 2), _layer(second, second),
            _layer(second, third, 2), _layer(third, third), _layer(third, third),
            _layer(third, last, 2),
        )  # fmt: skip
        cells = math.ceil(SIDE / 16) ** 2
        self.hidden = nn.Sequential(nn.Linear(last * cells + HINTS, HIDDEN), nn.ReLU(inplace=True))
        self.answer = nn.Linear(HIDDEN, 5)
        nn.init.zeros_(self.answer.weight[1:])
        nn.init.zeros_(self.answer.bias)

    def forward(self, crops: torch.Tensor, hints: torch.Tensor) -> torch.Tensor:
        """Give (n, 5): a logit, and four shifts for `moved`.

        Args:
            crops: (n, 3, SIDE, SIDE), RGB, 0-1.
            hints: (n, 2), see `hints_of`.
        """
        features = self.features(crops).flatten(1)
        answer: torch.Tensor = self.answer(self.hidden(torch.cat([features, hints], 1)))
        return answer


class Refiner(nn.Module):
    """The network as it is exported: boxes on both sides, the mean of a crop and its mirror."""

    def __init__(self, network: RefinerNetwork) -> None:
        super().__init__()
        self.network = network
        self.mirror: torch.Tensor
        self.register_buffer("mirror", torch.tensor([1.0, -1.0, 1.0, 1.0, 1.0]))

    def forward(self, crops: torch.Tensor, candidates: torch.Tensor) -> torch.Tensor:
        """Give (n, 5) for crops and candidates (n, 5): x1, y1, x2, y2 in pixels, confidence."""
        hints = hints_of(candidates)
        mirrored = self.network(crops.flip(3), hints) * self.mirror
        answer = (self.network(crops, hints) + mirrored) / 2
        return torch.cat([moved(candidates, answer[:, 1:]), torch.sigmoid(answer[:, :1])], 1)


def hints_of(candidates: torch.Tensor) -> torch.Tensor:
    """Give (n, 2) of candidates (n, 5): the detector's logit and the size, both about 1."""
    sure = candidates[:, 4].clamp(0.005, 0.995)
    longer = (candidates[:, 2:4] - candidates[:, :2]).amax(1).clamp(min=1)
    return torch.stack([torch.log(sure / (1 - sure)) / 3, torch.log(longer / 32) / 2], 1)


def moved(boxes: torch.Tensor, shifts: torch.Tensor) -> torch.Tensor:
    """Move boxes (n, 4+) by shifts (n, 4): of the middle in shares of a side, log of the sides."""
    sides = boxes[:, 2:4] - boxes[:, :2]
    middle = (boxes[:, :2] + boxes[:, 2:4]) / 2 + shifts[:, :2] * sides
    half = sides * torch.exp(shifts[:, 2:].clamp(-1, 1)) / 2
    return torch.cat([middle - half, middle + half], 1)


def _layer(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )
