"""The short version of the damaged files of `make chaos`."""

from __future__ import annotations

from facepipe.files.formats import ACCEPTED_FORMATS
from tools.chaos.mutations import run_mutations, table
from tools.chaos.mutator import damaged_file
from tools.chaos.samples import FORMATS
from tools.stack_driver.local_stack import LocalStack


def test_damaged_files_of_every_format_break_nothing(stack: LocalStack) -> None:
    # Given a running stack
    stack.wait_ready()

    # When damaged files of every accepted format are sent
    report = run_mutations(stack, seed=11, files=96)
    print(table(report))

    # Then each is answered, each accepted one comes to its end, and nothing dies or swells
    assert report.broken == []
    assert report.files == 96
    assert {"202 accepted", "422 undecodable_image"} <= set(report.answers)
    assert sum(report.ended.values()) == report.answers["202 accepted"]


def test_a_damaged_file_is_the_same_each_time() -> None:
    assert set(ACCEPTED_FORMATS) == FORMATS
    assert damaged_file(3, 5) == damaged_file(3, 5) != damaged_file(4, 5)
