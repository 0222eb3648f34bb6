"""From a bar of a plot to the images that it counts. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from gradio_viewer.address import results_link

Search = Mapping[str, str]
_BIN = re.compile(r"(\d+)(?:-(\d+)|\+)?")


def images_of(plot: str, label: str, series: str, search: Search) -> str | None:
    """The search that finds the images of a bar, within the one that the plot shows."""
    if plot in ("age_by_gender", "age_pyramid") and (ages := _BIN.fullmatch(label)):
        found = {"gender": series, **_within("age", ages[1], ages[2] or "120", search)}
    elif plot == "faces_per_image" and (count := _BIN.fullmatch(label)):
        most = "" if label.endswith("+") else count[2] or count[1]
        found = _within("faces", count[1], most, search)
    elif plot == "gender_split":
        found = {"gender": label}
    else:
        return None
    return results_link({**search, **found})


def _within(name: str, low: str, high: str, search: Search) -> dict[str, str]:
    """A range inside the one that is searched for already."""
    ends = {}
    for end, value, inner in (("min", low, max), ("max", high, min)):
        given = [int(n) for n in (value, search.get(f"{end}_{name}", "")) if n.isdecimal()]
        if given:
            ends[f"{end}_{name}"] = str(inner(given))
    return ends
