"""What went wrong with the input API, in a sentence for the page."""

from __future__ import annotations

from facepipe_client import AsyncClient, ClientError, NoAnswerError, UnexpectedAnswerError


def told(api: AsyncClient, error: ClientError) -> str:
    """The API's own words where it has said something."""
    if isinstance(error, NoAnswerError):
        return f"The input API at {api.address} does not answer."
    if isinstance(error, UnexpectedAnswerError):
        return f"What answers at {api.address} is not the input API, or another version of it."
    return str(error)
