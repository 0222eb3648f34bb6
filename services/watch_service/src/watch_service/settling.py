"""Files that may still be written: each is complete when it has been the same for a while."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from watch_service.memory import Stamp


@dataclass(slots=True)
class _Seen:
    stamp: Stamp
    since: float


class Settling:
    """Holds files back until they rest."""

    def __init__(self, rest_s: float) -> None:
        self._rest_s = rest_s
        self._seen: dict[Path, _Seen] = {}

    def __len__(self) -> int:
        return len(self._seen)

    def see(self, path: Path, stamp: Stamp, now: float) -> None:
        """A file is there; one that has changed begins anew to wait."""
        known = self._seen.get(path)
        if known is None or known.stamp != stamp:
            self._seen[path] = _Seen(stamp, now)

    def complete(self, now: float) -> dict[Path, Stamp]:
        """Those that rest, which are held no longer; those that are gone are forgotten."""
        due = [path for path, seen in self._seen.items() if now - seen.since >= self._rest_s]
        found: dict[Path, Stamp] = {}
        for path in due:
            seen = self._seen[path]
            try:
                stamp = Stamp.of(path)
            except OSError:
                del self._seen[path]
                continue
            if stamp == seen.stamp:
                found[path] = stamp
                del self._seen[path]
            else:
                self._seen[path] = _Seen(stamp, now)
        return found
