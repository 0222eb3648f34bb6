"""MediaPipe's landmark graph on regions of our own."""

from __future__ import annotations

import math
import threading
from typing import Any

import cv2
import numpy as np
from google.protobuf import text_format
from mediapipe.framework import calculator_pb2
from mediapipe.framework.formats import rect_pb2
from mediapipe.python import packet_creator, packet_getter

from facepipe.domain.analysis import ModelInfo, PartError
from facepipe.domain.errors import ModelError
from facepipe.domain.geometry import BoundingBox
from facepipe.files.imaging import RgbImage
from facepipe.files.models import FACE_MESH_WITH_ATTENTION
from landmark_service.adapters.mediapipe_runtime import MESH_FILE, prepare
from landmark_service.faces import FloatArray, Mesh
from landmark_service.mesh_geometry import Region, region_of_box
from landmark_service.mesh_search import Fit, find_mesh

# Written by the subgraph, though not an output of it.
_PRESENCE = "facelandmarkcpu__face_presence_score"
_GRAPH = f"""
    input_stream: "image"
    input_stream: "region"
    input_side_packet: "with_attention"
    output_stream: "landmarks"
    output_stream: "{_PRESENCE}"
    num_threads: 1
    node {{
      calculator: "FaceLandmarkCpu"
      input_stream: "IMAGE:image"
      input_stream: "ROI:region"
      input_side_packet: "WITH_ATTENTION:with_attention"
      output_stream: "LANDMARKS:landmarks"
    }}
"""
# The model sees 192 pixels a side; this much of the image in any direction and at any roll.
_PATCH_PIXELS = 480
_PATCH_MARGIN = 1.5


class MediaPipeFaceLandmarker:
    """478 landmarks a face, from the model inside the mediapipe package.

    The graph gets a square patch around the face, edges replicated, shrunk by an area filter
    when it is large: MediaPipe turns regions correctly in square images only, and copies
    what it is given on every call.
    """

    def __init__(self) -> None:
        self._mediapipe = prepare()
        self._model = FACE_MESH_WITH_ATTENTION.at(MESH_FILE)
        self._lock = threading.Lock()
        self._timestamp = 0
        self._answer: dict[str, Any] = {}
        self._graph = self._start()

    @property
    def model(self) -> ModelInfo:
        return self._model.info

    def find(
        self,
        image_rgb: RgbImage,
        box: BoundingBox,
        roll: float | None = None,
        expected_roll: float = 0.0,
        *,
        thorough: bool = True,
    ) -> Mesh | PartError:
        """See `FaceLandmarker.find`."""
        patch = _Patch.around(image_rgb, box)

        def fit(region: Region) -> Fit | None:
            return self._fit(patch, region)

        with self._lock:
            return find_mesh(fit, box, roll, expected_roll, thorough=thorough)

    def close(self) -> None:
        self._graph.close()

    def _start(self) -> Any:
        config = text_format.Parse(_GRAPH, calculator_pb2.CalculatorGraphConfig())
        graph = self._mediapipe.CalculatorGraph(graph_config=config)
        for stream in ("landmarks", _PRESENCE):
            graph.observe_output_stream(stream, self._answer.__setitem__, False)
        graph.start_run({"with_attention": packet_creator.create_bool(True)})
        return graph

    def _fit(self, patch: _Patch, region: Region) -> Fit | None:
        self._answer.clear()
        self._timestamp += 1
        try:
            for stream, packet in (
                ("image", packet_creator.create_image_frame(self._frame(patch.rgb))),
                ("region", packet_creator.create_proto(patch.to_mediapipe(region))),
            ):
                self._graph.add_packet_to_input_stream(stream, packet.at(self._timestamp))
            self._graph.wait_until_idle()
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"MediaPipe's landmark graph failed: {error}") from error
        landmarks, presence = self._answer.get("landmarks"), self._answer.get(_PRESENCE)
        if landmarks is None or presence is None:
            return None
        points = patch.from_mediapipe(packet_getter.get_proto(landmarks))
        return Fit(points, float(packet_getter.get_float(presence)))

    def _frame(self, rgb: RgbImage) -> Any:
        return self._mediapipe.ImageFrame(image_format=self._mediapipe.ImageFormat.SRGB, data=rgb)


class _Patch:
    """A square part of an image, and the way between its coordinates and the image's."""

    def __init__(self, rgb: RgbImage, left: int, top: int, side: int) -> None:
        self.rgb = rgb
        self._left, self._top, self._side = left, top, side

    @classmethod
    def around(cls, image_rgb: RgbImage, box: BoundingBox) -> _Patch:
        region = region_of_box(box, 0.0)
        side = math.ceil(region.side * _PATCH_MARGIN)
        left, top = math.floor(region.x - side / 2), math.floor(region.y - side / 2)
        height, width = image_rgb.shape[:2]
        x1, y1 = max(0, left), max(0, top)
        x2, y2 = min(width, left + side), min(height, top + side)
        inside = image_rgb[y1:y2, x1:x2]
        # Shrunk before it is bordered: a face that fills a large image is bordered cheaply.
        scale = min(1.0, _PATCH_PIXELS / side)
        pixels = round(side * scale)
        if scale < 1.0:
            size = (max(1, round((x2 - x1) * scale)), max(1, round((y2 - y1) * scale)))
            shrunk = cv2.resize(inside, size, interpolation=cv2.INTER_AREA)
            inside = np.asarray(shrunk, np.uint8)
        before_x, before_y = round((x1 - left) * scale), round((y1 - top) * scale)
        rgb = cv2.copyMakeBorder(
            inside,
            before_y,
            max(0, pixels - before_y - inside.shape[0]),
            before_x,
            max(0, pixels - before_x - inside.shape[1]),
            cv2.BORDER_REPLICATE,
        )
        return cls(np.ascontiguousarray(rgb[:pixels, :pixels]), left, top, side)

    def to_mediapipe(self, region: Region) -> Any:
        """A region of the image as a `NormalizedRect` of the patch."""
        return rect_pb2.NormalizedRect(
            x_center=(region.x - self._left) / self._side,
            y_center=(region.y - self._top) / self._side,
            width=region.side / self._side,
            height=region.side / self._side,
            rotation=region.roll,
        )

    def from_mediapipe(self, landmarks: Any) -> FloatArray:
        """A `NormalizedLandmarkList` of the patch as pixels of the image, shape `(n, 2)`."""
        shares = np.array([(point.x, point.y) for point in landmarks.landmark], np.float32)
        return shares * np.float32(self._side) + np.array([self._left, self._top], np.float32)
