"""The contours of a face as the data of an SVG path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import dist

from facepipe.domain.contours import IRISES, LINES, POINTS


def svg_path(landmarks: Sequence[Mapping[str, float]]) -> str:
    """Oval, lips, eyes, brows and irises; "" unless there are 478 landmarks."""
    if len(landmarks) != POINTS:
        return ""
    points = [(float(p["x"]), float(p["y"])) for p in landmarks]
    lines = [_line([points[n] for n in line]) for line in LINES]
    circles = [_circle(points[center], points[edge]) for center, edge in IRISES]
    return "".join([*lines, *circles])


def _line(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) + "Z"


def _circle(center: tuple[float, float], edge: tuple[float, float]) -> str:
    (x, y), radius = center, dist(center, edge)
    turn = f"a{radius:.1f} {radius:.1f} 0 1 0"
    return f"M{x - radius:.1f} {y:.1f}{turn} {2 * radius:.1f} 0{turn} {-2 * radius:.1f} 0Z"
