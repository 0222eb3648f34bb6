"""A worker host of the scale benchmark: both model stages, a worker each, until SIGTERM.

`python -m benchmarks.scale_host`; what it is called stands in FACEPIPE_STAGE_HOST.
"""

from __future__ import annotations

import signal

from facepipe import telemetry
from facepipe.stage.definition import Stage
from facepipe.stage.supervisor import Supervisor
from facepipe.stages import STAGES
from facepipe.system.settings import Settings


def main() -> None:
    settings = Settings()
    telemetry.setup("scale_host", settings)
    supervisors = [
        Supervisor(Stage(spec.service, spec.name, settings)) for spec in STAGES if spec.part
    ]
    for supervisor in supervisors:
        supervisor.start()
    signal.sigwait([signal.SIGTERM, signal.SIGINT])
    for supervisor in supervisors:
        supervisor.stop()
    telemetry.shutdown()


if __name__ == "__main__":
    # Before any thread is there: it is waited for, not handled.
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM, signal.SIGINT])
    main()
