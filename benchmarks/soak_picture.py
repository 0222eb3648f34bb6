"""The sizes of processes over a soak, as a picture."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.soak_memory import Memory

_SMALLEST_MB = 20.0


def draw(memory: Memory, begin: int, path: Path) -> None:
    """One line a process; small ones are left out. `begin` is where growth begins to count."""
    figure = Figure(figsize=(8, 4.5), dpi=90, layout="constrained")
    axes = figure.subplots()
    last = {name: size.rss for sample in memory.samples for name, size in sample.sizes.items()}
    names = sorted((name for name in last if last[name] >= _SMALLEST_MB), key=lambda n: -last[n])
    for number, name in enumerate(names):
        points = [(s.images, s.sizes[name].rss) for s in memory.samples if name in s.sizes]
        axes.plot(*zip(*points, strict=True), label=name, lw=1.2, ls="-" if number < 10 else "--")
    axes.axvline(begin, color="grey", lw=0.7, ls=":")
    axes.set_xlabel("images analysed")
    axes.set_ylabel("RSS, MB")
    axes.set_ylim(bottom=0)
    axes.set_xlim(left=0)
    figure.legend(loc="outside right upper", fontsize="x-small", frameon=False)
    figure.savefig(path)
