"""Counts the images that a search finds, and the faces in them by gender and age.

    python examples/count_set.py --since 2026-11-01 --min-age 18

Faces whose age and gender are not reliable are counted apart.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator

from facepipe_client import AgeGender, Client, Filters


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--since", help="day or moment of arrival, ISO 8601")
    parser.add_argument("--gender", choices=("female", "male"))
    parser.add_argument("--min-age", type=int)
    parser.add_argument("--max-age", type=int)
    parser.add_argument("--api", default="http://127.0.0.1:8000")
    parser.add_argument("--key", default="")
    given = parser.parse_args()

    filters: Filters = {"status": ["stored", "partial"]}
    if given.since:
        filters["received_after"] = given.since
    if given.gender:
        filters["gender"] = given.gender
    if given.min_age is not None:
        filters["min_age"] = given.min_age
    if given.max_age is not None:
        filters["max_age"] = given.max_age

    with Client(given.api, key=given.key) as pipeline:
        counts = Counter(counted(pipeline, filters))
    for what, number in sorted(counts.items()):
        print(f"{what:24}{number:8}")
    return 0


def counted(pipeline: Client, filters: Filters) -> Iterator[str]:
    """What each image and each of its faces counts as."""
    for state in pipeline.images(**filters):
        yield "images"
        for face in pipeline.result(state.image_id).faces:
            yield "faces"
            yield from kinds(face.agegender)


def kinds(estimate: AgeGender) -> Iterator[str]:
    if not estimate.reliable or estimate.age is None:
        yield "faces, not reliable"
        return
    decade = estimate.age // 10 * 10
    yield f"faces, {estimate.gender}"
    yield f"faces, {decade:02}-{decade + 9:02} years"


if __name__ == "__main__":
    sys.exit(main())
