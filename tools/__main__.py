"""`python3 -m tools VERB`, called by the Makefile with whatever Python there is.

Checks the machine first, then goes on in a Python 3.11. Keeps to what Python 3.8 understands.
"""

from __future__ import annotations

import os
import sys

from tools.supported import WANTED, UnsupportedError, check_processor, python311


def main() -> int:
    try:
        check_processor()
        if sys.version_info[:2] != WANTED:
            python = python311()
            os.execv(python, [python, "-m", "tools", *sys.argv[1:]])  # noqa: S606
    except UnsupportedError as error:
        print(f"\n{error}\n", file=sys.stderr)
        return 2

    from tools.verbs import run  # understood by Python 3.11 only

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
