"""What an analysis found otherwise than the one before: pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

from facepipe.domain.geometry import BoundingBox
from facepipe.ledger.states import Difference

_SAME_FACE = 0.5


@dataclass(frozen=True, slots=True)
class KnownFace:
    """As much of a face as is compared."""

    box: BoundingBox
    age: int | None
    gender: str


def difference(before: Sequence[KnownFace], after: Sequence[KnownFace]) -> Difference:
    """Pairs the faces whose boxes share half of what they cover, the best pairs first."""
    pairs = _pairs(before, after)
    moved = [
        abs(old.age - new.age)
        for old, new in pairs
        if old.age is not None and new.age is not None and old.age != new.age
    ]
    return Difference(
        faces_before=len(before),
        faces_after=len(after),
        faces_gained=len(after) - len(pairs),
        faces_lost=len(before) - len(pairs),
        ages_moved=len(moved),
        years_moved=sum(moved),
        genders_changed=sum(old.gender != new.gender for old, new in pairs),
    )


def _pairs(
    before: Sequence[KnownFace], after: Sequence[KnownFace]
) -> list[tuple[KnownFace, KnownFace]]:
    shares = [
        (before[old].box.iou(after[new].box), old, new)
        for old, new in product(range(len(before)), range(len(after)))
    ]
    taken_old: set[int] = set()
    taken_new: set[int] = set()
    pairs = []
    for share, old, new in sorted(shares, key=lambda one: -one[0]):
        if share < _SAME_FACE:
            break
        if old not in taken_old and new not in taken_new:
            taken_old.add(old)
            taken_new.add(new)
            pairs.append((before[old], after[new]))
    return pairs
