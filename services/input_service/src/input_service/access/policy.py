"""Who is let in, by the settings; and when the service had better not start."""

from __future__ import annotations

from facepipe.domain.errors import ForbiddenError, MisconfiguredError, UnauthorizedError
from input_service.access.keyring import ALL_SCOPES, ApiKey, KeyRing, Scope, parse_keys
from input_service.settings import InputSettings

ANYBODY = ApiKey("anybody", ALL_SCOPES, "")
"""Whoever calls where no key is asked for."""

OF_EVERYBODY = "/v1/queue/"
"""Calls that stop or start the work for all."""


class UnsafeSettingsError(MisconfiguredError):
    """The settings would open the API to a network by accident, or cannot be read."""


class AccessPolicy:
    """Tells callers by their keys."""

    def __init__(self, settings: InputSettings) -> None:
        """Raises UnsafeSettingsError, with what to do about it."""
        access = settings.access
        keys = _keys(settings)
        # Workers on other hosts read uploads with it.
        inside = ApiKey.of("inside", [Scope.READ], settings.inside_token.value)
        self._keys = KeyRing([*keys, inside])
        self.is_required = bool(keys) and not access.open
        if not keys and not access.open and settings.is_published:
            raise UnsafeSettingsError(
                f"FACEPIPE_BIND={settings.bind} opens the API to other machines, and there is no "
                "API key. Make one with `python -m input_service.keys new NAME --scopes "
                "read,write,delete` and store it in FACEPIPE_ACCESS_KEYS, or set "
                "FACEPIPE_ACCESS_OPEN=true to let everybody in."
            )

    def caller(self, key: str | None) -> ApiKey:
        """Whose key it is. Raises UnauthorizedError where one is needed."""
        known = self._keys.find(key) if key else None
        if known is not None:
            return known
        if self.is_required:
            raise UnauthorizedError(
                "this API key is not known"
                if key
                else "send an API key as `Authorization: Bearer KEY` or as `X-API-Key: KEY`"
            )
        return ANYBODY


def require_scope(caller: ApiKey, method: str, path: str) -> None:
    """Raises ForbiddenError when the key does not allow the call."""
    if method in ("GET", "HEAD", "OPTIONS"):
        needed = Scope.READ
    elif path.startswith(OF_EVERYBODY):
        needed = Scope.ADMIN
    else:
        needed = Scope.DELETE if method == "DELETE" else Scope.WRITE
    if needed not in caller.scopes:
        raise ForbiddenError(f"the key {caller.name} lacks the scope {needed}")


def _keys(settings: InputSettings) -> list[ApiKey]:
    access = settings.access
    try:
        keys = parse_keys(access.keys)
        if access.keys_file is not None:
            keys += parse_keys(access.keys_file.read_text())
    except (OSError, ValueError) as error:
        raise UnsafeSettingsError(f"the API keys cannot be read: {error}") from error
    if settings.viewer.key:
        keys.append(ApiKey.of("viewer", ALL_SCOPES, settings.viewer.key))
    return keys
