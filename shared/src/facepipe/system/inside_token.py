"""The inside token: what a service shows another one, and what nobody else has.

It stands in `FACEPIPE_ACCESS_TOKEN`, else in the file `FACEPIPE_ACCESS_TOKEN_FILE`; whoever
starts the stack makes it (`facepipe.make_secrets`). It is sent as
`authorization: Bearer TOKEN`, over HTTP as over gRPC. No message here carries it.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass, field
from pathlib import Path

from facepipe.domain.errors import MisconfiguredError
from facepipe.system.secret_file import read_secret

MIN_CHARS = 16
_SENDABLE = re.compile(rf"[\x21-\x7e]{{{MIN_CHARS},}}")
_SCHEME = "bearer "


@dataclass(frozen=True, slots=True)
class InsideToken:
    """A token that can be sent."""

    value: str = field(repr=False)

    def __post_init__(self) -> None:
        """Raises MisconfiguredError when it is too short, or could not be sent."""
        if _SENDABLE.fullmatch(self.value) is None:
            raise MisconfiguredError(
                f"the inside token must have at least {MIN_CHARS} characters, ASCII and no space"
            )

    @classmethod
    def read(cls, value: str, file: Path | None) -> InsideToken:
        """The token as it is set now, else as it stands in the file.

        Raises:
            MisconfiguredError: there is none, or the file cannot be read.
        """
        if value:
            return cls(value)
        if file is None:
            raise MisconfiguredError(
                "there is no inside token: `make start` and Docker Compose make one; for a service "
                "of your own set FACEPIPE_ACCESS_TOKEN, or FACEPIPE_ACCESS_TOKEN_FILE to a file "
                "that holds it"
            )
        return cls(read_secret("FACEPIPE_ACCESS_TOKEN", file))

    @property
    def headers(self) -> dict[str, str]:
        """To be sent with a request to another service."""
        return {"Authorization": f"Bearer {self.value}"}

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """The same for a gRPC call."""
        return (("authorization", f"Bearer {self.value}"),)

    def is_shown_by(self, authorization: str | bytes) -> bool:
        """Whether the value of an `authorization` header holds this token.

        How long it takes tells nothing about the token.
        """
        text = authorization if isinstance(authorization, str) else authorization.decode("latin-1")
        shown = text[len(_SCHEME) :].strip() if text[: len(_SCHEME)].lower() == _SCHEME else ""
        return hmac.compare_digest(_digest(shown), _digest(self.value))


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
