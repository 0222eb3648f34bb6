"""The network: one thin residual trunk, two heads, and a third on its middle."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

AGES = 101
ZOOMS = (1.0,)  # shares of the crop that the served graph looks at, each mirrored too

WIDTHS = (40, 80, 160, 224)
DEPTHS = (2, 2, 2, 1)
STEM_WIDTH = 32
DROPOUT = 0.2
MIDDLE_BLOCKS = sum(DEPTHS[:3])

QUALITY_CUES = ("face", "mouth_covered", "eyes_covered", "clear")
QUALITY_WIDTH = 36


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut; halves the map when `stride` is 2."""

    def __init__(self, width_in: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(width_in, width, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        nn.init.zeros_(self.norm2.weight)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or width_in != width:
            pool = nn.AvgPool2d(stride, ceil_mode=True, count_include_pad=False)
            self.shortcut = nn.Sequential(
                pool if stride > 1 else nn.Identity(),
                nn.Conv2d(width_in, width, 1, bias=False),
                nn.BatchNorm2d(width),
            )

    def forward(self, x: Tensor) -> Tensor:
        y = functional.relu(self.norm1(self.conv1(x)), inplace=True)
        y = self.norm2(self.conv2(y))
        return functional.relu(y + self.shortcut(x), inplace=True)


class AgeGenderNet(nn.Module):
    """Logits of 101 ages and of (woman, man) from an upright face crop.

    Takes `(n, 3, size, size)` float, RGB, 0-1; served at the size it was last trained at:
    faces are aligned, so the maps' borders and places carry meaning, and another size is garbage.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, STEM_WIDTH, 3, 2, 1, bias=False),
            nn.BatchNorm2d(STEM_WIDTH),
            nn.ReLU(inplace=True),
        )
        blocks: list[nn.Module] = []
        width_in = STEM_WIDTH
        for width, depth in zip(WIDTHS, DEPTHS, strict=True):
            for place in range(depth):
                blocks.append(ResidualBlock(width_in, width, 2 if place == 0 else 1))
                width_in = width
        self.body = nn.Sequential(*blocks)
        self.dropout = nn.Dropout(DROPOUT)
        self.age = nn.Linear(width_in, AGES)
        self.gender = nn.Linear(width_in, 2)

    def middle(self, x: Tensor) -> Tensor:
        """`(n, 160, size / 16, size / 16)`: what is known of each place of the crop."""
        out: Tensor = self.body[:MIDDLE_BLOCKS](self.stem((x - 0.5) * 4.0))
        return out

    def features_of(self, middle: Tensor) -> Tensor:
        """`(n, 224)` features of the crop."""
        out: Tensor = self.body[MIDDLE_BLOCKS:](middle).mean((2, 3))
        return out

    def features(self, x: Tensor) -> Tensor:
        return self.features_of(self.middle(x))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        features = self.dropout(self.features(x)).float()
        with torch.autocast("cpu", enabled=False):
            return self.age(features), self.gender(features)


class QualityHead(nn.Module):
    """Logits of `QUALITY_CUES` from the trunk's middle: is this a face, and how well is it seen?

    It learns after the trunk and changes nothing of it (see train_quality.py).
    """

    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(WIDTHS[2], QUALITY_WIDTH, 3, padding=1)
        self.dropout = nn.Dropout(DROPOUT)
        self.answer = nn.Linear(9 * QUALITY_WIDTH, len(QUALITY_CUES))

    def forward(self, middle: Tensor) -> Tensor:
        maps = functional.relu(self.convolution(middle))
        places = functional.avg_pool2d(maps, 2, ceil_mode=True, count_include_pad=False)
        out: Tensor = self.answer(self.dropout(places.flatten(1)))
        return out
