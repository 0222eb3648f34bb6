"""Receives logs and spans over OTLP, keeps them by day, and answers questions about them."""
