"""Brings the index of faces up to date with the fields that are declared now."""

from __future__ import annotations

import logging

from data_storage_service.ledger import Ledger
from data_storage_service.queries import Queries
from facepipe.domain.errors import ImageNotFoundError
from facepipe.files.result_files import ResultFiles

_AT_ONCE = 500

_log = logging.getLogger(__name__)


class FaceIndexing:
    """After an update with new fields, reads the results again, some at a time."""

    def __init__(self, ledger: Ledger, queries: Queries, files: ResultFiles) -> None:
        self._ledger = ledger
        self._queries = queries
        self._files = files
        self._unreadable: set[str] = set()
        self._is_done = False

    def __call__(self) -> int:
        """One pass; returns how many images it brought up to date."""
        if self._is_done:
            return 0
        outdated = self._queries.outdated_faces(_AT_ONCE + len(self._unreadable))
        due = [image_id for image_id in outdated if image_id not in self._unreadable]
        for image_id in due:
            try:
                self._ledger.index_faces(self._files.read_document(image_id))
            except ImageNotFoundError as error:
                _log.warning("its faces cannot be searched: %s", error)
                self._unreadable.add(image_id)
        self._is_done = not due
        if due:
            _log.info("faces of %d older results indexed anew", len(due))
        return len(due)
