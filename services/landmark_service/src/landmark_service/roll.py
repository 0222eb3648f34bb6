"""Angles of faces in the image plane: radians, clockwise as y points down. Pure."""

from __future__ import annotations

import math

from facepipe.domain.geometry import Point


def roll_of_eyes(first: Point, second: Point, mouth: Point) -> float | None:
    """Roll from two eyes and a mouth: radians, clockwise; None if the eyes are one point."""
    across = Point(second.x - first.x, second.y - first.y)
    if math.hypot(*across) < 1e-3:
        return None
    down = Point(mouth.x - (first.x + second.x) / 2, mouth.y - (first.y + second.y) / 2)
    if across.x * down.y - across.y * down.x < 0:
        across = Point(-across.x, -across.y)
    return math.atan2(across.y, across.x)


def turn_between(first: float, second: float) -> float:
    """The smallest turn from one angle to another, 0 to pi."""
    return abs(math.remainder(second - first, math.tau))
