"""The health check of a container: `python -m facepipe.web.healthcheck PORT`.

It ends with 1 where `/readyz` is not 200, and prints why: `docker inspect` shows that.
"""

from __future__ import annotations

import json
import os
import ssl
import sys
from urllib.error import HTTPError
from urllib.request import HTTPSHandler, ProxyHandler, build_opener

TIMEOUT_S = 4.0


def problem(port: int) -> str:
    """Why the service on this port of this host is not ready; "" when it is."""
    is_tls = bool(os.environ.get("FACEPIPE_TLS_CERT"))
    url = f"{'https' if is_tls else 'http'}://127.0.0.1:{port}/readyz"
    try:
        context = ssl.create_default_context(cafile=os.environ.get("FACEPIPE_TLS_CA") or None)
        opener = build_opener(ProxyHandler({}), HTTPSHandler(context=context))
        opener.open(url, timeout=TIMEOUT_S).close()
    except HTTPError as error:
        with error:
            return _detail(error.read()) or f"{url} answers {error.code}"
    except OSError as error:
        return f"{url} does not answer: {error}"
    return ""


def _detail(body: bytes) -> str:
    try:
        return str(json.loads(body)["detail"])
    except (ValueError, KeyError, TypeError):
        return ""


if __name__ == "__main__":
    if reason := problem(int(sys.argv[1])):
        sys.exit(reason)
