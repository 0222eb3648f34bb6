"""What becomes of memory that a long-lived process has no use for just now."""

from __future__ import annotations

import ctypes
import gc

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # of mallopt(3)
_KEPT_BYTES = 64 * 2**20
_LARGEST_BYTES = 32 * 2**20  # glibc takes no more


def keep_freed_memory() -> None:
    """Keeps up to 64 MiB of freed memory for the next job, where the system is glibc's.

    Left to itself, it gives the pixels of each image back to the kernel, which clears the same
    pages anew for the next one.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return
    mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
    mallopt(_MMAP_THRESHOLD, _LARGEST_BYTES)


def freeze_loaded() -> None:
    """Has the garbage collector pass over what is loaded by now, which lives as long as we do."""
    gc.collect()
    gc.freeze()
