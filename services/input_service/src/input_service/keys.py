"""Makes API keys: `python -m input_service.keys new NAME --scopes read,write`."""

from __future__ import annotations

import argparse
import sys

from input_service.access.keyring import ApiKey, KeyEntryError, Scope, new_key


def main(arguments: list[str] | None = None) -> int:
    options = _options(arguments)
    key = new_key()
    try:
        scopes = [Scope(scope) for scope in options.scopes.split(",")]
        entry = ApiKey.parse(str(ApiKey.of(options.name, scopes, key)))
    except (KeyEntryError, ValueError) as error:
        print(f"cannot make this key: {error}", file=sys.stderr)
        return 2
    print(f"The key of {entry.name}, shown this once (send it as `Authorization: Bearer KEY`):")
    print(key)
    print("To store, in FACEPIPE_ACCESS_KEYS or as a line of FACEPIPE_ACCESS_KEYS_FILE:")
    print(entry)
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m input_service.keys", description=__doc__)
    verbs = parser.add_subparsers(required=True)
    new = verbs.add_parser("new", help="make a key")
    new.add_argument("name", help="whose it is: letters, digits, `.`, `_`, `-`")
    new.add_argument("--scopes", default="read", help="of read,write,delete,admin (default: read)")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
