"""The services of the stack, and which ports each of them opens."""

from __future__ import annotations

from dataclasses import dataclass

from facepipe.stages import STAGES


@dataclass(frozen=True, slots=True)
class Service:
    """A process of the stack.

    Attributes:
        name: of the Python package, and of the environment it runs in.
        ports: fields of `port` in the settings; HTTP on the first.
        public: whether it listens on FACEPIPE_BIND, where users reach it.
        asked_by: the variable that has to be set for it to run; "" for those that always do.
        joins: whether a worker host runs it: it needs no folder of the first host.
    """

    name: str
    ports: tuple[str, ...]
    public: bool = False
    asked_by: str = ""
    joins: bool = False


SERVICES = (
    Service("logger_service", ("logger", "otlp")),
    Service("data_storage_service", ("storage", "store_grpc")),
    Service("plotter_service", ("plotter",)),
    *(Service(s.service, (str(s.name),), joins=True) for s in STAGES if s.part),
    Service("input_service", ("input",), public=True),
    Service("gradio_viewer", ("viewer",), public=True),
    Service("watch_service", ("watch",), asked_by="FACEPIPE_WATCH_DIR"),
)
