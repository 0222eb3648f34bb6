"""Memory that a worker keeps from job to job."""

from __future__ import annotations

import subprocess
import sys

# As a worker does with the pixels of one image after another: all is freed at the end of each.
_JOBS = """
import resource, sys
from facepipe.system.memory import keep_freed_memory
def job():
    pixels = [b"x" * 5_500_000 for _ in range(4)]
    del pixels
if sys.argv[1] == "kept":
    keep_freed_memory()
for _ in range(3):
    job()
begin = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    job()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - begin)
"""


def _faults(how: str) -> int:
    asked = [sys.executable, "-c", _JOBS, how]
    return int(subprocess.run(asked, check=True, capture_output=True, text=True).stdout)


def test_the_memory_of_one_job_is_there_for_the_next() -> None:
    # given / when
    kept, given_back = _faults("kept"), _faults("given back")
    # then
    assert kept < 500
    assert given_back > 10_000
