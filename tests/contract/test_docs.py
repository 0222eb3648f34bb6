"""What the documents and the CI file point at is there."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from facepipe.version import VERSION
from tools.paths import ROOT

_LINK = re.compile(r"\[[^\]]*\]\(([^)#:]+)(?:#[^)]*)?\)")


def _documents() -> list[Path]:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listed.stdout.split()]


@pytest.mark.parametrize("document", _documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_links_inside_the_repository_lead_somewhere(document: Path) -> None:
    for target in _LINK.findall(document.read_text()):
        assert (document.parent / target).exists(), f"{document.name} links to {target}"


def test_the_map_names_every_document() -> None:
    linked = set(_LINK.findall((ROOT / "docs" / "README.md").read_text()))

    named = {path.name for path in (ROOT / "docs").iterdir()}
    assert named - {"README.md"} <= {target.rstrip("/") for target in linked}


def test_the_readme_shows_every_screenshot_and_none_is_heavy() -> None:
    shown = _LINK.findall((ROOT / "README.md").read_text())
    taken = list((ROOT / "docs" / "screenshots").iterdir())

    assert len(taken) == 6
    assert {f"docs/screenshots/{path.name}" for path in taken} <= set(shown)
    assert all(path.stat().st_size < 200_000 for path in taken)


def test_ci_runs_what_everybody_runs() -> None:
    workflow = (ROOT / ".github" / "workflows" / "check.yml").read_text()

    assert "- run: .ci/run\n" in workflow
    assert set(re.findall(r"uses: (\S+)@", workflow)) == {
        "actions/checkout",
        "actions/setup-python",
    }
    assert "://" not in workflow


def test_this_version_has_release_notes() -> None:
    assert f"\n## [{VERSION}] - 20" in (ROOT / "CHANGELOG.md").read_text()
