"""What is generated from the code and committed beside it. Runs in .venvs/dev.

`make format` writes all of it; tests/contract compares what is committed with what would be
written.
"""
