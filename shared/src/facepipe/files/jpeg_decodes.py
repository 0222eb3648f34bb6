"""How many JPEGs were decoded, by this process and by those that tell it; for `/metrics`.

Each pass of a decoder over a file counts, at whatever scale.
"""

from __future__ import annotations

from prometheus_client import Counter

_DECODES = Counter("facepipe_jpeg_decodes", "JPEG decodes, at whatever scale")


def note(count: int = 1) -> None:
    _DECODES.inc(count)


def so_far() -> int:
    """What was noted since the process began."""
    samples = [sample for family in _DECODES.collect() for sample in family.samples]
    return round(next(sample.value for sample in samples if sample.name.endswith("_total")))
