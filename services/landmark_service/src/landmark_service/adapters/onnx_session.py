"""A session of onnxruntime that shares the machine with others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import onnxruntime

from facepipe.domain.errors import ModelError
from facepipe.system.devices import check_device, execution_providers


def open_session(path: Path, threads: int, device: str) -> Any:
    """Load a graph.

    Args:
        path: the ONNX file.
        threads: of onnxruntime.
        device: "cpu" or "cuda".

    Raises:
        ModelError: it is no graph that can be run, or the device is not there.
    """
    # onnxruntime left alone pins a thread to every core and asks no container for its quota.
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Threads that spin between two runs take the time of other workers.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    providers = execution_providers(device, onnxruntime.get_available_providers())
    try:
        session = onnxruntime.InferenceSession(path, options, providers=providers)
    except Exception as error:  # onnxruntime's errors have no common type of their own
        raise ModelError(f"{path} is no ONNX model that can be run: {error}") from error
    check_device(device, session.get_providers())
    return session
