"""What is baked into a graph after training: the proportions of ages, and temperatures."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from network import AGES

KNOTS = (0, 10, 20, 30, 40, 50, 60, 70, 100)
FILE = "calibration.json"


@dataclass(frozen=True, slots=True)
class Calibration:
    """Found by calibrate.py on faces that no training saw.

    Attributes:
        age_prior: added to the age logits at `KNOTS`, straight lines between them: how much more
            or less often an age occurs than training drew it, as a logarithm.
        age_temperature: by which the sum is divided.
        gender_temperature: by which the gender logits are divided.
    """

    age_prior: tuple[float, ...] = (0.0,) * len(KNOTS)
    age_temperature: float = 1.0
    gender_temperature: float = 1.0

    def ages(self, logits: Tensor) -> Tensor:
        """Calibrated probabilities of the ages."""
        prior = torch.tensor(self.age_prior, dtype=logits.dtype)
        return torch.softmax((logits + between_knots() @ prior) / self.age_temperature, 1)

    def genders(self, logits: Tensor) -> Tensor:
        """Calibrated probabilities of woman and man."""
        return torch.softmax(logits / self.gender_temperature, 1)

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / FILE).write_text(json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def load(cls, folder: Path) -> Calibration:
        """That of a folder; nothing is changed where there is none yet."""
        path = folder / FILE
        if not path.exists():
            return cls()
        values = json.loads(path.read_text())
        return cls(**values | {"age_prior": tuple(values["age_prior"])})


def between_knots() -> Tensor:
    """`(101, len(KNOTS))`: what each knot counts at each age."""
    units = np.eye(len(KNOTS))
    columns = [np.interp(np.arange(AGES), KNOTS, unit) for unit in units]
    return torch.from_numpy(np.stack(columns, 1)).float()
