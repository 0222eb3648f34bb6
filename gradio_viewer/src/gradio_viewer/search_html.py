"""The search: a form whose fields are the page's address, and a chip for each that is set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from gradio_viewer import words
from gradio_viewer.address import results_link
from gradio_viewer.markup import Html, join, tag

_STATUSES = ("stored", "partial", "failed", "queued", "detecting", "analysing", "storing")
_CHOICES = {
    "gender": {"female": "female", "male": "male", "unknown": "not judged"},
    "reliable": {"true": "reliable", "false": "with a doubt"},
    "corrected": {"true": "corrected", "false": "as found"},
    "status": {status: words.status(status) for status in _STATUSES},
}
_SORTS = {
    "": "newest first", "received_at": "oldest first", "file_name": "by name",
    "-num_faces": "most faces", "num_faces": "fewest faces",
}  # fmt: skip
_LABELS = {
    "gender": "Gender", "reliable": "Estimates", "corrected": "Corrections", "status": "Status",
    "sort": "Order",
}  # fmt: skip
_RANGES = {
    "age": ("Age", 0, 120),
    "faces": ("Number of faces", 0, 100_000),
    "yaw": ("Head turned", -90, 90),
}
_WORDS = {
    "min_age": "age from", "max_age": "age to", "min_faces": "faces from", "max_faces": "faces to",
    "min_yaw": "head turned from", "max_yaw": "head turned to", "received_after": "since",
    "received_before": "until", "name": "name", "folder": "in",
}  # fmt: skip


def search(values: Mapping[str, str], tab: str = "results") -> Html:
    """The form, as it was filled in, and the chips.

    Args:
        values: what was filled in, by name.
        tab: that shows what is found. Plots have no order.
    """
    is_list = tab == "results"
    fields = _Fields(values, "" if is_list else f"{tab}-")
    form = tag(
        "form",
        tag("input", type="hidden", name="tab", value=tab),
        fields.text("name", "File name", type="search", placeholder="part of it"),
        *[fields.choice(name, {"": "any", **_CHOICES[name]}) for name in _CHOICES],
        *[fields.range(name) for name in _RANGES],
        fields.text("folder", "Folder", placeholder="and those in it"),
        fields.text("received_after", "Since", type="date"),
        fields.text("received_before", "Until", type="date"),
        fields.choice("sort", _SORTS) if is_list else None,
        tag(
            "label",
            tag("input", type="checkbox", class_="fp-more-on"),
            "More filters",
            class_="fp-more",
        ),
        tag(
            "button",
            "Search" if is_list else "Show",
            type="submit",
            class_="fp-button fp-main",
            id=fields.own("search-button"),
        ),
        class_="fp-search",
        method="get",
        id=fields.own("search"),
        role="search",
    )
    return join(form, _chips(values, tab))


@dataclass(frozen=True, slots=True)
class _Fields:
    """Of a form, filled in with `values`; `prefix` tells its ids from those of other forms."""

    values: Mapping[str, str]
    prefix: str

    def own(self, name: str) -> str:
        """An id."""
        return f"{self.prefix}{name}"

    def text(self, name: str, label: str, **attributes: str) -> Html:
        own, value = self.own(f"of-{name}"), self.values.get(name, "")
        field = tag("input", name=name, id=own, value=value, maxlength=200, **attributes)
        return tag("div", tag("label", label, for_=own), field, class_="fp-field")

    def choice(self, name: str, choices: Mapping[str, str]) -> Html:
        own = self.own(f"of-{name}")
        options = [
            tag("option", text, value=key, selected=key == self.values.get(name, ""))
            for key, text in choices.items()
        ]
        return tag(
            "div",
            tag("label", _LABELS[name], for_=own),
            tag("select", *options, name=name, id=own),
            class_="fp-field",
        )

    def range(self, name: str) -> Html:
        label, least, most = _RANGES[name]
        ends = [
            tag(
                "input",
                type="number",
                name=f"{end}_{name}",
                value=self.values.get(f"{end}_{name}", ""),
                placeholder=word,
                min=least,
                max=most,
                aria_label=f"{label} {word}",
                id=self.own(f"{end}-{name}"),
            )
            for end, word in (("min", "from"), ("max", "to"))
        ]
        both = tag("span", *ends, class_="fp-range")
        return tag("div", tag("span", label), both, class_="fp-field")


def _chips(values: Mapping[str, str], tab: str) -> Html | None:
    filters = {name: value for name, value in values.items() if name != "sort"}
    if not filters:
        return None
    chips = [
        tag(
            "a",
            _said(name, value),
            tag("span", "\u00d7", aria_hidden="true"),
            href=results_link({k: v for k, v in values.items() if k != name}, tab=tab),
            class_="fp-chip",
            title="Take this filter away",
        )
        for name, value in filters.items()
    ]
    clear = tag("a", "Clear all", href=results_link({}, tab=tab), class_="fp-clear")
    return tag("div", *chips, clear, class_="fp-chips")


def _said(name: str, value: str) -> str:
    if name in _CHOICES:
        return _CHOICES[name].get(value, value)
    return f"{_WORDS.get(name, name)} {value}"
