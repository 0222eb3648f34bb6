"""`make audit`: the known flaws of every package that is locked.

pip-audit asks the OSV database about each pin. Where that cannot be reached, or something else
answers in its place, an audit would find nothing and pass; so it is first asked about a release
whose flaws are known, and counts only if it knows them.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tools.paths import LOCK
from tools.setup.environments import dev

OSV = "https://api.osv.dev/v1/query"
# Exit code of an audit that could not take place: EX_TEMPFAIL of sysexits.h.
NOT_RUN = 75
_FLAWED = "jinja2==2.4.1"  # e.g. CVE-2014-1402, CVE-2016-10745
_OPTIONS = ["--disable-pip", "--strict", "--progress-spinner", "off", "--desc", "off"]


def audit(locks: Sequence[Path], url: str = OSV, timeout_s: int = 10) -> int:
    """0: no flaw is known; 1: there is one, or a package is unknown; NOT_RUN: nobody to ask."""
    program = [str(dev().folder / "bin" / "pip-audit"), *_OPTIONS, "--timeout", str(timeout_s)]
    program += ["--vulnerability-service", "osv", "--osv-url", url]
    if not _knows_flaws(program):
        print(f"not run: the advisory database is unreachable ({url})", flush=True)
        return NOT_RUN
    files = [part for lock in locks for part in ("--requirement", str(lock))]
    found = subprocess.run([*program, "--require-hashes", *files], check=False)
    return 1 if found.returncode else 0


def _knows_flaws(program: Sequence[str]) -> bool:
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as flawed:
        flawed.write(_FLAWED)
        flawed.flush()
        command = [*program, "--no-deps", "--format", "json", "--requirement", flawed.name]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return answer.returncode == 1 and '"vulns": [{' in answer.stdout


if __name__ == "__main__":
    sys.exit(audit([LOCK]))
