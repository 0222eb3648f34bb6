"""The jobs of the queue `storage`, done by worker processes of their own."""

from __future__ import annotations

import logging
from functools import lru_cache

from data_storage_service.settings import DataStorageSettings
from data_storage_service.settling import Settler
from data_storage_service.wiring import Services, open_services
from facepipe.domain.analysis import PartError
from facepipe.ledger.states import StageRun
from facepipe.stage import part_run
from facepipe.stages import StageName

_log = logging.getLogger(__name__)


class LedgerReports:
    """Tells the ledger of a run without the way through gRPC: it is the same file."""

    def __init__(self, services: Services) -> None:
        self._ledger = services.ledger
        self._settler: Settler = services.settler

    def save_started(self, run: StageRun) -> bool:
        return self._ledger.save_started(run)

    def save_failure(self, run: StageRun, error: PartError) -> bool:
        saved = self._ledger.save_failure(run, error)
        if saved.is_failed:
            try:
                self._settler.settle(run.image_id)
            except OSError as reason:
                _log.warning("settled later: %s", reason, extra={"image_id": run.image_id})
        return saved.accepted


def load() -> None:
    """Opens ledger and volume, once in a worker process."""
    _services()


def store_result(image_id: str, generation: int) -> None:
    """Makes the result of an image whose parts are complete. Idempotent."""
    services = _services()
    with part_run(StageName.STORAGE, image_id, generation, LedgerReports(services)) as progress:
        services.results.store(progress)


@lru_cache(maxsize=1)
def _services() -> Services:
    return open_services(DataStorageSettings())
