"""Finds faces and their landmarks, and cuts the face crops."""
