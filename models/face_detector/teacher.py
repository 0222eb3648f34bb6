"""The teacher: yolov8n-face, which names faces, how sure it is, and five points of each.

It is read from the peers' folder and never committed. Where a photograph has no labels, or labels
without points, what it says is what the student learns.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Found = npt.NDArray[np.float32]
"""(n, 15): x1, y1, x2, y2, five points x, y (eyes, nose, corners of the mouth), score."""

SIDE, GREY = 640, 114
LEAST_SCORE, NMS_IOU = 0.25, 0.5
POINTS = [channel for point in range(5) for channel in (5 + 3 * point, 6 + 3 * point)]


class Teacher:
    """The int8 network under LiteRT, one thread."""

    def __init__(self, path: Path) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self.interpreter = Interpreter(str(path), num_threads=1)
        self.interpreter.allocate_tensors()
        self.source = self.interpreter.get_input_details()[0]
        self.target = self.interpreter.get_output_details()[0]

    def __call__(self, image: Image, border: float = 0.0) -> Found:
        """Find faces in (H, W, 3) BGR; `border`: share of the long side to add by its edges."""
        margin = round(border * max(image.shape[:2]))
        if margin:
            sides = (margin, margin, margin, margin)
            image = np.asarray(cv2.copyMakeBorder(image, *sides, cv2.BORDER_REPLICATE), np.uint8)
        scale = SIDE / max(image.shape[:2])
        height, width = (max(1, round(edge * scale)) for edge in image.shape[:2])
        padded = np.full((SIDE, SIDE, 3), GREY, np.uint8)
        padded[:height, :width] = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        output = self._run(padded[None, ..., ::-1].astype(np.float32) / np.float32(255))
        output = output[:, output[4] > LEAST_SCORE]
        centre, size = output[:2].T, output[2:4].T
        boxes = np.hstack([centre - size / 2, size])
        kept = cv2.dnn.NMSBoxes(boxes.tolist(), output[4].tolist(), LEAST_SCORE, NMS_IOU)
        chosen = np.array(kept, int).ravel()
        corners = np.hstack([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]])
        places = np.hstack([corners, output[POINTS].T]) / scale - margin
        return np.asarray(np.hstack([places, output[4][:, None]])[chosen], np.float32)

    def _run(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Give (20, anchors): box in pixels, score, five times x, y and whether it is seen."""
        step, zero = self.source["quantization"]
        if step:
            values = (values / step + zero).round().clip(-128, 127).astype(self.source["dtype"])
        self.interpreter.set_tensor(self.source["index"], values)
        self.interpreter.invoke()
        output = np.asarray(self.interpreter.get_tensor(self.target["index"])[0], np.float32)
        step, zero = self.target["quantization"]
        output = (output - zero) * step if step else output
        if output[:4].max() < 4:  # boxes and points as shares of the input
            output[[0, 1, 2, 3, *POINTS]] *= SIDE
        return output
