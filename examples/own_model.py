"""Names the weights that the pipeline uses, and analyses again what others have analysed.

    python examples/own_model.py            # after `make import-model` and a restart

Your own detector lies in `volumes/models/`; docs/operations.md tells how it gets there. Results
that it has not made are found by their checksums, and made anew from the uploads.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from facepipe_client import Client, ModelInfo, NotFoundError, Result

A_DAY_S = 86_400.0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--api", default="http://127.0.0.1:8000")
    parser.add_argument("--key", default="")
    parser.add_argument("--count", action="store_true", help="count them, and change nothing")
    given = parser.parse_args()

    with Client(given.api, key=given.key) as pipeline:
        in_use = pipeline.stats().models
        for part, models in in_use.items():
            print(
                f"{part}: {' and '.join(f'{model.name} {model.sha256[:12]}' for model in models)}"
            )
        outdated = list(made_by_others(pipeline, in_use))
        print(f"{len(outdated)} results are of other weights")
        if given.count:
            return 0
        again = [image_id for image_id in outdated if analyse_again(pipeline, image_id)]
        pipeline.wait_all(again, A_DAY_S)
        print(f"{len(again)} were analysed again")
    return 0


def made_by_others(pipeline: Client, in_use: dict[str, list[ModelInfo]]) -> Iterator[str]:
    """The images whose result is of weights that are not in use."""
    for state in pipeline.images(status=["stored", "partial"]):
        result = pipeline.result(state.image_id)
        if any(model not in in_use.get(part, []) for part, model in models_of(result)):
            yield state.image_id


def models_of(result: Result) -> list[tuple[str, ModelInfo]]:
    return [(part, model) for part, model in result.models if model is not None]


def analyse_again(pipeline: Client, image_id: str) -> bool:
    """False where the upload was not kept, and the result has to stay as it is."""
    try:
        source = pipeline.file(image_id, "source")
    except NotFoundError:
        return False
    pipeline.upload(source, force=True, patience_s=A_DAY_S)
    return True


if __name__ == "__main__":
    sys.exit(main())
