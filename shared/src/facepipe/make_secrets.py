"""Makes the secrets of a stack before it starts: `python -m facepipe.make_secrets FOLDER`.

    FOLDER/<who>/access-token      the inside token, the same for all
    FOLDER/<who>/redis-password    of the user of that name in Redis, for those who have one
    FOLDER/redis/redis-password    of the operator, Redis' user `default`, who may do everything
    FOLDER/redis/users.acl         what Redis is told: each user with the hash of the password
    FOLDER/postgres/password       with --postgres HOST: of PostgreSQL's user and database facepipe
    FOLDER/data_storage_service/database-url   where data_storage_service finds that database

Each service gets a folder of its own, so that a container can be shown that one alone. What is
there already stays; what is set by `FACEPIPE_ACCESS_TOKEN` and `FACEPIPE_REDIS_PASSWORD` (the
operator's) replaces it. To rotate a secret, remove its files and start again.
"""

from __future__ import annotations

import argparse
import os
import secrets
import sys
from dataclasses import dataclass
from pathlib import Path

from facepipe.domain.errors import MisconfiguredError
from facepipe.queue.redis_acl import WATCHER, WORKER, acl_file, grants
from facepipe.stages import STAGES
from facepipe.system.inside_token import InsideToken
from facepipe.system.settings import Settings

ACCESS_TOKEN = "access-token"  # noqa: S105  # the name of a file
REDIS_PASSWORD = "redis-password"  # noqa: S105  # pragma: allowlist secret  # the same
DATABASE_URL = "database-url"
REDIS = "redis"
POSTGRES = "postgres"
HOLDERS = (
    "input_service",
    *(spec.service for spec in STAGES if spec.part),
    "data_storage_service",
    "logger_service",
    "plotter_service",
    "gradio_viewer",
    "watch_service",
    WATCHER,
    WORKER,
)


@dataclass(frozen=True, slots=True)
class Vault:
    """The folder of the secrets.

    Attributes:
        folder: with a folder for each of those who have one.
        owner: user id that the files are given to, and whose group may read them; None leaves
            them to this process' user alone.
    """

    folder: Path
    owner: int | None = None

    def path(self, who: str, name: str) -> Path:
        return self.folder / who / name

    def share_token(self, chosen: str = "") -> InsideToken:
        """Gives everybody the inside token: the one that is chosen, or there, or a new one.

        Raises:
            MisconfiguredError: the one that is chosen, or there, cannot be used.
        """
        paths = [self.path(who, ACCESS_TOKEN) for who in HOLDERS]
        token = InsideToken(chosen or _first_text(paths) or secrets.token_urlsafe(32))
        for path in paths:
            self.keep(path, token.value)
        return token

    @property
    def users_of_redis(self) -> Path:
        """What Redis is told of its users."""
        return self.path(REDIS, "users.acl")

    def share_redis(self, operator: str = "") -> None:
        """Gives each user of Redis a password, and Redis their hashes.

        Args:
            operator: password of the user `default`; "" keeps what is there, or makes one.
        """
        passwords = {user: self._password(user) for user in grants()}
        operator = self._password(REDIS, operator)
        self.keep(self.users_of_redis, acl_file(passwords, operator))

    def share_database(self, host: str) -> None:
        """Gives PostgreSQL a password, once, and data_storage_service the address with it."""
        path = self.path(POSTGRES, "password")
        password = _text(path) or secrets.token_urlsafe(32)
        self.keep(path, password)
        url = f"postgresql://facepipe:{password}@{host}/facepipe"
        self.keep(self.path("data_storage_service", DATABASE_URL), url)

    def _password(self, who: str, chosen: str = "") -> str:
        path = self.path(who, REDIS_PASSWORD)
        password = chosen or _text(path) or secrets.token_urlsafe(32)
        self.keep(path, password)
        return password

    def keep(self, path: Path, text: str) -> None:
        """Writes a secret, unless it stands there already."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _text(path) != text:
            write_privately(path, f"{text}\n")
        if self.owner is not None:
            os.chown(path, self.owner, -1)
            path.chmod(0o440)
        else:
            path.chmod(0o600)


def write_privately(path: Path, text: str) -> None:
    """Writes a file that nobody but its owner can read, at no moment."""
    aside = path.with_name(f"{path.name}.new")
    aside.unlink(missing_ok=True)
    with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    aside.replace(path)


def _first_text(paths: list[Path]) -> str:
    return next((text for path in paths if (text := _text(path))), "")


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        return ""


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m facepipe.make_secrets")
    options.add_argument("folder", type=Path)
    options.add_argument("--owner", type=int, help="user id that the files are given to")
    options.add_argument("--postgres", metavar="HOST", help="of a PostgreSQL for the ledger")
    chosen = options.parse_args()
    settings = Settings()
    try:
        vault = Vault(chosen.folder, chosen.owner)
        vault.share_token(settings.access.token)
        vault.share_redis(settings.redis.password)
        if chosen.postgres:
            vault.share_database(chosen.postgres)
    except (MisconfiguredError, OSError) as error:
        sys.exit(f"the secrets cannot be made: {error}")


if __name__ == "__main__":
    main()
