"""Which files have had their time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from logger_service.files import log_files
from logger_service.settings import LogsSettings


def remove_old_files(folder: Path, settings: LogsSettings) -> list[Path]:
    """Removes days beyond `retention_days`, then the oldest files beyond `max_total_mb`.

    What is left of a rewriting that did not end (`*.tmp`) goes as well; call it with the
    journal's `files_lock` held.
    """
    removed = []
    for path in folder.glob("*.jsonl.tmp"):
        path.unlink(missing_ok=True)
    files = log_files(folder)
    oldest = (datetime.now(UTC) - timedelta(days=settings.retention_days)).date().isoformat()
    total = sum(file.size for file in files)
    for file in files[:-1]:
        if file.day >= oldest and total <= settings.max_total_mb * 2**20:
            break
        total -= file.size
        file.path.unlink(missing_ok=True)
        removed.append(file.path)
    return removed
