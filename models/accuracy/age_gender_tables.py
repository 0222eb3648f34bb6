"""The tables of the card of age and gender. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from models.accuracy.markdown import percent, sample, table, targets
from models.accuracy.targets import SETS, Figures

_COLUMNS = (
    ("faces", "faces", "{:d}"),
    ("age MAE", "mae", "{:.2f}"),
    ("within 5 years", "within_5", "{:.1%}"),
    ("gender", "gender_accuracy", "{:.1%}"),
    ("80 % interval covers", "interval_coverage", "{:.1%}"),
    ("its width", "interval_width", "{:.1f}"),
    ("gender ECE", "gender_ece", "{:.3f}"),
    ("abstained", "abstained", "{:.1%}"),
    ("gender of the rest", "gender_accuracy_of_the_rest", "{:.1%}"),
)
_SHORT = tuple(column for column in _COLUMNS if column[1] in ("faces", "mae", "gender_accuracy"))
_TIMES = ("milliseconds_a_face", "milliseconds_of_the_earlier")
_SHARES = [f"surest {tenth}0 %" for tenth in range(1, 10)] + ["all"]
_PICTURES = {
    "no_people": "pictures without people",
    "drawings": "drawings",
    "erased": "erased faces",
    "masked": "masked faces",
    "portraits": "London portraits",
}
_PEER = "openvino-retail-0013"


def age_gender_blocks(report: Figures) -> dict[str, str]:
    """Tables of the card of age and gender, by name."""
    if "age_gender" not in report:
        return {}
    part = report["age_gender"]
    variants: Figures = part["variants"]
    marked = {name: variant for name, variant in variants.items() if variant["reliable"]}
    return {
        "targets": "\n\n".join(
            f"`{name}`:\n\n{targets(report, f'age_gender/{name}')}" for name in variants
        ),
        "figures": table(["", *_heads(_COLUMNS)], _each(variants, _summary)),
        "peer": table(["", *_heads(_SHORT), "window"], _beside_peer(part)),
        "rough": table(["", "box", *_heads(_SHORT)], _each(variants, _rough)),
        "own boxes": table(
            ["", "boxes of", *_heads(_SHORT), "taken whole"], _each(variants, _boxes)
        ),
        "groups": "\n\n".join(_groups(variants)),
        "reliable": table(
            [
                "",
                "pictures",
                "faces",
                "reliable",
                "age is",
                "gender is",
                "wrong among the reliable",
            ],
            _each(marked, _reliable),
        ),
        "curves": table(["", "of", *_SHARES], _each(marked, _curves)),
        "speed": table(
            ["", "ms a face", "the two graphs of commit b3e011c"],
            [[name, *(f"{v[key]:.2f}" for key in _TIMES)] for name, v in variants.items()],
        ),
        "sample": sample(part["every"], "the report parts"),
    }


def _summary(variant: Figures) -> Iterator[list[Any]]:
    for key, name in SETS.items():
        entry = variant["sets"][key]
        yield [name, *_row(entry["all"])]
        yield [f"{name}, adults", *_row(entry["adults"])]


def _rough(variant: Figures) -> Iterator[list[Any]]:
    for key, name in SETS.items():
        for view, row in variant["sets"][key]["rough"].items():
            yield [name, view, *_row(row, _SHORT)]


def _boxes(variant: Figures) -> Iterator[list[Any]]:
    for key, name in SETS.items():
        entry = variant["sets"][key]
        for whose, row in entry["boxes"].items():
            yield [name, whose, *_row(row, _SHORT), entry["boxes_taken_whole"][whose]]


def _reliable(variant: Figures) -> Iterator[list[Any]]:
    for key, name in (_PICTURES | SETS).items():
        part = variant["reliable"][key]
        counts = [
            part[count]
            for count in ("pictures", "faces", "reliable", "age_reliable", "gender_reliable")
        ]
        wrong = [
            f"{what} {percent(part[error])}"
            for error, what in (("age_outside", "age"), ("gender_wrong", "gender"))
            if error in part
        ]
        yield [name, *counts, ", ".join(wrong)]


def _curves(variant: Figures) -> Iterator[list[Any]]:
    for key, name in SETS.items():
        curves = variant["reliable"][key]["curves"]
        yield [name, "age MAE", *(f"{off:.2f}" for off in curves["age_mae"].values())]
        yield [name, "gender wrong", *(percent(share) for share in curves["gender_wrong"].values())]


def _beside_peer(part: Figures) -> Iterator[list[Any]]:
    """Ours and the peer on the same faces; the peer at the window whose genders are best."""
    for key, name in SETS.items():
        for variant, entry in part["variants"].items():
            yield [f"{name}, `{variant}`", *_row(entry["sets"][key]["peer_ages"], _SHORT), ""]
        windows = part[_PEER][key]
        window = max(windows, key=lambda window: windows[window]["gender_accuracy"])
        yield [f"{name}, retail-0013", *_row(windows[window], _SHORT), window.split()[1]]


def _groups(variants: Figures) -> Iterator[str]:
    for variant, entry in variants.items():
        for key, name in SETS.items():
            part = entry["sets"][key]
            rows = {**part["age"], **part["gender"], **part["group"]}
            lines = [[group, *_row(row)] for group, row in rows.items()]
            yield f"{name}, `{variant}`:\n\n{table(['', *_heads(_COLUMNS)], lines)}"


def _each(variants: Figures, rows: Any) -> list[list[Any]]:
    """Rows of each variant, its name in front where there are several."""
    several = len(variants) > 1
    return [
        [f"`{name}`, {row[0]}" if several else row[0], *row[1:]]
        for name, variant in variants.items()
        for row in rows(variant)
    ]


def _row(figures: Figures, columns: Sequence[tuple[str, str, str]] = _COLUMNS) -> list[str]:
    texts = [form.format(figures[key]) for _, key, form in columns]
    return [text.replace("%", " %") for text in texts]


def _heads(columns: Sequence[tuple[str, str, str]]) -> list[str]:
    return [column[0] for column in columns]
