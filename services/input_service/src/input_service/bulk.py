"""The same done with all images that a filter lets through, some at a call."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from facepipe.domain.errors import FacepipeError
from facepipe.ledger.client import FaceStoreClient
from facepipe.ledger.states import ListQuery


@dataclass(slots=True)
class Outcome:
    """What came of a call: how many were done, why others were not, how many are left."""

    done: int = 0
    left: int = 0
    errors: dict[str, FacepipeError] = field(default_factory=dict)


def with_each(store: FaceStoreClient, query: ListQuery, act: Callable[[str], object]) -> Outcome:
    """Does it with the first images of a listing, up to its limit.

    Raises:
        ServiceUnavailableError: the ledger does not answer; what was done is done.
    """
    page = store.list(query)
    outcome = Outcome(left=page.total or 0)
    for state in page.images:
        try:
            act(state.image_id)
        except FacepipeError as error:
            if error.transient:
                raise
            outcome.errors[state.image_id] = error
        else:
            outcome.done += 1
    outcome.left -= outcome.done + len(outcome.errors)
    return outcome
