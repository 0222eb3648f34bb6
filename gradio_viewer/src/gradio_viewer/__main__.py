"""Runs gradio_viewer: `python -m gradio_viewer`."""

from __future__ import annotations

from facepipe.web import service
from gradio_viewer.app import create_viewer_app
from gradio_viewer.settings import ViewerSettings


def main() -> None:
    settings = ViewerSettings()
    service.run("gradio_viewer", settings, create_viewer_app, settings.port.viewer)


if __name__ == "__main__":
    main()
