"""What stands beside a face in the annotated image, and in which colours: pure."""

from __future__ import annotations

from typing import NamedTuple

from facepipe.domain.analysis import AgeGender, Gender

MIN_CONTRAST = 4.5


class Rgb(NamedTuple):
    red: int
    green: int
    blue: int


class LabelColors(NamedTuple):
    text: Rgb
    background: Rgb


_BLACK, _WHITE = Rgb(0, 0, 0), Rgb(255, 255, 255)

# Told apart by hue and by lightness, so also without colour vision.
BACKGROUNDS = {
    Gender.FEMALE: Rgb(255, 190, 60),
    Gender.MALE: Rgb(20, 70, 160),
    Gender.UNKNOWN: Rgb(80, 80, 80),
}


def relative_luminance(color: Rgb) -> float:
    """WCAG 2: 0 for black to 1 for white."""

    def linear(value: int) -> float:
        share = value / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4

    return 0.2126 * linear(color.red) + 0.7152 * linear(color.green) + 0.0722 * linear(color.blue)


def contrast(first: Rgb, second: Rgb) -> float:
    """WCAG 2 contrast ratio, 1 to 21, whichever comes first."""
    dark, light = sorted((relative_luminance(first), relative_luminance(second)))
    return (light + 0.05) / (dark + 0.05)


def colors_of(gender: Gender) -> LabelColors:
    """The background of a gender, with whichever of black and white reads better on it."""
    background = BACKGROUNDS[gender]
    text = max((_BLACK, _WHITE), key=lambda color: contrast(color, background))
    return LabelColors(text, background)


def label_texts(estimate: AgeGender) -> list[str]:
    """The label, and shorter ones for where it has no room, longest first.

    >>> label_texts(AgeGender(age=28, gender=Gender.FEMALE, age_low=23, age_high=34, reliable=True))
    ['female 28 (23-34)', 'female 28', 'f 28', '28']
    >>> label_texts(AgeGender())
    ['unknown ?', '?']
    """
    doubt = "" if estimate.reliable else " ?"
    if estimate.age is None:
        if estimate.gender is Gender.UNKNOWN:
            return ["unknown ?", "?"]
        return [f"{estimate.gender}{doubt}", f"{estimate.gender[0]}{doubt}"]
    short = [f"{estimate.gender} {estimate.age}{doubt}"]
    if estimate.gender is not Gender.UNKNOWN:
        short.append(f"{estimate.gender[0]} {estimate.age}{doubt}")
    short.append(f"{estimate.age}{doubt}")
    if estimate.age_low is None or estimate.age_high is None:
        return short
    interval = f"({estimate.age_low}-{estimate.age_high})"
    return [f"{estimate.gender} {estimate.age} {interval}{doubt}", *short]
