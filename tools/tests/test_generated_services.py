"""The lists of services in pyproject.toml follow the folders."""

from __future__ import annotations

from tools.generate.services import filled
from tools.paths import ROOT, VIEWER

_LISTS = """\
paths = [
  # Services, written by `make format`:
  "$MYPY_CONFIG_FILE_DIR/services/old_service/src",
  "$MYPY_CONFIG_FILE_DIR/gradio_viewer/src",
]
modules = [
  # Services, written by `make format`:
  "old_service", "gradio_viewer",
  "tools",
]
"""


def test_a_new_service_stands_in_every_list_and_an_old_one_in_none() -> None:
    text = filled(_LISTS, [ROOT / "services" / "new_service", VIEWER])

    assert "old_service" not in text
    assert '  "$MYPY_CONFIG_FILE_DIR/services/new_service/src",\n' in text
    assert '  "new_service", "gradio_viewer",\n  "tools",\n' in text
    assert filled(text, [ROOT / "services" / "new_service", VIEWER]) == text
