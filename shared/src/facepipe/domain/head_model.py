"""The rigid model of a head, of which pose and proportions of a face are read. Pure."""

from __future__ import annotations

# Points of MediaPipe's canonical face model that no expression moves, in centimetres: x to the
# right of the picture, y up, z towards the camera. By their index in the mesh.
# Source: mediapipe/modules/face_geometry/data/canonical_face_model.obj
RIGID_POINTS = {
    6: (0.0, 2.473255, 5.788627),
    10: (0.0, 8.261778, 4.481535),
    33: (-4.445859, 2.663991, 3.173422),
    93: (-7.542244, -1.049282, -2.431321),
    109: (-1.891399, 8.236377, 4.274997),
    127: (-7.743095, 2.364999, -2.005167),
    129: (-1.785794, -0.978284, 4.850470),
    133: (-1.856432, 2.585245, 3.757904),
    168: (0.0, 3.271027, 5.236015),
    234: (-7.664182, 0.673132, -2.435867),
    263: (4.445859, 2.663991, 3.173422),
    323: (7.542244, -1.049282, -2.431321),
    338: (1.891399, 8.236377, 4.274997),
    356: (7.743095, 2.364999, -2.005167),
    358: (1.785794, -0.978284, 4.850470),
    362: (1.856432, 2.585245, 3.757904),
    4: (0.0, -0.463170, 7.586580),
    454: (7.664182, 0.673132, -2.435867),
}
