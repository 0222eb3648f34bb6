"""Configuration of gradio_viewer, `FACEPIPE_VIEWER_*`."""

from __future__ import annotations

from pydantic import BaseModel, Field

from facepipe.system.settings import Settings


class ViewerSection(BaseModel):
    page_size: int = Field(default=24, ge=1, le=200, description="images on a page of results")
    max_side: int = Field(default=1600, ge=256, description="longest side of an image shown, px")
    decoders: int = Field(default=1, ge=1, description="images prepared for showing side by side")
    user: str = Field(default="viewer", description="name of the login")
    password: str = Field(default="", repr=False, description="password of the login, if any")
    key: str = Field(default="", repr=False, description="API key with which the page calls")


class ViewerSettings(Settings):
    """Everything that gradio_viewer reads from the environment."""

    viewer: ViewerSection = ViewerSection()
