"""A setting that lies in a file of its own, as `<NAME>_FILE` names it."""

from __future__ import annotations

from pathlib import Path

from facepipe.domain.errors import MisconfiguredError


def read_secret(name: str, file: Path | None) -> str:
    """What the file holds, without space around it; "" where no file is named.

    Raises:
        MisconfiguredError: the file cannot be read, or is empty.
    """
    if file is None:
        return ""
    try:
        text = file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        raise MisconfiguredError(f"{name}_FILE={file} cannot be read: {reason}") from error
    if not text:
        raise MisconfiguredError(f"{name}_FILE={file} is empty")
    return text
