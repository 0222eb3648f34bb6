"""Environments, locks and checks. Imports nothing but the standard library."""
