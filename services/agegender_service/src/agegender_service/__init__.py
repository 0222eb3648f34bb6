"""Estimates age and gender of the faces of an image."""
