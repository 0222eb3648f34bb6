"""An environment takes of the lock what it declares, and what that needs in turn."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.setup import shares
from tools.setup.shares import BuildError, of_group, of_package

_LOCK = """\
# made up
a==1 \\
    --hash=sha256:aa
    # via b
B_x==2 \\
    --hash=sha256:bb
    # via
    #   -c (workspace)
    #   c.d
c.d==3 \\
    --hash=sha256:cc
e==4 \\
    --hash=sha256:ee
    # via B-x
"""
_PACKAGE = """\
[project]
name = "own-package"
dependencies = ["c.d>=3,<4 ; python_version > '3'"]
[project.optional-dependencies]
cpu = ["own-package", "a"]
gpu = ["a-gpu[cuda]"]
"""
_GROUPS = """\
[dependency-groups]
one = ["own-package[cpu]"]
both = [{include-group = "one"}, "e"]
"""


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one package, and a group that needs it."""
    folder = tmp_path / "shared"
    folder.mkdir()
    (folder / "pyproject.toml").write_text(_PACKAGE)
    groups = (
        '[dependency-groups]\none = ["own-package[cpu]"]\nboth = [{include-group = "one"}, "e"]\n'
    )
    (tmp_path / "pyproject.toml").write_text(groups)
    (tmp_path / "requirements.lock").write_text(_LOCK)
    monkeypatch.setattr(shares, "ROOT", tmp_path)
    monkeypatch.setattr(shares, "LOCK", tmp_path / "requirements.lock")
    shares._members.cache_clear()
    return folder


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    yield
    shares._members.cache_clear()


def names(share: shares.Share) -> list[str]:
    return [line.split("==")[0] for line in share.text().splitlines() if "==" in line]


def test_what_is_needed_in_turn_comes_with_it_and_nothing_else(project: Path) -> None:
    share = of_package(project, [])

    assert names(share) == ["B_x", "c.d", "e"]
    assert share.text().count("--hash=") == 3
    assert "#" not in share.text()


def test_the_usual_extra_is_taken_unless_another_is_named(project: Path) -> None:
    assert names(of_package(project)) == ["a", "B_x", "c.d", "e"]
    assert of_package(project, ["gpu"]).names == {"c-d", "a-gpu"}


def test_a_group_brings_our_own_packages_and_other_groups(project: Path) -> None:
    share = of_group("both")

    assert share.names == {"a", "c-d", "e"}
    assert share.folders == (project,)
    assert of_group("both", project).names == frozenset()


def test_what_is_not_locked_or_not_offered_is_named(project: Path) -> None:
    with pytest.raises(BuildError, match=r"a-gpu is not in requirements\.lock: make lock"):
        of_package(project, ["gpu"]).text()
    with pytest.raises(BuildError, match="shared has no extra tpu"):
        of_package(project, ["tpu"])


def test_every_requirement_on_others_is_declared_once() -> None:
    assert shares.declared() == ["a", "a-gpu[cuda]", "c.d>=3,<4 ; python_version > '3'", "e"]
