"""Lint, types, tests, audit, bill of materials."""
