"""What was asked of the models, and whether it is reached. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

OURS, AS_IT_RUNS = "face_detector@640+224", "landmark_service"
SETS = {"fairface": "FairFace val", "utkface": "UTKFace report part", "aaf": "All-Age-Faces val"}
EXACT_AGES = ("utkface", "aaf")
DEFAULT_VARIANT = "open"
# By variant: set, age MAE at most, share of genders at least, whether the interval counts.
AGE_GENDER_GOALS: dict[str, tuple[tuple[str, float | None, float, bool], ...]] = {
    "open": (
        ("utkface", 5.5, 0.945, True),
        ("aaf", 6.3, 0.95, True),
        ("fairface", None, 0.92, False),
    ),
    "research": (("utkface", 4.6, 0.955, False),),
}
FALSE_FACES_A_PICTURE = 0.152
"""30 in 198 pictures without people."""

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Target:
    """One goal.

    Attributes:
        model: "face_detector", or "age_gender/" and the variant.
        target: what is counted.
        reached: its value.
        least: smallest value that is good enough, if there is one.
        most: largest value that is good enough, if there is one.
        is_share: whether the value is a share, to be shown in per cent.
        is_judged: whether all of the data was measured.
    """

    model: str
    target: str
    reached: float
    least: float | None = None
    most: float | None = None
    is_share: bool = False
    is_judged: bool = True

    @property
    def met(self) -> bool | None:
        """Whether it is good enough; None where that is not judged."""
        if not self.is_judged:
            return None
        above = self.least is None or self.reached >= self.least
        return above and (self.most is None or self.reached <= self.most)

    def to_json(self) -> Figures:
        return {**asdict(self), "met": self.met}


def targets_of(report: Figures) -> list[Target]:
    """All goals, in the order of the issue, for what has been measured."""
    found: list[Target] = []
    if detector := report.get("face_detector"):
        found += _judged(detector, _detector(detector))
    if both := report.get("age_gender"):
        for variant, entry in both["variants"].items():
            found += _judged(both, _age_gender(variant, entry))
    return found


def _judged(part: Figures, targets: Iterable[Target]) -> list[Target]:
    return [replace(target, is_judged=part["every"] == 1) for target in targets]


def recall_between(row: Figures, faces: dict[str, int], names: tuple[str, ...]) -> float:
    """Recall over several bins of heights together."""
    seen = sum(row["recall_by_height"][name] * faces[name] for name in names)
    return float(seen / max(1, sum(faces[name] for name in names)))


def _detector(part: Figures) -> Iterator[Target]:
    name, rows = "face_detector", part["detectors"]
    precision, how = rows[AS_IT_RUNS]["ap"], "as served"
    if precision is None:  # figures of before its curve was measured
        precision, how = rows[OURS]["ap"], "its passes alone"
    for difficulty, least in (("easy", 0.88), ("medium", 0.85), ("hard", 0.66)):
        yield Target(name, f"AP {difficulty}, {how}", precision[difficulty], least)
    if "served" not in part:
        return
    served: Figures = part["served"]
    yield Target(name, "time ÷ YOLOv8n at 640 px", served["time_ratio"], most=0.4)
    empty = served["pictures"]["no_people"]
    rate = round(empty["faces"] / max(1, empty["pictures"]), 3)
    yield Target(name, "faces a picture without people", rate, most=FALSE_FACES_A_PICTURE)
    doubled = served["portraits"]["doubled"] + served["tight_portraits"]["doubled"]
    yield Target(name, "portraits and tight crops with two boxes", doubled, most=0)
    for key in ("tight_portraits", "cut", "bent"):
        share = round(served[key]["found"] / served[key]["of"], 4)
        least = 1.0 if key == "tight_portraits" else 0.95
        yield Target(name, f"{key.replace('_', ' ')}: found", share, least, is_share=True)
    for key, least in (("r_crowd24_in12mp", 60), ("r_crowd48_in12mp", 62), ("r_strip12000", 1)):
        if key in served["large"]:
            found, most = served["large"][key], 1 if least == 1 else 64
            yield Target(name, f"{key}: faces found", found, least, most=most)


def _age_gender(variant: str, entry: Figures) -> Iterator[Target]:
    model, sets = f"age_gender/{variant}", entry["sets"]
    for goal in AGE_GENDER_GOALS[variant]:
        yield from _of_set(model, sets, *goal)
    growth, fall = _worst_of_rough(sets)
    yield _share(model, "age MAE grows with the box off, worst", growth, most=0.1)
    yield _share(model, "gender accuracy falls with the box off, worst", fall, most=0.1)
    ece = max(part["all"]["gender_ece"] for part in sets.values())
    yield Target(model, "gender ECE, worst", ece, most=0.03)
    young = [part["age"]["0-2"]["expected_age"] for part in sets.values() if "0-2" in part["age"]]
    yield Target(model, "under-threes come out at, years, worst", max(young, default=0.0), most=8.0)
    portraits = entry["portraits"]
    yield Target(model, "London portraits: genders of 20", portraits["gender_right"], least=18)
    yield Target(model, "London portraits: age MAE", portraits["mae"], most=7.0)
    moved = entry["stability"]["sd_worst"]
    yield Target(
        model, "London portraits encoded or scaled anew: SD of an age, worst", moved, most=1.0
    )
    yield Target(model, "megabytes", round(entry["bytes"] / 1e6, 2), most=8.0)
    ours, earlier = entry["milliseconds_a_face"], entry["milliseconds_of_the_earlier"]
    yield Target(model, "ms a face on one core", ours, most=8.0)
    yield Target(
        model,
        "time of both answers, of the two earlier graphs'",
        round(ours / earlier, 3),
        most=0.55,
    )
    if entry["reliable"]:
        yield from _reliable(model, entry["reliable"])


def _reliable(model: str, found: Figures) -> Iterator[Target]:
    drawn = found["drawings"]["reliable"] + found["erased"]["reliable"]
    nobody = drawn + found["no_people"]["reliable"]
    reliable = sum(part["reliable"] for part in found.values())
    yield _share(
        model, "no human face, of the reliable faces", nobody / max(1, reliable), most=0.01
    )
    pictures = found["drawings"]["pictures"] + found["erased"]["pictures"]
    yield _share(
        model, "drawings and erased faces with a reliable face", drawn / pictures, most=2 / 60
    )
    yield _share(
        model,
        "reliable genders that are wrong, FairFace val",
        found["fairface"]["gender_wrong"],
        most=0.04,
    )
    for key in EXACT_AGES:
        outside = found[key]["age_outside"]
        yield _share(
            model, f"reliable ages outside their interval, {SETS[key]}", outside, most=0.22
        )
    masked = found["masked"]
    yield _share(
        model,
        "masked faces that are reliable",
        masked["reliable"] / max(1, masked["faces"]),
        most=0.05,
    )
    for key, name in (("portraits", "London portraits"), ("utkface", SETS["utkface"])):
        part = found[key]
        yield _share(
            model, f"reliable, {name}", part["reliable"] / max(1, part["faces"]), least=0.85
        )


def _of_set(
    model: str, sets: Figures, key: str, mae: float | None, gender: float, covers: bool
) -> Iterator[Target]:
    every, name = sets[key]["all"], SETS[key]
    if mae is not None:
        yield Target(model, f"{name}: age MAE", every["mae"], most=mae)
    yield _share(model, f"{name}: gender", every["gender_accuracy"], least=gender)
    if covers:
        coverage = every["interval_coverage"]
        yield _share(model, f"{name}: the 80 % interval covers", coverage, least=0.75, most=0.85)


def _worst_of_rough(sets: Figures) -> tuple[float, float]:
    """By which share ages get worse, and genders, at the worst box of the worst set."""
    growth, fall = [], []
    for part in sets.values():
        views = dict(part["rough"])
        straight = views.pop("straight")
        growth += [view["mae"] / straight["mae"] - 1 for view in views.values()]
        right = straight["gender_accuracy"]
        fall += [1 - view["gender_accuracy"] / right for view in views.values()]
    return round(max(growth), 4), round(max(fall), 4)


def _share(
    model: str, text: str, reached: float, least: float | None = None, most: float | None = None
) -> Target:
    return Target(model, text, reached, least, most, is_share=True)
