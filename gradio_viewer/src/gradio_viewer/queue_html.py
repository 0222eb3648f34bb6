"""The queue as everybody sees it: how much waits, how fast it goes, pause and go on."""

from __future__ import annotations

from datetime import datetime

from gradio_viewer.markup import Html, moment, tag
from gradio_viewer.pace import sentence


def queue(waiting: int, per_s: float | None, paused_at: datetime | None) -> Html | None:
    """A line with a button; nothing where nothing waits and nobody has paused the work."""
    if paused_at is not None:
        kept = f" {sentence(waiting, None)}" if waiting else " What is sent is kept and waits."
        said = tag("span", "Paused since ", moment(paused_at.isoformat()), f".{kept}")
        return _line(said, "Go on", "resume", "paused")
    if waiting:
        return _line(tag("span", sentence(waiting, per_s)), "Pause", "pause", "going")
    return None


def _line(said: Html, button: str, action: str, kind: str) -> Html:
    press = tag("button", button, type="button", class_="fp-button", data_do=action)
    return tag("div", said, press, id="queue", class_=f"fp-notice fp-{kind}")
