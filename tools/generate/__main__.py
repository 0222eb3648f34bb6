"""`python -m tools.generate all|stubs`: writes the generated files."""

from __future__ import annotations

import sys

from tools.generate.cards import cards
from tools.generate.client import client
from tools.generate.env_example import env_example
from tools.generate.openapi import openapi
from tools.generate.schema import schema
from tools.generate.services import services
from tools.generate.stubs import stubs
from tools.generate.versions import versions
from tools.paths import ROOT


def main() -> int:
    everything = [stubs, schema, env_example, openapi, client, versions, services, cards]
    sources = [stubs] if sys.argv[1:] == ["stubs"] else everything
    for source in sources:
        for path, text in source().items():
            path.parent.mkdir(parents=True, exist_ok=True)
            if not path.exists() or path.read_text() != text:
                path.write_text(text)
                print(f"wrote {path.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
