"""What a visitor has sent lately, in memory, so that a page that is loaded again still knows it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from gradio_viewer.list_html import Upload

MAX_UPLOADS = 1000  # of a visitor
MAX_VISITORS = 500


@dataclass(slots=True)
class Batch:
    """The files of a visitor, oldest first.

    Attributes:
        sending: calls that are on their way.
        sent_alone_by: the opened page that sent one file alone, if its last call did.
    """

    uploads: list[Upload] = field(default_factory=list)
    sending: int = 0
    sent_alone_by: str | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, upload: Upload) -> None:
        self.uploads = [*self.uploads, upload][-MAX_UPLOADS:]
        self.changed.set()

    @contextmanager
    def being_sent(self) -> Iterator[None]:
        """A call begins; what finished before it is put away."""
        if not self.sending:
            self.uploads = [upload for upload in self.uploads if not upload.is_final]
        self.sending += 1
        try:
            yield
        finally:
            self.sending -= 1
            self.changed.set()


class Recent:
    """The batches of all visitors; those who were away longest are forgotten first."""

    def __init__(self) -> None:
        self._batches: OrderedDict[str, Batch] = OrderedDict()

    def of(self, visitor: str) -> Batch:
        batch = self._batches.setdefault(visitor, Batch())
        self._batches.move_to_end(visitor)
        if len(self._batches) > MAX_VISITORS:
            self._batches.popitem(last=False)
        return batch
