"""What was asked of the models, and whether it is reached. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

OURS, AS_IT_RUNS = "face_detector@640+224", "landmark_service"
SETS = {"fairface": "FairFace val", "utkface": "UTKFace report part", "aaf": "All-Age-Faces val"}
EXACT_AGES = ("utkface", "aaf")
BETTER_VARIANT, DEFAULT_VARIANT = "research", "open"
FALSE_FACES_A_PICTURE = 0.152
"""30 in 198 pictures without people."""

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Must:
    """One goal.

    Attributes:
        model: "face_detector", or "age_gender/" and the variant.
        must: what is counted.
        reached: its value.
        least: smallest value that is good enough, if there is one.
        most: largest value that is good enough, if there is one.
        is_share: whether the value is a share, to be shown in per cent.
        is_judged: whether all of the data was measured, and the goal is asked of this model:
            those of age and gender are asked of the better variant.
    """

    model: str
    must: str
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


def musts_of(report: Figures) -> list[Must]:
    """All goals, in the order of the issue, for what has been measured."""
    found: list[Must] = []
    if detector := report.get("face_detector"):
        found += _judged(detector, _detector(detector))
    if both := report.get("age_gender"):
        for variant, entry in both["variants"].items():
            goals = _age_gender(f"age_gender/{variant}", entry)
            found += _judged(both, goals, is_asked=variant == BETTER_VARIANT)
    return found


def _judged(part: Figures, musts: Iterable[Must], is_asked: bool = True) -> list[Must]:
    return [replace(must, is_judged=is_asked and part["every"] == 1) for must in musts]


def recall_between(row: Figures, faces: dict[str, int], names: tuple[str, ...]) -> float:
    """Recall over several bins of heights together."""
    seen = sum(row["recall_by_height"][name] * faces[name] for name in names)
    return float(seen / max(1, sum(faces[name] for name in names)))


def _detector(part: Figures) -> Iterator[Must]:
    name, rows = "face_detector", part["detectors"]
    precision, how = rows[AS_IT_RUNS]["ap"], "as served"
    if precision is None:  # figures of before its curve was measured
        precision, how = rows[OURS]["ap"], "its looks alone"
    for difficulty, least in (("easy", 0.88), ("medium", 0.85), ("hard", 0.66)):
        yield Must(name, f"AP {difficulty}, {how}", precision[difficulty], least)
    if "served" not in part:
        return
    served: Figures = part["served"]
    yield Must(name, "time ÷ YOLOv8n at 640 px", served["time_ratio"], most=0.4)
    empty = served["pictures"]["no_people"]
    rate = round(empty["faces"] / max(1, empty["pictures"]), 3)
    yield Must(name, "faces a picture without people", rate, most=FALSE_FACES_A_PICTURE)
    doubled = served["portraits"]["doubled"] + served["tight_portraits"]["doubled"]
    yield Must(name, "portraits and tight crops with two boxes", doubled, most=0)
    for key in ("tight_portraits", "cut", "bent"):
        share = round(served[key]["found"] / served[key]["of"], 4)
        least = 1.0 if key == "tight_portraits" else 0.95
        yield Must(name, f"{key.replace('_', ' ')}: found", share, least, is_share=True)
    for key, least in (("r_crowd24_in12mp", 60), ("r_crowd48_in12mp", 62), ("r_strip12000", 1)):
        if key in served["large"]:
            found, most = served["large"][key], 1 if least == 1 else 64
            yield Must(name, f"{key}: faces found", found, least, most=most)


def _age_gender(model: str, entry: Figures) -> Iterator[Must]:
    sets = entry["sets"]
    for key, most in (("utkface", 5.0), ("aaf", 5.5)):
        every = sets[key]["all"]
        yield Must(model, f"{SETS[key]}: age MAE", every["mae"], most=most)
        yield _share(model, f"{SETS[key]}: gender", every["gender_accuracy"], least=0.93)
    gender = sets["fairface"]["all"]["gender_accuracy"]
    yield _share(model, f"{SETS['fairface']}: gender", gender, least=0.89)
    growth, fall = _worst_of_rough(sets)
    yield _share(model, "age MAE grows with the box off, worst", growth, most=0.1)
    yield _share(model, "gender accuracy falls with the box off, worst", fall, most=0.1)
    for key in EXACT_AGES:
        coverage = sets[key]["all"]["interval_coverage"]
        text = f"{SETS[key]}: the 80 % interval covers"
        yield _share(model, text, coverage, least=0.77, most=0.83)
    ece = max(part["all"]["gender_ece"] for part in sets.values())
    yield Must(model, "gender ECE, worst", ece, most=0.03)
    young = [part["age"]["0-2"]["expected_age"] for part in sets.values() if "0-2" in part["age"]]
    yield Must(model, "under-threes come out at, years, worst", max(young, default=0.0), most=8.0)
    portraits = entry["portraits"]
    yield Must(model, "London portraits: genders of 20", portraits["gender_right"], least=18)
    yield Must(model, "London portraits: age MAE", portraits["mae"], most=7.0)
    size = round(max(entry["bytes"].values()) / 1e6, 2)
    yield Must(model, "megabytes a file, worst", size, most=8.0)
    slowest = max(entry["milliseconds_a_face"].values())
    yield Must(model, "ms a face and graph on one core, worst", slowest, most=8.0)


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
) -> Must:
    return Must(model, text, reached, least, most, is_share=True)
