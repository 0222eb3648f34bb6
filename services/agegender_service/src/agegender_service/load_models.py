"""Loads the models of this stage; `python -m agegender_service.load_models` does only that.

It names them, or ends with 1 where they cannot be loaded. The build of the image runs it.
"""

from __future__ import annotations

import logging
import sys

from agegender_service.adapters.deepface import DeepFaceAgeGenderEstimator
from agegender_service.estimator import AgeGenderEstimator
from agegender_service.settings import AgeGenderServiceSettings, WeightsChoice
from agegender_service.weights import find_weights
from facepipe.domain.errors import ModelError
from facepipe.system.cpu import threads_per_worker

_log = logging.getLogger(__name__)


def load_estimator(settings: AgeGenderServiceSettings) -> AgeGenderEstimator | None:
    """The model that the setting names; None where it says that there shall be none.

    Raises:
        ModelNotFoundError: its weights are not where they should be.
        ModelError: its weights are not usable.
    """
    if settings.agegender.weights is WeightsChoice.NONE:
        _log.warning("faces come out without age and gender: FACEPIPE_AGEGENDER_WEIGHTS=none")
        return None
    weights = find_weights(settings)
    threads = threads_per_worker(settings.stage)
    estimator = DeepFaceAgeGenderEstimator(
        weights, threads, settings.agegender.batch_size, settings.stage.device
    )
    info = weights.info
    _log.info(
        "age and gender by %s on %d threads", info.name, threads, extra={"sha256": info.sha256}
    )
    return estimator


def main() -> int:
    try:
        estimator = load_estimator(AgeGenderServiceSettings())
    except ModelError as error:
        print(f"load_models: {error.message}", file=sys.stderr)
        return 1
    print(f"agegender: {estimator.model.name} {estimator.model.sha256}" if estimator else "none")
    return 0


if __name__ == "__main__":
    sys.exit(main())
