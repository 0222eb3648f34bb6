"""A picture of a face that nothing speaks against."""

from __future__ import annotations

import numpy as np

from agegender_service.exposure import Exposure
from agegender_service.face_quality import FaceQuality

GOOD = FaceQuality(
    side_px=200,
    confidence=0.9,
    sharpness=0.05,
    exposure=Exposure(brightness=120.0, contrast=45.0, white=0.0),
    has_landmarks=True,
    yaw_degrees=3.0,
    stretch=1.06,
    cues=np.array([0.99, 0.01, 0.01, 0.97], np.float32),
)
