"""The tables of the face detector's card and of the README. Pure."""

from __future__ import annotations

from models.accuracy.markdown import numbers, percent, sample, table, targets
from models.accuracy.targets import AS_IT_RUNS, DEFAULT_VARIANT, SETS, Figures, recall_between


def detector_blocks(report: Figures) -> dict[str, str]:
    """Tables of the face detector's card, by name."""
    if "face_detector" not in report:
        return {}
    part = report["face_detector"]
    rows = part["detectors"]
    heights = part["faces_by_height"]
    precision = [
        [name, *precisions(row["ap"]), row["threshold"], f"{row['precision']:.2f}",
         f"{row['cpu_ms_an_image']:.0f}", _tight(row)]
        for name, row in rows.items()
    ]  # fmt: skip
    recall = [
        [name, *(f"{row['recall_by_height'][height]:.2f}" for height in heights)]
        for name, row in rows.items()
    ]
    head = ["detector @ long side", "AP easy", "medium", "hard", "threshold", "precision"]
    named = [f"{height} px" for height in heights]
    return {
        "targets": targets(report, "face_detector"),
        "served": _served(part["served"]) if "served" in part else "Not measured yet.",
        "figures": table([*head, "CPU ms", "tight portraits"], precision),
        "recall": table(
            ["recall at that threshold", *named], [["faces", *heights.values()], *recall]
        ),
        "sample": sample(part["every"], "the reported images"),
    }


def readme_block(report: Figures) -> str:
    """The few figures that the README shows."""
    part = report["face_detector"]
    rows, heights = part["detectors"], part["faces_by_height"]
    chosen = {
        AS_IT_RUNS: "this pipeline, as it runs",
        "mediapipe_full_range": "MediaPipe, full range",
        "yunet@original": "YuNet",
    }
    faces = [
        [name, *precisions(rows[key]["ap"]),
         f"{recall_between(rows[key], heights, ('32-63', '64-127')):.2f}"]
        for key, name in chosen.items()
    ]  # fmt: skip
    ages = [
        [f"`{name}`" + (", the default" if name == DEFAULT_VARIANT else "")] + [
            f"{v['sets'][key]['all']['mae']:.1f} years, "
            f"{percent(v['sets'][key]['all']['gender_accuracy'])}"
            for key in SETS
        ]
        for name, v in report["age_gender"]["variants"].items()
    ]  # fmt: skip
    judged = [target["met"] for target in report["targets"] if target["met"] is not None]
    missed = judged.count(False)
    goals = (
        f"Of {len(judged)} goals set beforehand {missed or 'none'} are missed; the cards list them."
    )
    tables = [
        table(["faces (WIDER FACE)", "AP easy", "medium", "hard", "recall at 32-127 px"], faces),
        table(["age MAE, gender", *SETS.values()], ages),
    ]
    thin = max(part["every"], report["age_gender"]["every"])
    marks = [sample(thin, "the data sets")] if thin > 1 else []
    return "\n\n".join([*tables, *([goals] if judged else []), *marks])


def _served(served: Figures) -> str:
    """Counts of the detector as it is served."""
    lines = [
        [f"{name}, pictures with faces / faces", f"{row['with_faces']} / {row['faces']}",
         row["pictures"]]
        for name, row in served["pictures"].items()
    ]  # fmt: skip
    lines += [
        [f"{name.replace('_', ' ')}, found", served[name]["found"], served[name]["of"]]
        for name in ("portraits", "tight_portraits", "cut", "bent")
    ]
    doubled = ("portraits", "tight_portraits")
    lines.append(
        ["portraits and tight crops with two boxes",
         sum(served[name]["doubled"] for name in doubled),
         sum(served[name]["of"] for name in doubled)]
    )  # fmt: skip
    lines += [[f"{name}, faces", found, ""] for name, found in served["large"].items()]
    lines += [
        ["time ÷ YOLOv8n once at 640 px, portraits", f"{served['time_ratio']:.2f}", ""],
        ["the same, WIDER FACE", f"{served['time_ratio_wider']:.2f}", ""],
    ]
    report = served.get("report")
    if report:
        lines += [
            [f"AP, WIDER FACE train, faces {name}", f"{value:.3f}", report["images"]]
            for name, value in report["ap"].items()
        ]
    return table(["as served", "count", "of"], lines)


def precisions(found: Figures | None) -> list[str]:
    return ["", "", ""] if found is None else list(numbers(found, "{:.3f}"))


def _tight(row: Figures) -> str:
    return f"{row['tight_portraits']['found']}/{row['tight_portraits']['of']}"
