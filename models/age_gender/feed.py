"""Batches of jittered crops, drawn so that the rare ages and the small set count."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset

from augment import jittered, render
from datasets import ALL_AGE_FACES, CALIBRATE, FAIRFACE, TRAIN, UTKFACE, Sample, labels_of
from losses import Targets
from prepare import CropCache

SOURCE_WEIGHT = {FAIRFACE: 1.0, UTKFACE: 1.3, ALL_AGE_FACES: 2.5}
AGE_BALANCE = 0.5  # 0: as the sets are; 1: each gender of every band of ages equally often
BAND = 5

Batch = tuple[Tensor, Targets]


class JitteredCrops(IterableDataset[Batch]):
    """An endless stream of batches; images `(n, 3, size, size)` uint8, RGB.

    `size` may change while the stream runs.
    """

    def __init__(
        self,
        cache_dir: Path,
        samples: Sequence[Sample],
        sources: Sequence[str],
        batch: int,
        size: int,
        seed: int,
    ) -> None:
        self._cache_dir, self._batch, self._seed = cache_dir, batch, seed
        self.size: Synchronized[int] = multiprocessing.Value("i", size)
        rows = CropCache.load(cache_dir).rows
        listed = [samples[row] for row in rows]
        self._labels = labels_of(listed)
        self._weights = sampling_weights(listed, sources)

    def __iter__(self) -> Iterator[Batch]:
        cv2.setNumThreads(1)
        torch.set_num_threads(1)
        rng = np.random.default_rng(self._seed)
        crops = CropCache.load(self._cache_dir).crops
        cumulative = np.cumsum(self._weights)
        while True:
            size = self.size.value
            picks = np.searchsorted(cumulative, rng.random(self._batch) * cumulative[-1])
            images = [resized(jittered(crops[pick], rng), size) for pick in np.sort(picks)]
            yield to_tensor(images), targets_of(self._labels[np.sort(picks)])


def stream(dataset: JitteredCrops) -> Iterator[Batch]:
    """Runs the jitter in a process of its own."""
    return iter(DataLoader(dataset, batch_size=None, num_workers=1, prefetch_factor=6))


def held_out(
    cache_dir: Path, samples: Sequence[Sample], sources: Sequence[str], size: int
) -> tuple[Tensor, list[Sample]]:
    """The unjittered crops of the calibration part; `(n, 3, size, size)` uint8."""
    cache = CropCache.load(cache_dir)
    places = [
        place
        for place, row in enumerate(cache.rows)
        if samples[row].split == CALIBRATE and samples[row].source in sources
    ]
    images = [resized(render(cache.crops[place]), size) for place in places]
    return to_tensor(images), [samples[cache.rows[place]] for place in places]


def sampling_weights(samples: Sequence[Sample], sources: Sequence[str]) -> npt.NDArray[np.float64]:
    """How often each sample is drawn, relative to the others.

    0 outside the train part and outside `sources`.
    """
    weights = np.zeros(len(samples))
    for source in sources:
        chosen = [
            place
            for place, sample in enumerate(samples)
            if sample.source == source and sample.split == TRAIN
        ]
        if not chosen:
            continue
        chosen_samples = [samples[place] for place in chosen]
        groups = np.array([2 * (one.age_low // BAND) + one.gender for one in chosen_samples])
        rarity = (len(groups) / np.bincount(groups)[groups]) ** AGE_BALANCE
        weights[chosen] = SOURCE_WEIGHT[source] * rarity / rarity.mean()
    return weights


def targets_of(labels: npt.NDArray[np.int64]) -> Targets:
    columns = torch.from_numpy(labels)
    return Targets(columns[:, 0], columns[:, 1], columns[:, 2])


def to_tensor(images: Sequence[npt.NDArray[np.uint8]]) -> Tensor:
    """`(n, 3, height, width)` uint8, channels last in memory."""
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)


def resized(image: npt.NDArray[np.uint8], size: int) -> npt.NDArray[np.uint8]:
    if image.shape[0] == size:
        return image
    small: npt.NDArray[Any] = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
    return small
