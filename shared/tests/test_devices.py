from __future__ import annotations

import pytest

from facepipe.domain.errors import ModelError
from facepipe.system.devices import CPU, CUDA, check_device, execution_providers


def test_the_cpu_is_used_when_asked_for_even_beside_a_gpu() -> None:
    assert execution_providers("cpu", [CUDA, CPU]) == [CPU]


def test_a_gpu_comes_first_when_asked_for() -> None:
    assert execution_providers("cuda", [CPU, CUDA]) == [CUDA, CPU]


def test_a_gpu_that_cannot_be_used_is_an_error_and_no_silent_fallback() -> None:
    with pytest.raises(ModelError, match="onnxruntime-gpu"):
        execution_providers("cuda", [CPU])


def test_a_session_that_onnxruntime_put_on_the_cpu_instead_is_refused() -> None:
    check_device("cpu", [CPU])
    check_device("cuda", [CUDA, CPU])
    with pytest.raises(ModelError, match="CPUExecutionProvider"):
        check_device("cuda", [CPU])
