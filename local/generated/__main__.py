"""`python -m local.generated all|stubs`: writes the generated files."""

from __future__ import annotations

import sys

from local.generated.cards import cards
from local.generated.client import client
from local.generated.env_example import env_example
from local.generated.openapi import openapi
from local.generated.schema import schema
from local.generated.stubs import stubs
from local.generated.versions import versions
from local.paths import ROOT


def main() -> int:
    everything = [stubs, schema, env_example, openapi, client, versions, cards]
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
