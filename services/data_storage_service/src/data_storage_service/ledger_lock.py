"""A lock on the ledger: one data_storage_service at a time works on it.

SQLite lets several processes write one file, and the workers and `make reindex` do. Two services
would each send the jobs, settle the files and erase by their own clock and settings. The kernel
lets the lock go when its holder dies, however that came about.
"""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from facepipe.domain.errors import LedgerInUseError
from facepipe.files.store.folder import make_folder


@contextmanager
def holding(ledger: Path) -> Iterator[None]:
    """Holds the ledger as long as the block runs. A file beside it tells who holds it.

    Raises:
        LedgerInUseError: another process holds it; the message says which.
    """
    make_folder(ledger.parent)
    with ledger.with_name("in-use.lock").open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            holder = file.read().strip() or "another data_storage_service"
            raise LedgerInUseError(
                f"{ledger} is in use by {holder}: stop that one, or give this one a folder of "
                "its own (FACEPIPE_VOLUMES_ROOT)"
            ) from error
        with suppress(OSError):  # a full disk hinders nobody from holding it
            file.truncate(0)
            now = datetime.now(UTC).isoformat(timespec="seconds")
            file.write(f"process {os.getpid()} on {socket.gethostname()} since {now}\n")
            file.flush()
        yield
