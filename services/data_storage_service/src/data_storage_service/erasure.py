"""The last traces of deleted images: log lines, old pages of the ledger, Redis' own file.

They take longer than a call may: the logger may be away, and what SQLite and Redis keep of
the past is rewritten for many images at once. The ledger remembers whose traces are left.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx
from redis import Redis
from redis.exceptions import RedisError, ResponseError

from data_storage_service.ledger import Ledger
from data_storage_service.queries import Queries
from facepipe.system.inside_token import InsideToken
from facepipe.system.tls import trusting

_log = logging.getLogger(__name__)
_BUDGET_S = 30.0
_REWRITE_EVERY_S = 60.0


class Erasure:
    """Erases what is left of deleted images, a few seconds after they were deleted.

    Args:
        ledger: which holds the file names of the past in its write-ahead log.
        queries: to know whose traces are left.
        redis: whose append-only file holds cached pixels and ids of jobs.
        logger_url: of logger_service.
        token: that it asks for.
        every_s: pause between two passes that found something to erase.
    """

    def __init__(
        self,
        ledger: Ledger,
        queries: Queries,
        redis: Redis,
        logger_url: str,
        token: InsideToken,
        *,
        ca: Path | None = None,
        every_s: float = _REWRITE_EVERY_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ledger = ledger
        self._queries = queries
        self._redis = redis
        self._http = httpx.Client(
            base_url=logger_url,
            headers=token.headers,
            timeout=30.0,
            trust_env=False,
            verify=trusting(ca),
        )
        self._every_s = every_s
        self._clock = clock
        self._next_at = clock()
        self._is_logger_away = False

    def __call__(self) -> int:
        """One pass; returns of how many images nothing is left now."""
        if self._clock() < self._next_at:
            return 0
        left = self._queries.traces_left()
        if not left:
            return 0
        self._next_at = self._clock() + self._every_s
        is_forgotten = self._ledger.checkpoint()
        erased = self._erase_log_lines(left)
        if not (erased and is_forgotten and self._rewrite()):
            return 0
        self._ledger.traces_erased(erased)
        _log.info("the last traces of %d deleted images were erased", len(erased))
        return len(erased)

    def _erase_log_lines(self, image_ids: Sequence[str]) -> list[str]:
        erased: list[str] = []
        deadline = self._clock() + _BUDGET_S
        for image_id in image_ids:
            try:
                self._http.delete(f"/images/{image_id}").raise_for_status()
            except httpx.HTTPError as error:
                if not self._is_logger_away:
                    _log.warning("log lines of deleted images remain for now: %s", error)
                self._is_logger_away = True
                break
            self._is_logger_away = False
            erased.append(image_id)
            if self._clock() > deadline:
                break
        return erased

    def _rewrite(self) -> bool:
        """Has Redis write its file anew, without what was deleted; False: ask again."""
        try:
            self._redis.bgrewriteaof()
        except ResponseError as error:
            if "in progress" in str(error):
                return False
            _log.warning("Redis keeps its file as it is: %s", error)
        except RedisError as error:
            _log.info("Redis' file is rewritten later: %s", error)
            return False
        return True
