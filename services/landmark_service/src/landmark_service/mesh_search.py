"""Finding a face's roll and mesh with a model that has to be told the roll beforehand.

MediaPipe's landmark model always answers with something that looks like a face, and its
presence score is high for a face that stands on its head, too. What tells the right roll from
a wrong one is that it holds still: tried again, through the region of the mesh just
found, a right mesh stays where it is and a wrong one moves on. So an answer's trust is its
presence (in logits) less what it moved, and each answer is tried twice.

Measured on 120 faces of WIDER FACE from 16 px up, each turned by 0, 30, 90, 135 and 180 degrees;
wrong is a roll more than 40 degrees off the turn, heads tilted by themselves included:

    presence of four rolls, refined once   355 right, 102 wrong, 143 without an answer
    this search                            469 right,  39 wrong,  92 without an answer

The constants below were chosen on a sample of the same images that overlaps with this one, so the
figures flatter; no separate set was kept.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from facepipe.domain.analysis import PartError
from facepipe.domain.geometry import BoundingBox
from landmark_service.faces import FloatArray, Mesh
from landmark_service.mesh_geometry import (
    REGION_MARGIN,
    TIGHT_MARGIN,
    Region,
    displacement,
    implausibility,
    mesh_roll,
    region_of_box,
    region_of_mesh,
)
from landmark_service.roll import turn_between

SURE = 16.0
"""Worth at which no other roll is tried, if the mesh was still."""
DOUBTFUL = 12.0
"""Trust below which tighter regions are tried as well."""
LEAST_TRUST = 1.0
"""Trust below which a face has no landmarks."""
MOVED_COST = 60.0
"""Logits of presence that a displacement of 1 costs."""
EXPECTED_BONUS = 2.0
"""What a roll near the expected one is worth when answers are compared."""
NEAR = math.radians(30)
STILL = 0.05
"""A mesh that moved less is settled."""
CLOSE = 4.0
"""Answers that differ by less are tried a third time."""
LOOKED_AT_AGAIN = 3
_CANDIDATES = tuple(math.radians(degrees) for degrees in range(0, 360, 45))
_NO_FACE = "no landmarks were found that stay the same when tried twice"


@dataclass(frozen=True, slots=True)
class Fit:
    """One answer of the model: shape `(478, 2)`, pixels, and presence in 0-1."""

    points: FloatArray
    presence: float


FitMesh = Callable[[Region], Fit | None]


@dataclass(frozen=True, slots=True)
class _Answer:
    points: FloatArray
    moved: float
    trust: float
    worth: float


def find_mesh(
    fit: FitMesh,
    box: BoundingBox,
    roll: float | None = None,
    expected_roll: float = 0.0,
    *,
    thorough: bool = True,
) -> Mesh | PartError:
    """The mesh of the face in a box, or why there is none.

    An upright face costs two tries, a turned one about eleven, one without landmarks up to 23.

    Args:
        fit: the mesh of one region; None where it sees no face.
        box: of the face.
        roll: as the detector saw it, radians; tried first.
        expected_roll: the likeliest one without such knowledge; tried next.
        thorough: whether other rolls are tried when these two are not convincing.
    """
    return _Search(fit, box, expected_roll if roll is None else roll).run(
        [expected_roll] if roll is None else [roll, expected_roll], thorough
    )


def trust(presence: float, moved: float) -> float:
    """How far an answer can be trusted: presence in logits, less what it moved."""
    inside = min(max(presence, 1e-9), 1 - 1e-8)
    return math.log(inside / (1 - inside)) - MOVED_COST * moved


class _Search:
    """The search for one face; keeps the plausible answers."""

    def __init__(self, fit: FitMesh, box: BoundingBox, expected_roll: float) -> None:
        self._fit = fit
        self._box = box
        self._expected_roll = expected_roll
        self._answers: list[_Answer] = []
        self._reason = _NO_FACE

    def run(self, guesses: list[float], thorough: bool) -> Mesh | PartError:
        for guess in guesses:
            answer = self._consider(self._fit(region_of_box(self._box, guess)))
            if answer is not None and answer.worth >= SURE and answer.moved <= STILL:
                return self._settled(answer)
        if thorough:
            self._search_around(REGION_MARGIN, guesses)
            if max((answer.trust for answer in self._answers), default=0.0) < DOUBTFUL:
                self._search_around(TIGHT_MARGIN, [])
        answer = self._best()
        if answer is None or answer.trust < LEAST_TRUST:
            return PartError(code="no_landmarks", message=self._reason)
        return self._settled(answer)

    def _search_around(self, margin: float, tried: list[float]) -> None:
        """One try at each roll not tried yet, and another at the most present ones."""
        sights = [
            sight
            for roll in _CANDIDATES
            if all(turn_between(roll, other) > math.radians(15) for other in tried)
            and (sight := self._fit(region_of_box(self._box, roll, margin))) is not None
        ]
        sights.sort(key=lambda sight: -sight.presence)
        for sight in sights[:LOOKED_AT_AGAIN]:
            self._consider(sight)

    def _consider(self, sight: Fit | None) -> _Answer | None:
        """Tries again, through the region of the mesh; a plausible answer is kept."""
        again = None if sight is None else self._fit(region_of_mesh(sight.points))
        if sight is None or again is None:
            return None
        reason = implausibility(again.points, self._box)
        if reason is not None:
            self._reason = reason
            return None
        answer = self._judged(sight.points, again)
        self._answers.append(answer)
        return answer

    def _judged(self, before: FloatArray, fit: Fit) -> _Answer:
        moved = displacement(before, fit.points)
        trusted = trust(fit.presence, moved)
        near = turn_between(mesh_roll(fit.points), self._expected_roll) < NEAR
        return _Answer(fit.points, moved, trusted, trusted + (EXPECTED_BONUS if near else 0.0))

    def _best(self) -> _Answer | None:
        """The worthiest answer; when others come close, each is tried once more."""
        ranked = sorted(self._answers, key=lambda answer: -answer.worth)
        close = [answer for answer in ranked if answer.worth > ranked[0].worth - CLOSE]
        if all(_same_roll(answer, ranked[0]) for answer in close):
            return ranked[0] if ranked else None
        tries = [(answer, self._fit(region_of_mesh(answer.points))) for answer in close]
        judged = [self._judged(answer.points, fit) for answer, fit in tries if fit is not None]
        return max(judged, key=lambda answer: answer.worth, default=None)

    def _settled(self, answer: _Answer) -> Mesh:
        points = answer.points
        if answer.moved > STILL:
            again = self._fit(region_of_mesh(points))
            if again is not None and implausibility(again.points, self._box) is None:
                points = again.points
        return Mesh(points, mesh_roll(points))


def _same_roll(first: _Answer, second: _Answer) -> bool:
    return turn_between(mesh_roll(first.points), mesh_roll(second.points)) < NEAR
