"""What can go wrong here, each with a message that says what to do."""

from __future__ import annotations


class StackError(Exception):
    """The verb could not do its work; the message is printed, without a traceback."""
