"""Extract the listed photographs from git repositories that lie on this machine.

    extract.py --lists no_people.tsv --mirrors DIR --out DIR

`--mirrors` holds a git directory a repository, `OWNER+NAME/repo`. A list names repository, commit,
blob and path; each photograph is written as `BLOB.ENDING`, so that the same picture under two names
is one file. Prints what is absent.
"""

from __future__ import annotations

import argparse
import csv
import subprocess
from pathlib import Path


def extract(lists: list[Path], mirrors: Path, out: Path) -> int:
    """Write the photographs of the lists, each list into a folder of its name; count the absent."""
    absent = 0
    for listed in lists:
        folder = out / listed.stem
        folder.mkdir(parents=True, exist_ok=True)
        with listed.open(newline="") as file:
            for row in csv.DictReader(file, delimiter="\t"):
                target = folder / f"{row['blob']}{Path(row['path']).suffix.lower()}"
                if target.exists():
                    continue
                store = mirrors / row["repository"].replace("/", "+") / "repo"
                blob = subprocess.run(
                    ["git", f"--git-dir={store}", "cat-file", "blob", row["blob"]],
                    capture_output=True, check=False,
                )  # fmt: skip
                if blob.returncode:
                    print(f"absent: {row['repository']} {row['path']}")
                    absent += 1
                else:
                    target.write_bytes(blob.stdout)
    return absent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    here = Path(__file__).parent
    parser.add_argument("--lists", type=Path, nargs="+", default=sorted(here.glob("*.tsv")))
    parser.add_argument("--mirrors", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    raise SystemExit(1 if extract(args.lists, args.mirrors, args.out) else 0)


if __name__ == "__main__":
    main()
