"""XMP sidecars: the faces of an image as regions that photo programs read.

The regions are those of the Metadata Working Group (MWG): areas of the image as it is stored,
before its orientation is applied, in shares of its sides.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any
from xml.etree import ElementTree as Xml

from input_service.results import real_faces

_NAMES = {
    "x": "adobe:ns:meta/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "mwg-rs": "http://www.metadataworkinggroup.com/schemas/regions/",
    "stArea": "http://ns.adobe.com/xmp/sType/Area#",
    "stDim": "http://ns.adobe.com/xap/1.0/sType/Dimensions#",
}
for _prefix, _uri in _NAMES.items():
    Xml.register_namespace(_prefix, _uri)
_TURNED = (5, 6, 7, 8)
"""Orientations with which the sides of the stored image change places."""

Document = dict[str, Any]


def sidecar(document: Document) -> bytes:
    """The sidecar of one result. Ages and genders that are reliable are keywords."""
    image, faces = document["image"], real_faces(document)
    orientation = image.get("orientation_applied", 1)
    root = Xml.Element(_name("x:xmpmeta"))
    about = _in(_in(root, "rdf:RDF"), "rdf:Description", {"rdf:about": ""})
    keywords = list(dict.fromkeys(word for face in faces for word in _keywords(face)))
    if keywords:
        bag = _in(_in(about, "dc:subject"), "rdf:Bag")
        for word in keywords:
            _in(bag, "rdf:li").text = word
    regions = _in(about, "mwg-rs:Regions", _RESOURCE)
    width, height = image["width"], image["height"]
    if orientation in _TURNED:
        width, height = height, width
    sides = {"stDim:w": str(width), "stDim:h": str(height), "stDim:unit": "pixel"}
    _in(regions, "mwg-rs:AppliedToDimensions", sides)
    found = _in(_in(regions, "mwg-rs:RegionList"), "rdf:Bag")
    for face in faces:
        region = _in(found, "rdf:li", _RESOURCE)
        x, y, w, h = stored_area(face["box"], image["width"], image["height"], orientation)
        area = {"stArea:x": x, "stArea:y": y, "stArea:w": w, "stArea:h": h}
        texts = {name: f"{value:.6f}" for name, value in area.items()}
        _in(region, "mwg-rs:Area", texts | {"stArea:unit": "normalized"})
        _in(region, "mwg-rs:Type").text = "Face"
        if text := ", ".join(_keywords(face)):
            _in(region, "mwg-rs:Description").text = text
    written: bytes = Xml.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def sidecars(documents: Iterable[Document]) -> Iterator[bytes]:
    """A zip of the sidecars, `folder/name.jpg.xmp`, in pieces as it is made."""
    sink = _Sink()
    names: set[str] = set()
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
        for document in documents:
            image = document["image"]
            name = str(PurePosixPath(image.get("folder", "")) / (image["file_name"] or "image"))
            if name in names or not image["file_name"]:
                name += f"-{image['sha256'][:16]}"
            names.add(name)
            archive.writestr(f"{name}.xmp", sidecar(document))
            yield sink.drained()
    yield sink.drained()


def stored_area(
    box: dict[str, int], width: int, height: int, orientation: int
) -> tuple[float, float, float, float]:
    """Centre and sides of a box of the upright image, in shares of the image as it is stored.

    >>> stored_area({"x1": 0, "y1": 0, "x2": 10, "y2": 40}, 100, 200, 6)
    (0.1, 0.95, 0.2, 0.1)
    """
    x, y = (box["x1"] + box["x2"]) / 2 / width, (box["y1"] + box["y2"]) / 2 / height
    w, h = (box["x2"] - box["x1"]) / width, (box["y2"] - box["y1"]) / height
    places = {
        2: (1 - x, y),
        3: (1 - x, 1 - y),
        4: (x, 1 - y),
        5: (y, x),
        6: (y, 1 - x),
        7: (1 - y, 1 - x),
        8: (1 - y, x),
    }
    at = places.get(orientation, (x, y))
    return (*at, h, w) if orientation in _TURNED else (*at, w, h)


def _keywords(face: dict[str, Any]) -> list[str]:
    """What is reliably known of a face."""
    estimate = face["agegender"]
    words = []
    is_sure = estimate["reliable"]
    if (is_sure or estimate.get("gender_reliable")) and estimate["gender"] != "unknown":
        words.append(str(estimate["gender"]))
    if (is_sure or estimate.get("age_reliable")) and estimate["age_low"] is not None:
        words.append(f"age {estimate['age_low']}-{estimate['age_high']}")
    return words


_RESOURCE = {"rdf:parseType": "Resource"}


def _name(short: str) -> str:
    prefix, _, name = short.partition(":")
    return f"{{{_NAMES[prefix]}}}{name}"


def _in(parent: Xml.Element, name: str, attributes: dict[str, str] | None = None) -> Xml.Element:
    named = {_name(key): value for key, value in (attributes or {}).items()}
    return Xml.SubElement(parent, _name(name), named)


class _Sink(io.RawIOBase):
    """What a zip is written to; it is read off as it grows."""

    def __init__(self) -> None:
        super().__init__()
        self._data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._data += data
        return len(data)

    def drained(self) -> bytes:
        data = bytes(self._data)
        self._data.clear()
        return data
