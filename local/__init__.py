"""Running the pipeline on one machine, without Docker.

    build   environments, locks, checks: standard library only, runs before anything is installed
    stack   start, stop, status, demo, ingest: runs in .venvs/local, which `build` makes

`make help` lists the verbs.
"""
