"""Draws statistics of the stored results."""
