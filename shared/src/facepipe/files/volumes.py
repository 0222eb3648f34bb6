"""Whether a folder can be written: what `/readyz` of whoever has to write there asks."""

from __future__ import annotations

import tempfile
from pathlib import Path

PROBE_BYTES = 4096


def volume_problem(folder: Path) -> str | None:
    """Why nothing can be written into a folder; None when something can.

    Permissions do not tell of a volume that is full, so a few bytes are written. They have no
    name, where the file system can do that: whoever watches the folder sees no change.
    """
    try:
        with tempfile.TemporaryFile(prefix=".ready-", suffix=".tmp", dir=folder) as probe:
            probe.write(bytes(PROBE_BYTES))
    except OSError as error:
        return f"{folder} cannot be written: {error.strerror}"
    return None
