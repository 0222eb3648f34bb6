"""What models run on: onnxruntime's execution providers for a configured device."""

from __future__ import annotations

from collections.abc import Sequence

from facepipe.domain.errors import ModelError

CPU = "CPUExecutionProvider"
CUDA = "CUDAExecutionProvider"


def execution_providers(device: str, available: Sequence[str]) -> list[str]:
    """The providers for `settings.stage.device`, "cpu" or "cuda", the preferred one first.

    Args:
        device: what the user asked for.
        available: what the installed onnxruntime offers.

    Raises:
        ModelError: a GPU was asked for and this onnxruntime cannot use one. Falling back in
            silence would leave the GPU idle and nobody the wiser.

    >>> execution_providers("cpu", [CUDA, CPU])
    ['CPUExecutionProvider']
    """
    if device == "cpu":
        return [CPU]
    if CUDA not in available:
        raise ModelError(
            "FACEPIPE_STAGE_DEVICE=cuda, and the installed onnxruntime offers only "
            f"{', '.join(available)}; use docker-compose.gpu.yml, or onnxruntime-gpu"
        )
    return [CUDA, CPU]


def check_device(device: str, used: Sequence[str]) -> None:
    """Refuses a session that onnxruntime has put on another device than was asked for.

    Where a library of CUDA is missing it says so in its log and takes the CPU.

    Args:
        device: what the user asked for.
        used: `session.get_providers()`.
    """
    if device == "cuda" and CUDA not in used:
        raise ModelError(
            "FACEPIPE_STAGE_DEVICE=cuda, and onnxruntime could not open the GPU: it would have "
            f"used {', '.join(used)}; its own log says what is missing"
        )
