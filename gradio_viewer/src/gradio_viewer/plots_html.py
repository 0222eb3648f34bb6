"""The plots."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from gradio_viewer.markup import Html, notice, tag

NAME = re.compile(r"^[a-z0-9_]{1,64}$")


def plots(found: Sequence[Mapping[str, Any]], version: str) -> Html:
    """The plots side by side; `version` makes the browser fetch them anew."""
    names = [plot for plot in found if NAME.match(str(plot.get("name")))]
    if not names:
        return notice("There are no plots yet: they are drawn when the first results are stored.")
    return tag("div", *[_plot(plot, version) for plot in names], class_="fp-plots")


def _plot(plot: Mapping[str, Any], version: str) -> Html:
    name = str(plot["name"])
    title = str(plot.get("title") or name.replace("_", " ").capitalize())
    source = f"/plots/{name}.png?v={version}"
    return tag(
        "figure",
        tag("a", tag("img", src=source, alt=title, loading="lazy"), href=source, target="_blank"),
        tag("figcaption", title),
    )
