"""Asks the graphs, and the peer, about crops of many faces in several processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime

from datasets import Sample, labels_of
from metrics import Floats, Predictions
from peer import PEER, Answers, Peer
from views import STRAIGHT, CropSource, View, as_deepface_feeds

GRAPH = "age_gender.onnx"
BATCH = 16

Session: TypeAlias = onnxruntime.InferenceSession
Chunk = tuple[str, list[int], View]

_state: _Worker | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """What is asked, and about what.

    Attributes:
        sources: where crops come from, by the name of whose boxes they are.
        graphs: folder of the graph, by the name of the variant.
        peer: the peer's file.
    """

    sources: Mapping[str, CropSource]
    graphs: Mapping[str, Path]
    peer: Path


@dataclass(frozen=True, slots=True)
class _Worker:
    """What each process holds."""

    sources: Mapping[str, CropSource]
    sessions: Mapping[str, Session]
    peer: Peer


def ask(
    pool: Any, samples: Sequence[Sample], boxes: str, rows: Sequence[int], view: View = STRAIGHT
) -> tuple[dict[str, Predictions], Answers]:
    """What each variant says of the crops of `rows`, and, of straight ones, what the peer does.

    Args:
        pool: processes that ran `start`.
        samples: all of them.
        boxes: whose; a name of `Task.sources`.
        rows: of `samples`.
        view: how far the boxes are off.
    """
    chunks: list[Chunk] = [
        (boxes, list(rows[at : at + BATCH]), view) for at in range(0, len(rows), BATCH)
    ]
    answers = pool.map(_ask_chunk, chunks, chunksize=1)
    labels = labels_of([samples[row] for row in rows])
    said = {
        name: Predictions(
            ages=np.concatenate([answer[name][0] for answer in answers]),
            genders=np.concatenate([answer[name][1] for answer in answers]),
            age_low=labels[:, 0].astype(np.float64),
            age_high=labels[:, 1].astype(np.float64),
            gender=labels[:, 2],
        )
        for name in answers[0]
        if name != PEER
    }
    return said, np.concatenate([answer[PEER] for answer in answers], axis=1)


def start(task: Task) -> None:
    """Prepares a process of the pool."""
    global _state
    cv2.setNumThreads(1)
    sessions = {name: session_of(folder / GRAPH) for name, folder in task.graphs.items()}
    _state = _Worker(task.sources, sessions, Peer(task.peer))


def session_of(graph: Path) -> Session:
    """A graph on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return Session(str(graph), options, ["CPUExecutionProvider"])


def run(session: Session, crops: npt.NDArray[np.uint8]) -> tuple[Floats, Floats]:
    """Probabilities of ages and genders for crops `(n, 224, 224, 3)`, uint8, RGB."""
    feed = {session.get_inputs()[0].name: as_deepface_feeds(crops)}
    ages, genders = session.run(["ages", "genders"], feed)
    return ages.astype(np.float64), genders.astype(np.float64)


def _ask_chunk(chunk: Chunk) -> dict[str, Any]:
    assert _state is not None
    boxes, rows, view = chunk
    source = _state.sources[boxes]
    crops = np.stack([source.crop(row, view) for row in rows])
    said: dict[str, Any] = {name: run(each, crops) for name, each in _state.sessions.items()}
    said[PEER] = _state.peer.ask(crops) if view == STRAIGHT else np.empty((0, len(rows), 2))
    return said
