"""docs/reliability.md names tests that exist."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tools.paths import ROOT

_TEXT = (ROOT / "docs" / "reliability.md").read_text()
# A file, wherever it is, or a folder of tests; a test of it, or of the one named before it.
_PATH = r"(?:[\w.-]+/)+[\w.-]+\.py|(?:[\w.-]+/)*tests/(?:[\w.-]+/)*"
_NAMED = re.compile(rf"`({_PATH})?(?:::(test_\w+))?`")


def _named() -> Iterator[tuple[str, str]]:
    """Each path that is named, and each test with its path."""
    for line in _TEXT.splitlines():
        path = ""
        for found, test in _NAMED.findall(line):
            path = found or path
            if path and (found or test):
                yield path, test


def test_every_promise_names_a_test_that_there_is() -> None:
    for path, test in _named():
        place = ROOT / path
        assert place.exists(), f"{path} is named, and missing"
        if test:
            assert f"def {test}(" in place.read_text(), f"{path} has no {test}"


def test_no_name_of_a_test_is_passed_over() -> None:
    found = list(_named())

    assert sum(bool(test) for _, test in found) == len(re.findall(r"::test_", _TEXT))
    files = {path for path, _ in found if path.endswith(".py")}
    assert files == set(re.findall(r"[\w./-]+/[\w-]+\.py", _TEXT))
    assert len(files) > 40
