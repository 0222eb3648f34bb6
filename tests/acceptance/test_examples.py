"""The programs of examples/ do what their first lines say."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from pathlib import Path

from tests.acceptance.conftest import Album, Fresh
from tests.support.running_stack import Stack
from tools.paths import ROOT
from tools.stack_driver.photos import resized


def test_a_folder_becomes_a_table_of_faces(
    stack: Stack, fresh: Fresh, portraits: list[Path], tmp_path: Path
) -> None:
    # Given a folder with three portraits and something else
    folder, table = tmp_path / "photos", tmp_path / "faces.csv"
    (folder / "below").mkdir(parents=True)
    for number, name in enumerate(("a.jpg", "b.jpg", "below/c.jpg")):
        (folder / name).write_bytes(fresh(resized(portraits[number], 600)))
    (folder / "notes.txt").write_text("no photograph")

    done = _run(stack, "folder_to_csv.py", folder, table, expected=1)

    # Then each portrait has a row, and the other file is told
    with table.open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert [(row["file"], row["face"]) for row in rows] == [
        ("a.jpg", "0"),
        ("b.jpg", "0"),
        ("c.jpg", "0"),
    ]
    assert all(int(row["x1"]) < int(row["x2"]) and row["age"] for row in rows)
    assert re.search(r"notes\.txt: .*not an image", done.stderr)


def test_photographs_are_followed_to_their_end(
    stack: Stack, fresh: Fresh, portraits: list[Path], tmp_path: Path
) -> None:
    photos = [tmp_path / "a.jpg", tmp_path / "b.jpg"]
    for number, photo in enumerate(photos):
        photo.write_bytes(fresh(resized(portraits[number + 3], 600)))

    told = _run(stack, "follow_events.py", *photos).stdout.splitlines()

    for name in ("a.jpg", "b.jpg"):
        assert [line for line in told if line.startswith(name)][-1] == f"{name}: done, faces: 1"


def test_weights_are_named_and_no_result_is_of_others(stack: Stack, album: Album) -> None:
    told = _run(stack, "own_model.py", "--count").stdout

    for part, model in album.documents[album.group]["models"].items():
        assert f"{part}: {model['name']} {model['sha256'][:12]}\n" in told
    assert "\n0 results are of other weights\n" in told


def test_a_set_is_counted(stack: Stack, album: Album) -> None:
    # Given what the album's documents say of its time
    first = min(state["received_at"] for state in album.states.values())

    told = _run(stack, "count_set.py", "--since", first, "--min-age", "1").stdout

    counts = {name.strip(): int(number) for name, number in _LINE.findall(told)}
    assert counts["images"] >= len(album.ids) - 2  # without the first one, and nobody
    assert counts["faces"] >= sum(d["num_faces"] for d in album.documents.values()) - 1
    of_a_gender = counts.get("faces, female", 0) + counts.get("faces, male", 0)
    assert of_a_gender + counts.get("faces, not reliable", 0) == counts["faces"]


_LINE = re.compile(r"^(.{24}) *(\d+)$", re.MULTILINE)


def _run(
    stack: Stack, program: str, *arguments: str | Path, expected: int = 0
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "examples" / program, *arguments, "--api", stack.api.address]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == expected, done.stdout + done.stderr
    return done
