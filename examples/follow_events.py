"""Sends photographs and tells how far each of them is, from the events of the API.

python examples/follow_events.py family.jpg friends.jpg
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from facepipe_client import STATUS_WORDS, AsyncClient, ClientError, ImageState


async def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--api", default="http://127.0.0.1:8000")
    parser.add_argument("--key", default="")
    given = parser.parse_args()

    async with AsyncClient(given.api, key=given.key) as pipeline:
        ended = await asyncio.gather(*(follow(pipeline, photo) for photo in given.photos))
    return 0 if all(ended) else 1


async def follow(pipeline: AsyncClient, photo: Path) -> bool:
    """Whether the photograph came to its result."""
    try:
        accepted = await pipeline.upload(photo, urgent=True, patience_s=60)
        async for state in pipeline.follow(accepted.image_id):
            print(f"{photo.name}: {told(state)}", flush=True)
    except ClientError as error:
        print(f"{photo.name}: {error}", file=sys.stderr)
        return False
    return state.status == "stored"


def told(state: ImageState) -> str:
    words = STATUS_WORDS.get(state.status, state.status)
    if state.error:
        return f"{words}: {state.error.message}"
    return f"{words}, faces: {state.num_faces}" if state.status == "stored" else words


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
