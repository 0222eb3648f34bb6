"""Environments and locks. Imports nothing but the standard library."""
