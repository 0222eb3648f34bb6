"""The store that the settings name."""

from __future__ import annotations

from facepipe.files.store import FileStore
from facepipe.files.store.folder import FolderFiles
from facepipe.system.settings import Settings


def open_files(settings: Settings) -> FileStore:
    """Where images and results are kept.

    Raises:
        MisconfiguredError: key or authority of the object store cannot be read.
    """
    if not settings.files.is_bucket:
        return open_folder(settings)
    # Where there is a folder, the library is not even loaded.
    from facepipe.files.store.bucket import BucketFiles

    return BucketFiles(settings.files, settings.files.ca or settings.tls.ca)


def open_folder(settings: Settings) -> FolderFiles:
    """The folder of this host, for those who have no access to a bucket."""
    return FolderFiles(settings.files.folder(settings.volumes.root))
