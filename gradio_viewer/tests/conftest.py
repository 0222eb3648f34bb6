"""A fake input API on a free port, for the viewer to talk to."""

from __future__ import annotations

import asyncio
import gc
import importlib
import sys
from collections.abc import Iterator

import pytest

from tests.support.fake_input_api import FakeApi, serving

# This folder's parent has the name of the package. pytest makes a module of the folder; the
# package has to take its place before a test imports it.
if getattr(sys.modules.get("gradio_viewer"), "__file__", None) is None:
    sys.modules.pop("gradio_viewer", None)
    importlib.import_module("gradio_viewer")


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """What Gradio leaves open is collected here, where its warnings are let pass."""
    yield
    asyncio.set_event_loop(None)  # it makes one that nobody runs
    gc.collect()


@pytest.fixture
def fake() -> FakeApi:
    return FakeApi()


@pytest.fixture
def address(fake: FakeApi) -> Iterator[str]:
    with serving(fake.app) as address:
        yield address
