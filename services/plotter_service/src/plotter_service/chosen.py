"""The plots of some images alone, as data; counted when asked for, until the ledger changes."""

from __future__ import annotations

import base64
import binascii
import threading
from collections import OrderedDict
from typing import Any

from google.protobuf.message import DecodeError

from facepipe.domain.errors import InvalidRequestError
from facepipe.ledger.messages import query_from_pb
from facepipe.ledger.states import ListQuery
from facepipe.v1 import face_store_pb2 as pb
from plotter_service.collect import Counts, collect
from plotter_service.plots import plots_of
from plotter_service.unfolding import confusion_of

KEPT = 32

Plots = list[dict[str, Any]]


class Chosen:
    """Asks the ledger about the images that filters let through."""

    def __init__(self, ledger: Counts, weights: str = "") -> None:
        self._ledger = ledger
        self._confusion = confusion_of(weights)
        self._known: OrderedDict[str, tuple[int, Plots]] = OrderedDict()
        self._lock = threading.Lock()  # the same is not counted twice at a time

    def plots(self, where: str) -> Plots:
        """Every plot that something is in.

        Args:
            where: a `ListAnalysesRequest`, in base64 for addresses.

        Raises:
            InvalidRequestError: it is none.
            ServiceUnavailableError, DeadlineExceededError: the ledger does not answer.
        """
        query = _query(where)
        with self._lock:
            revision = self._ledger.stats().revision
            known = self._known.pop(where, None)
            if known is None or known[0] != revision:
                statistics = collect(self._ledger, where=query, confusion=self._confusion)
                plots = [plot.model_dump() for plot in plots_of(statistics) if not plot.is_empty]
                known = revision, plots
            self._known[where] = known
            if len(self._known) > KEPT:
                self._known.popitem(last=False)
            return known[1]


def _query(where: str) -> ListQuery:
    try:
        message = base64.b64decode(where, b"-_", validate=True)
        return query_from_pb(pb.ListAnalysesRequest.FromString(message))
    except (binascii.Error, DecodeError, KeyError, ValueError) as error:
        raise InvalidRequestError("where is no ListAnalysesRequest in base64") from error
