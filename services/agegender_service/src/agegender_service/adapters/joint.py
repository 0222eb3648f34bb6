"""One graph with several answers, run once for each batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime as ort

Batch = npt.NDArray[np.float32]


class JointGraph:
    """Keeps the answers to a batch until it is asked about another.

    Args:
        session: of a graph with one input.
    """

    def __init__(self, session: ort.InferenceSession) -> None:
        self._session = session
        self.outputs = [output.name for output in session.get_outputs()]
        self._batch: Batch | None = None
        self._answers: dict[str, Any] = {}

    @property
    def inputs(self) -> Any:
        return self._session.get_inputs()

    def answer(self, output: str, batch: Batch) -> Any:
        """One answer to the batch; the others cost nothing then, for the same array."""
        if batch is not self._batch:
            self._answers = dict(zip(self.outputs, self._run(batch), strict=True))
            self._batch = batch
        return self._answers[output]

    def _run(self, batch: Batch) -> list[Any]:
        return list(self._session.run(None, {self.inputs[0].name: batch}))

    def forget(self) -> None:
        """Lets the last batch and its answers go."""
        self._batch, self._answers = None, {}


class OneOutput:
    """What a client of DeepFace takes for its session: the graph with one of its answers."""

    def __init__(self, graph: JointGraph, output: str) -> None:
        self._graph, self._output = graph, output

    def get_inputs(self) -> Any:
        return self._graph.inputs

    def run(self, _names: object, feed: Mapping[str, Batch]) -> list[Any]:
        (batch,) = feed.values()
        return [self._graph.answer(self._output, batch)]
