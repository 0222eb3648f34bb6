"""The typed side of gRPC `FaceStore`: states and pages, their messages, and the client."""
