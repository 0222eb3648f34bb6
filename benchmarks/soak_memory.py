"""Whether the processes of a stack grow."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from tools.stack_driver.local_stack import LocalStack
from tools.stack_driver.process_sizes import Size, sizes_of

# What the line through a process's sizes may rise over the whole run and still be called flat:
# allocators breathe by about this much.
_FLAT_MB = 8.0
_FLAT_SHARE = 0.05
# SQLite keeps up to 2 MB of pages for each open connection, 8 of them here, and fills them as the
# index grows; `soak_index` shows where that ends.
_CACHES_MB = {"data_storage_service": 16.0}


@dataclass(frozen=True, slots=True)
class Sample:
    """The sizes of all processes by name, after so many images."""

    images: int
    seconds: float
    sizes: dict[str, Size]


@dataclass(frozen=True, slots=True)
class Growth:
    """How one process changed from the `begin`-th image to the last.

    Attributes:
        first, last, peak: RSS in MB, at `begin`, at the end, and the largest in between.
        pss_last: at the end.
        rise: of the straight line that fits best, from begin to end, MB.
        late_rise: the same of the second half alone: what settles rises less there.
        replaced: how often another process took its place.
    """

    first: float
    last: float
    peak: float
    pss_last: float | None
    rise: float
    late_rise: float
    replaced: int
    is_flat: bool


@dataclass(slots=True)
class Memory:
    """Samples of a run, in order."""

    samples: list[Sample] = field(default_factory=list)

    def take(self, stack: LocalStack, images: int, seconds: float) -> None:
        self.samples.append(Sample(images, round(seconds, 1), sizes_of(stack)))

    def growth(self, begin: int) -> dict[str, Growth]:
        """By name; those that were hardly ever seen are left out."""
        names = sorted({name for sample in self.samples for name in sample.sizes})
        return {name: grown for name in names if (grown := self._growth_of(name, begin))}

    def _growth_of(self, name: str, begin: int) -> Growth | None:
        all_pids = [s.sizes[name].pid for s in self.samples if name in s.sizes]
        samples = [s for s in self.samples if s.images >= begin and name in s.sizes]
        if len(samples) < 4:
            return None
        sizes = [sample.sizes[name] for sample in samples]
        rise = _rise(samples, name)
        return Growth(
            first=sizes[0].rss,
            last=sizes[-1].rss,
            peak=max(size.rss for size in sizes),
            pss_last=sizes[-1].pss,
            rise=rise,
            late_rise=_rise(samples[len(samples) // 2 :], name),
            replaced=sum(a != b for a, b in pairwise(all_pids)),
            is_flat=rise <= max(_FLAT_MB, _FLAT_SHARE * sizes[0].rss, _CACHES_MB.get(name, 0.0)),
        )


def table(growth: dict[str, Growth], begin: int, end: int) -> Iterator[str]:
    """One line a process."""
    yield (
        f"{'RSS, MB':34}{f'at {begin}':>9}{f'at {end}':>9}{'peak':>8}{'PSS':>8}"
        f"{'rise':>8}{'late':>8}{'replaced':>10}"
    )
    for name, grown in growth.items():
        pss = "-" if grown.pss_last is None else f"{grown.pss_last:.0f}"
        yield (
            f"{name:34}{grown.first:9.0f}{grown.last:9.0f}{grown.peak:8.0f}{pss:>8}"
            f"{grown.rise:+8.1f}{grown.late_rise:+8.1f}{grown.replaced:10}"
            f"{'' if grown.is_flat else '  GROWS'}"
        )


def _rise(samples: Sequence[Sample], name: str) -> float:
    images = [float(sample.images) for sample in samples]
    slope, _ = statistics.linear_regression(images, [s.sizes[name].rss for s in samples])
    return round(slope * (images[-1] - images[0]), 1)
