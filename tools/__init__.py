"""The logic behind the Makefile; `make help` lists the verbs.

setup         environments and locks: standard library only, runs before anything is installed
checks        lint, types, tests, audit, bill of materials
generate      what is generated from the code and committed beside it
stack         start, stop, status, demo, ingest: runs in .venvs/tools, which `setup` makes
stack_driver  a stack as tests and benchmarks use it
chaos         random kills and damaged files
"""
