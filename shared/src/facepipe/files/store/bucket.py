"""Files in a bucket of an S3 server, by `obstore`; needs the extra `bucket`.

A PUT is there whole or not at all, and for good once it is answered. What a 404 means is asked
once more: a bucket that is not there would make every file look lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore import exceptions
from obstore.store import S3Store

from facepipe.domain.errors import (
    FilesDeniedError,
    FilesUnavailableError,
    MisconfiguredError,
    StorageFullError,
)
from facepipe.files.store import FileInfo
from facepipe.system.files_settings import FilesSettings

if TYPE_CHECKING:
    from obstore import GetOptions
    from obstore.store import ClientConfig, S3Config

_RETRY_AFTER_S = 10.0
_CONNECT = timedelta(seconds=3)
# Within the time that a check of `/readyz` has.
_PROBE_S = 2.0
_LINK = timedelta(minutes=5)
# What servers say, and some a 507.
_FULL = ("QuotaExceeded", "XMinioStorageFull", "InsufficientStorage", "507 ")
_NO_ROOM = "the object store is full; make room and send it again"
_NO_BUCKET = "the bucket of FACEPIPE_FILES_URL is not there"
_DENIED = (
    "the object store refuses the access key; see FACEPIPE_FILES_KEY_ID and the bucket's policy"
)
_MEDIA_TYPES = {".json": "application/json", ".jpg": "image/jpeg"}


class BucketFiles:
    """Files below a prefix of a bucket."""

    is_shared = True

    def __init__(self, settings: FilesSettings, ca: Path | None = None) -> None:
        """Asks nothing yet.

        Args:
            settings: of a bucket.
            ca: an authority that is believed beside those of the system.

        Raises:
            MisconfiguredError: key or authority cannot be read.
        """
        self._prefix = settings.prefix
        # Whoever calls knows better whether to wait or to say so.
        self._store = _open(settings, ca, settings.timeout_s, retries=2)
        self._probe = _open(settings, ca, min(_PROBE_S, settings.timeout_s), retries=0)

    def prepare(self, *folders: str) -> None:
        """There are none."""

    def put(self, files: Mapping[str, bytes]) -> None:
        for name, data in files.items():
            media_type = _MEDIA_TYPES.get(Path(name).suffix, "application/octet-stream")
            with self._missing(name), _store_errors():
                obstore.put(
                    self._store,
                    self._prefix + name,
                    data,
                    attributes={"Content-Type": media_type},
                    use_multipart=False,  # whole or not at all
                )

    def get(self, name: str) -> bytes:
        with self._missing(name), _store_errors():
            return obstore.get(self._store, self._prefix + name).bytes().to_bytes()

    def get_range(self, name: str, info: FileInfo, start: int, end: int) -> bytes:
        options: GetOptions = {"range": (start, end), "if_match": info.etag}
        with self._missing(name), _store_errors():
            found = obstore.get(self._store, self._prefix + name, options=options)
            if found.meta["e_tag"] != info.etag:  # some servers take no conditions
                raise _unavailable("the object was replaced while it was read")
            return found.bytes().to_bytes()

    def head(self, name: str) -> FileInfo | None:
        try:
            with self._missing(name), _store_errors():
                found = obstore.head(self._store, self._prefix + name)
        except FileNotFoundError:
            return None
        return FileInfo(found["size"], found["last_modified"], found["e_tag"] or "")

    def changed_ns(self, folder: str) -> int | None:
        return None

    def names(self, folder: str) -> Iterator[str]:
        place = f"{self._prefix}{folder}/"
        pages = obstore.list(self._store, place, chunk_size=1000)
        while True:
            with self._missing(folder), _store_errors():
                page = next(pages, None)
            if page is None:
                return
            for meta in page:
                name = meta["path"].removeprefix(place)
                if "/" not in name:
                    yield name

    def copy(self, name: str, target: str) -> bool:
        """Not by the store's own copy: some servers remove the target before they read the source.

        A call that was repeated after a timeout could end with neither, once the source is erased.
        """
        if self.head(target) is not None:
            return True
        try:
            data = self.get(name)
        except FileNotFoundError:
            return False
        self.put({target: data})
        return True

    def delete(self, *names: str, for_good: bool = True) -> None:
        for name in names:
            with _store_errors():
                obstore.delete(self._store, self._prefix + name)

    def remove_asides(self, folder: str, older_than_s: float) -> int:
        """There are none."""
        return 0

    def check(self) -> None:
        self._look(".ready", self._store)

    def problem(self, folder: str) -> str | None:
        try:
            self._look(f"{folder}/.ready", self._probe)
        except (FilesUnavailableError, StorageFullError) as error:
            return f"{error.code}: {error.message}"
        return None

    def path(self, name: str) -> None:
        return None

    def link(self, name: str) -> str:
        with _store_errors():
            return obstore.sign(self._store, "GET", self._prefix + name, _LINK)

    def _look(self, name: str, store: S3Store) -> None:
        """Raises FilesUnavailableError where the bucket is not there.

        What lies below the name of a file is listed, which is nothing, so that it costs little.
        """
        try:
            with _store_errors():
                next(iter(obstore.list(store, f"{self._prefix}{name}/")), None)
        except FileNotFoundError as error:
            raise _unavailable(_NO_BUCKET) from error

    @contextmanager
    def _missing(self, name: str) -> Iterator[None]:
        """A file counts as missing only where the bucket is there."""
        try:
            yield
        except FileNotFoundError:
            self._look(name, self._store)
            raise


@contextmanager
def _store_errors() -> Iterator[None]:
    """Turns obstore's errors into ours; what a server says in them is kept for the log."""
    try:
        yield
    except exceptions.BaseError as error:
        text = str(error)
        if "NoSuchBucket" in text:
            raise _unavailable(_NO_BUCKET) from error
        if isinstance(error, exceptions.NotFoundError):
            raise FileNotFoundError("no such object") from error
        if isinstance(error, (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError)):
            raise FilesDeniedError(_DENIED, retry_after_s=_RETRY_AFTER_S) from error
        if any(word in text for word in _FULL):
            raise StorageFullError(_NO_ROOM, retry_after_s=_RETRY_AFTER_S) from error
        raise _unavailable("the object store does not answer as it should") from error


def _unavailable(reason: str) -> FilesUnavailableError:
    return FilesUnavailableError(f"{reason}; try again later", retry_after_s=_RETRY_AFTER_S)


def _open(settings: FilesSettings, ca: Path | None, timeout_s: float, retries: int) -> S3Store:
    timeout = timedelta(seconds=timeout_s)
    client: ClientConfig = {
        "allow_http": settings.endpoint.startswith("http:"),
        "connect_timeout": _CONNECT,
        "timeout": timeout,
    }
    if ca is not None:
        client["root_certificate"] = _read(ca)
    return S3Store(
        settings.bucket,
        config=_config(settings),
        client_options=client,
        retry_config={
            "max_retries": retries,
            "retry_timeout": timeout,
            "backoff": {"init_backoff": timedelta(milliseconds=100), "base": 2},
        },
    )


def _config(settings: FilesSettings) -> S3Config:
    config: S3Config = {"region": settings.region}
    if settings.endpoint:
        config["endpoint"] = settings.endpoint
    if key := settings.key():
        config |= {"access_key_id": key[0], "secret_access_key": key[1]}
    return config


def _read(ca: Path) -> bytes:
    try:
        return ca.read_bytes()
    except OSError as error:
        raise MisconfiguredError(f"{ca} cannot be read: {error.strerror}") from error
