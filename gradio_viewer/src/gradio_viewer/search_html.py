"""The search: a form whose fields are the page's address, and a chip for each that is set."""

from __future__ import annotations

from collections.abc import Mapping

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
    "received_before": "until", "name": "name",
}  # fmt: skip


def search(values: Mapping[str, str]) -> Html:
    """The form, as it was filled in, and the chips."""
    fields = [
        _text("name", "File name", values, type="search", placeholder="part of it"),
        *[_choice(name, {"": "any", **_CHOICES[name]}, values) for name in _CHOICES],
        *[_range(name, values) for name in _RANGES],
        _text("received_after", "Since", values, type="date"),
        _text("received_before", "Until", values, type="date"),
        _choice("sort", _SORTS, values),
    ]
    form = tag(
        "form",
        tag("input", type="hidden", name="tab", value="results"),
        *fields,
        tag(
            "label",
            tag("input", type="checkbox", class_="fp-more-on"),
            "More filters",
            class_="fp-more",
        ),
        tag("button", "Search", type="submit", class_="fp-button fp-main", id="search-button"),
        class_="fp-search",
        method="get",
        id="search",
        role="search",
    )
    return join(form, _chips(values))


def _text(name: str, label: str, values: Mapping[str, str], **attributes: str) -> Html:
    field = tag(
        "input", name=name, id=f"of-{name}", value=values.get(name, ""), maxlength=200, **attributes
    )
    return tag("div", tag("label", label, for_=f"of-{name}"), field, class_="fp-field")


def _choice(name: str, choices: Mapping[str, str], values: Mapping[str, str]) -> Html:
    own = f"of-{name}"
    options = [
        tag("option", text, value=key, selected=key == values.get(name, ""))
        for key, text in choices.items()
    ]
    return tag(
        "div",
        tag("label", _LABELS[name], for_=own),
        tag("select", *options, name=name, id=own),
        class_="fp-field",
    )


def _range(name: str, values: Mapping[str, str]) -> Html:
    label, least, most = _RANGES[name]
    ends = [
        tag(
            "input",
            type="number",
            name=f"{end}_{name}",
            value=values.get(f"{end}_{name}", ""),
            placeholder=word,
            min=least,
            max=most,
            aria_label=f"{label} {word}",
            id=f"{end}-{name}",
        )
        for end, word in (("min", "from"), ("max", "to"))
    ]
    return tag("div", tag("span", label), tag("span", *ends, class_="fp-range"), class_="fp-field")


def _chips(values: Mapping[str, str]) -> Html | None:
    filters = {name: value for name, value in values.items() if name != "sort"}
    if not filters:
        return None
    chips = [
        tag(
            "a",
            _said(name, value),
            tag("span", "\u00d7", aria_hidden="true"),
            href=results_link({k: v for k, v in values.items() if k != name}),
            class_="fp-chip",
            title="Take this filter away",
        )
        for name, value in filters.items()
    ]
    clear = tag("a", "Clear all", href=results_link({}), class_="fp-clear")
    return tag("div", *chips, clear, class_="fp-chips")


def _said(name: str, value: str) -> str:
    if name in _CHOICES:
        return _CHOICES[name].get(value, value)
    return f"{_WORDS.get(name, name)} {value}"
