"""The one way to Redis: where it is, the password, and what is said when it is refused.

The user is the one in the address, else `FACEPIPE_REDIS_USER`; `facepipe.queue.redis_acl` says what
each may do. The password is the one in the address, else `FACEPIPE_REDIS_PASSWORD`, else what
stands in the file `FACEPIPE_REDIS_PASSWORD_FILE`. The file is read for every new connection, so
another password needs no restart of those who connect. No message here carries a password.
"""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from redis import CredentialProvider, Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, RedisError
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

from facepipe.system.settings import RedisSettings

# What to look for in logs and in the answers of `/readyz`.
AUTH_FAILED = "redis_auth_failed"


def connect_redis(settings: RedisSettings, timeout_s: float = 5.0) -> Redis:
    """A client that fails within `timeout_s` instead of trying again behind one's back.

    Redis is a cache and a queue here: whoever calls knows better than the driver whether to
    wait, to go on without, or to answer 503. Nothing is asked of Redis yet, so a password that
    is wrong or missing shows with the first command, as an `AuthenticationError`.
    """
    trust = {"ssl_ca_certs": str(settings.ca_file)} if settings.is_checked else {}
    return Redis.from_url(
        _without_login(settings.url),
        **trust,
        credential_provider=_Login(settings) if _has_login(settings) else None,
        socket_timeout=timeout_s,
        socket_connect_timeout=min(2.0, timeout_s),
        retry=Retry(NoBackoff(), 0),
        # Both would be sent by a command that no service needs, nor may use.
        driver_info=None,
        maint_notifications_config=MaintNotificationsConfig(enabled=False),
        encoding_errors="surrogateescape",  # `facepipe.queue.jobs.id_text`
    )


def redis_problem(redis: Redis) -> str | None:
    """A check of `/readyz`: why Redis cannot be used, None when it can."""
    try:
        redis.ping()
    except AuthenticationError as error:
        return explain(error)
    except RedisError as error:
        return f"does not answer: {error}"
    return None


def explain(error: Exception) -> str:
    """An error as logs show it; `redis_auth_failed` stands before one of the password."""
    if isinstance(error, AuthenticationError):
        return f"{AUTH_FAILED}: {error} (see FACEPIPE_REDIS_PASSWORD)"
    return str(error)


def shown_address(url: str) -> str:
    """The address of a Redis without login and options, for people to read.

    >>> shown_address("rediss://:secret@queue:6379/1?ssl_cert_reqs=none")
    'rediss://queue:6379/1'
    """
    return _without_login(url).partition("?")[0].partition("#")[0]


class _Login(CredentialProvider):
    """User, if any, and password, as they stand at the moment of connecting."""

    def __init__(self, settings: RedisSettings) -> None:
        self._settings = settings
        address = urlsplit(settings.url)
        self._user = unquote(address.username or "") or settings.user
        self._url_password = unquote(address.password or "")

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        password = self._url_password or self._settings.password or self._from_file()
        return (self._user, password) if self._user else (password,)

    def _from_file(self) -> str:
        path = self._settings.password_file
        if path is None:
            raise AuthenticationError("there is a user and no password")
        try:
            password = path.read_text().rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            raise AuthenticationError(f"{path} cannot be read: {reason}") from error
        if not password:
            raise AuthenticationError(f"{path} is empty")
        return password


def _has_login(settings: RedisSettings) -> bool:
    is_set = settings.user or settings.password or settings.password_file is not None
    return bool(is_set or "@" in urlsplit(settings.url).netloc)


def _without_login(url: str) -> str:
    netloc = urlsplit(url).netloc
    return url.replace(f"//{netloc}", f"//{netloc.rpartition('@')[2]}", 1)
