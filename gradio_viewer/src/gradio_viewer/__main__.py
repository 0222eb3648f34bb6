"""Runs gradio_viewer: `python -m gradio_viewer`."""

from __future__ import annotations

from facepipe import telemetry
from facepipe.service import serve
from gradio_viewer.app import create_viewer_app
from gradio_viewer.settings import ViewerSettings


def main() -> None:
    settings = ViewerSettings()
    telemetry.setup("gradio_viewer", settings)
    try:
        serve(create_viewer_app(settings), settings.host, settings.port.viewer)
    finally:
        telemetry.shutdown()


if __name__ == "__main__":
    main()
