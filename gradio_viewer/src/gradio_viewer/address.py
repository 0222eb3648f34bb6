"""The page's address: which tab, search, image and face it shows, and links to them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

TABS = ("upload", "results", "image", "plots")
# What a search may have beside its tab, in the order in which it is shown.
FILTERS = (
    "name", "status", "gender", "min_age", "max_age", "min_faces", "max_faces", "reliable",
    "received_after", "received_before", "corrected", "min_yaw", "max_yaw", "folder", "sort",
)  # fmt: skip
IMAGE_ID = re.compile(r"[0-9a-f]{64}")
_MAX_VALUE = 255


@dataclass(frozen=True, slots=True)
class Place:
    """Where a visitor is.

    Attributes:
        search: filters by name, as the API takes them; only known ones, none empty.
        cursor: of the page of results; "" is the first.
        is_broken: an image was meant, and none can have that id.
    """

    tab: str = "upload"
    image_id: str = ""
    search: dict[str, str] = field(default_factory=dict)
    cursor: str = ""
    is_broken: bool = False

    @classmethod
    def of(cls, query: Iterable[tuple[str, str]]) -> Place:
        """From the parameters of the address, whatever stands there."""
        given = {name: value.strip()[:_MAX_VALUE] for name, value in query}
        image_id = given.get("image", "")
        if IMAGE_ID.fullmatch(image_id):
            return cls("image", image_id)
        if image_id:
            return cls("image", is_broken=True)
        search = {name: given[name] for name in FILTERS if given.get(name)}
        tab = given.get("tab", "")
        if tab not in TABS:
            tab = "results" if search else "upload"
        return cls(tab, search=search, cursor=given.get("cursor", ""))


def results_link(search: Mapping[str, str], cursor: str = "", tab: str = "results") -> str:
    """The address of a page of results, or of what another tab shows of a search."""
    query = {"tab": tab, **{k: v for k, v in search.items() if v}}
    return "?" + urlencode(query | ({"cursor": cursor} if cursor else {}))


def image_link(image_id: str) -> str:
    return f"?image={image_id}"
