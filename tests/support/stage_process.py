"""A stage as a process of its own, in place of a service: `python -m tests.support.stage_process`.

It says where it listens, which Redis it uses and how patient it is by the environment.
"""

from __future__ import annotations

import json
import os

from facepipe import stage, telemetry
from facepipe.stages import StageName
from facepipe.system.settings import Settings
from facepipe.web import service
from tests.support.stage_jobs import ReportsInRedis


def main() -> None:
    settings = Settings()
    telemetry.setup("landmark_service", settings)
    tested = stage.Stage(
        name="landmark_service",
        queue=StageName.LANDMARK,
        settings=settings,
        patience=stage.Patience(**json.loads(os.environ["STAGE_TEST_PATIENCE"])),
        function="tests.support.stage_jobs.work",
    )
    app = stage.create_stage_app(tested, failures=ReportsInRedis())
    service.serve(app, settings.host, settings.port.landmark)
    telemetry.shutdown()


if __name__ == "__main__":
    main()
