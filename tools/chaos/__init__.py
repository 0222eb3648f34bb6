"""The stack under attack: random kills, damaged files. Runs in .venvs/dev."""
