"""`python -m tools.stack VERB`, called by the Makefile in .venvs/tools."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tools.stack.certificates import make_certificates
from tools.stack.configuration import load_stack
from tools.stack.demo import demo
from tools.stack.errors import StackError
from tools.stack.ingest import ingest
from tools.stack.lifecycle import start, stop
from tools.stack.logs import follow_logs
from tools.stack.status import print_status
from tools.stack.tools import fetch_deepface, import_model, migrate_ledger, reindex


def main() -> int:
    verbs = argparse.ArgumentParser(prog="python -m tools.stack")
    verb = verbs.add_subparsers(dest="verb", required=True)
    for name in ("start", "worker", "stop", "status", "reindex", "migrate-ledger"):
        verb.add_parser(name)
    for name in ("fetch-deepface", "import-model"):
        verb.add_parser(name)
    verb.add_parser("logs").add_argument("image_id", nargs="?", default="")
    verb.add_parser("demo").add_argument("photo", nargs="?", default="")
    certificates = verb.add_parser("certificates")
    certificates.add_argument("folder", type=Path, help="of the secrets")
    certificates.add_argument("names", nargs="*", help="by which other machines reach this one")
    verb.add_parser("ingest").add_argument("folder")
    arguments = verbs.parse_args()
    try:
        return _run(arguments)
    except StackError as error:
        print(f"\n{error}\n", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _run(arguments: argparse.Namespace) -> int:
    stack = load_stack({"start": False, "worker": True}.get(arguments.verb))
    match arguments.verb:
        case "start" | "worker":
            start(stack)
        case "stop":
            stop(stack)
        case "status":
            return print_status(stack)
        case "logs":
            follow_logs(stack, arguments.image_id)
        case "demo":
            return demo(stack, arguments.photo)
        case "ingest":
            return ingest(stack, arguments.folder)
        case "reindex":
            return reindex(stack)
        case "migrate-ledger":
            return migrate_ledger(stack)
        case "fetch-deepface":
            return fetch_deepface(stack)
        case "import-model":
            return import_model(stack)
        case "certificates":
            make_certificates(stack.run / "authority", arguments.folder, arguments.names)
            print(f"made in {arguments.folder}; docs/operations.md says how they are used")
    return 0


if __name__ == "__main__":
    sys.exit(main())
