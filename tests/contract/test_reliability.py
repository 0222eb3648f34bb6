"""docs/reliability.md names tests that exist."""

from __future__ import annotations

import re

from tools.paths import ROOT

_ROOTS = "tests|services|shared|gradio_viewer|tools"
_NAMED = re.compile(rf"`((?:{_ROOTS})/[\w/]+\.py)?(?:::(test_\w+))?`")


def test_every_promise_names_a_test_that_there_is() -> None:
    named = 0
    for line in (ROOT / "docs" / "reliability.md").read_text().splitlines():
        source = ""
        for path, test in _NAMED.findall(line):
            if path:
                file = ROOT / path
                assert file.is_file(), f"{path} is named, and missing"
                source = file.read_text()
            if test:
                assert f"def {test}(" in source, f"{test} is named, and missing: {line}"
            named += bool(path or test)
    assert named > 40
