"""What follows from an image's end: files moved or removed, Redis keys discarded.

It runs right after the commit that ended the image, and once more from time to time for what
a crash or a full disk has left undone. Doing it twice does no harm.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from datetime import datetime

from redis.exceptions import RedisError

from data_storage_service.leading import Lead
from data_storage_service.ledger import Ledger
from data_storage_service.queries import Queries
from data_storage_service.schema import ImageRow
from facepipe.domain.errors import FacepipeError, FilesUnavailableError, ImageNotFoundError
from facepipe.domain.status import Status
from facepipe.files.image_store import ImageStore
from facepipe.files.inbox import Inbox
from facepipe.files.result_files import ResultFiles
from facepipe.queue.redis_connection import explain

_log = logging.getLogger(__name__)


class Settler:
    """Leaves of a finished image what its state promises, and nothing else."""

    def __init__(
        self,
        ledger: Ledger,
        files: ResultFiles,
        inbox: Inbox,
        images: ImageStore,
        *,
        keep_source: bool,
    ) -> None:
        self._ledger = ledger
        self._files = files
        self._inbox = inbox
        self._images = images
        self._keep_source = keep_source

    def settle(self, image_id: str) -> Status | None:
        """Settles an image if it is finished; returns its state, None if there was nothing to do.

        Raises:
            OSError, FilesUnavailableError, StorageFullError: a file could not be moved or
                removed; the image stays unsettled.
        """
        status: Status | None = None
        self._files.check()  # nobody writes to the ledger meanwhile: it must not wait for a store
        with self._ledger.settling(image_id) as row:
            if row is not None:
                status = row.state
                self._settle_files(row)
        if status is not None:
            self._images.discard(image_id)
        return status

    def delete(self, image_id: str) -> bool:
        """Deletes an image with everything that is kept of it; False when there was nothing.

        Raises:
            OSError, FilesUnavailableError: a file could not be removed; the image is deleted, and
                settled later.
        """
        existed = self._ledger.delete(image_id)
        # Also when it was deleted before: the files of then may have stayed.
        self.settle(image_id)
        return existed

    def _settle_files(self, row: ImageRow) -> None:
        image_id = row.image_id
        match row.state:
            case Status.DELETED:
                self._files.remove_result(image_id)
                self._files.remove_source(image_id)
                # What came after the deletion is an upload in its own right. A clock that was
                # set back must not make the deleted upload look like one.
                self._remove_upload(image_id, max(row.updated_at, row.received_at))
                return
            case Status.FAILED:
                self._files.remove_result(image_id)
        if self._keep_source:
            is_kept = self._files.keep_source(image_id, self._inbox)
            if not is_kept and image_id in self._inbox:
                raise FilesUnavailableError(f"the upload of {image_id} is there and cannot be read")
        else:
            self._files.remove_source(image_id)
        self._remove_upload(image_id, row.received_at)

    def _remove_upload(self, image_id: str, until: datetime) -> None:
        """Erases the inbox entry, unless it is one that came later and is still to be done."""
        try:
            received_at = self._inbox.entry(image_id).received_at
        except ImageNotFoundError:
            return
        except ValueError:
            _log.warning("an unreadable inbox entry is removed", extra={"image_id": image_id})
        else:
            if received_at > until:
                return
        self._inbox.remove(image_id)


class SettlingLoop:
    """Settles what was left, at start and every few seconds, and does the other chores."""

    def __init__(
        self,
        settler: Settler,
        queries: Queries,
        every_s: float,
        lead: Lead,
        chores: Sequence[Callable[[], object]] = (),
    ) -> None:
        self._settler = settler
        self._queries = queries
        self._every_s = every_s
        self._lead = lead
        self._chores = (self.settle_all, *chores)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="settling", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(timeout=10)

    def settle_all(self) -> int:
        """One pass; returns how many images were settled.

        Raises:
            FilesUnavailableError: the object store does not answer.
        """
        count = 0
        for image_id in self._queries.unsettled():
            try:
                count += self._settler.settle(image_id) is not None
            except OSError as error:
                _log.warning("not settled yet: %s", error, extra={"image_id": image_id})
        return count

    def _run(self) -> None:
        while True:
            for chore in self._chores:
                if self._lead.is_held:
                    self._do(chore)
            if self._stop.wait(self._every_s):
                return

    def _do(self, chore: Callable[[], object]) -> None:
        try:
            chore()
        except (FacepipeError, RedisError, OSError) as error:
            _log.warning("done in the next pass: %s", explain(error))
        except Exception:
            _log.exception("a chore failed, the others go on")
