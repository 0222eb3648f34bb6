"""The running stack: start, stop, status, logs, demo, ingest. Runs in .venvs/tools."""
