"""A folder that fills, with the profile `watch` of the shipped compose file."""

from __future__ import annotations

import time
from pathlib import Path

from facepipe_client import ImageState
from tests.support.compose_stack import ComposeStack

_WATCH = ("--profile", "watch")
_UP = (*_WATCH, "up", "--detach", "--wait", "--no-recreate", "watch_service")


def test_what_is_put_into_the_watched_folder_is_analysed_once(
    stack: ComposeStack, portraits: list[Path]
) -> None:
    # Given a stack that watches a folder
    stack.compose(*_UP)
    try:
        # When a photograph is put into it
        folder = stack.volumes / "watched" / "holiday"
        folder.mkdir()
        (folder / "from_the_folder.jpg").write_bytes(portraits[7].read_bytes() + b"watched")

        # Then it is analysed, under the name of its folder
        (image,) = _found(stack)
        assert image.image.folder == "holiday"
        assert stack.api.wait(image.image_id).status == "stored"

        # And not once more after a restart
        stack.compose(*_WATCH, "restart", "watch_service")
        stack.compose(*_UP)
        assert [one.generation for one in _found(stack)] == [1]
    finally:
        stack.compose(*_WATCH, "rm", "--stop", "--force", "watch_service")


def _found(stack: ComposeStack, timeout_s: float = 60) -> list[ImageState]:
    """The images of that name, as soon as there are some."""
    deadline = time.monotonic() + timeout_s
    while not (found := list(stack.api.images(name="from_the_folder"))):
        assert time.monotonic() < deadline, "nothing was sent"
        time.sleep(0.5)
    return found
