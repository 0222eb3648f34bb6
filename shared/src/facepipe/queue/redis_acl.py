"""Who may do what in Redis, a user a service: `python -m facepipe.queue.redis_acl` prints it.

It follows from the table of jobs (`facepipe.queue.job_table`): who works on a queue may do what RQ
and our scripts do there, who puts jobs on it may do that; what a service does besides stands in
`_BESIDES`. Rules are those of Redis 6.2, where each command of a user may touch each of its keys.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from operator import or_

from rq.suspension import WORKERS_SUSPENDED

from facepipe.queue.job_table import JOBS, PLOTS_QUEUE
from facepipe.stages import STAGES, StageName

# Whoever watches over the stack: the verbs of the Makefile, a monitor.
WATCHER = "watcher"
# A host that joins with workers of the stages that need no folder of the first one.
WORKER = "worker"
# For a Redis elsewhere that all services reach by one address: what any of them may do.
TOGETHER = "facepipe"


@dataclass(frozen=True, slots=True)
class Grant:
    """Commands, and patterns of the keys that they may touch."""

    commands: frozenset[str]
    keys: frozenset[str] = frozenset()

    @classmethod
    def of(cls, commands: str, *keys: str) -> Grant:
        return cls(frozenset(commands.split()), frozenset(keys))

    def __or__(self, other: Grant) -> Grant:
        return Grant(self.commands | other.commands, self.keys | other.keys)

    @property
    def rules(self) -> str:
        """The grant as Redis reads it: what is not named is refused, every channel too."""
        keys = (f"~{key}" for key in sorted(self.keys))
        commands = (f"+{command}" for command in sorted(self.commands))
        return " ".join(["resetkeys", "resetchannels", *keys, "-@all", *commands])


_CONNECT = Grant.of("ping")


def _length(queue: str) -> Grant:
    return Grant.of("llen", f"rq:queue:{queue}")


def _work(queue: str, service: str) -> Grant:
    """What the workers of a queue do, and those who look after them: RQ, and our leases."""
    return Grant.of(
        "blmove del evalsha exec exists expire hdel hexists hget hgetall hincrby hincrbyfloat "
        "hmget hset info llen lpos lpush lrange lrem memory|usage multi persist rpush sadd "
        "script|load set smembers srem time type unwatch watch xadd zadd zrange zrangebyscore zrem "
        "zremrangebyscore zscore",
        f"rq:queue:{queue}",
        f"rq:queue:{queue}:intermediate",
        f"rq:job:{queue}-*",
        f"rq:job::{queue}-*",  # of its dependencies; so RQ writes it
        f"rq:results:{queue}-*",
        f"rq:execution:{queue}-*",
        f"rq:executions:{queue}-*",
        *(f"rq:{registry}:{queue}" for registry in ("wip", "scheduled", "failed")),
        "rq:queues",
        "rq:workers",
        WORKERS_SUSPENDED,
        f"rq:workers:{queue}",
        f"rq:worker:{service}-*",
        f"facepipe:giving-up:{queue}-*",
        "facepipe:stages",
        f"facepipe:stages:{service}:*",
    )


def _put(queue: str) -> Grant:
    """What `facepipe.queue.jobs.enqueue` and `enqueue_plots` do."""
    grant = Grant.of(
        "eval evalsha exec exists expire hget hset linsert lpush lrange lrem multi rpush sadd "
        "script|load",
        "rq:queues",
        f"rq:queue:{queue}",
        f"rq:job:{queue}-*",
    )
    if queue == PLOTS_QUEUE:
        locked = Grant.of("del llen set zcard", "facepipe:enqueuing-plots", f"rq:scheduled:{queue}")
        grant |= locked
    return grant


def _look(queue: str) -> Grant:
    """What `live_job_ids` and `count_live_jobs` of `facepipe.queue.jobs` do."""
    return Grant.of("exec llen lrange multi zcard zrange", *_places(queue))


def _measure(queue: str) -> Grant:
    """What tells how much there is to do on a queue, and since when."""
    return Grant.of("eval hget llen lrange zcard", *_places(queue), f"rq:job:{queue}-*")


def _places(queue: str) -> list[str]:
    """Where the jobs of a queue are that somebody will still work on."""
    keys = [f"rq:{name}:{queue}" for name in ("queue", "scheduled", "wip")]
    return [*keys, f"rq:queue:{queue}:intermediate"]


def _sweep(stage: str) -> Grant:
    """What becomes of the failed jobs of finished images."""
    return Grant.of(
        "del exec multi zrange zrem",
        f"rq:failed:{stage}",
        f"rq:job:{stage}-*",
        f"rq:results:{stage}-*",
    )


_QUEUES = tuple(str(kind.queue) for kind in JOBS)
_PIXELS = ("image:*", "crops:*")
_BESIDES = {
    "input_service": Grant.of("info set", "image:*")
    | reduce(or_, map(_measure, _QUEUES))
    | Grant.of("mget smembers srem", "facepipe:stages", "facepipe:stages:*"),
    "landmark_service": Grant.of("get info set", *_PIXELS),
    "agegender_service": Grant.of("get", *_PIXELS),
    "data_storage_service": Grant.of("bgrewriteaof del get scan", *_PIXELS)
    | Grant.of("del set", WORKERS_SUSPENDED)
    | reduce(or_, map(_look, _QUEUES))
    | reduce(or_, map(_sweep, StageName)),
    WATCHER: reduce(or_, map(_length, _QUEUES)),
}


def grants() -> dict[str, Grant]:
    """The grant of every user, by name."""
    found = {user: _CONNECT | grant for user, grant in _BESIDES.items()}
    for kind in JOBS:
        working, putting = kind.worked_by, kind.queued_by
        found[working] = found.get(working, _CONNECT) | _work(kind.queue, working)
        found[putting] = found.get(putting, _CONNECT) | _put(kind.queue)
    found[WORKER] = reduce(or_, (found[spec.service] for spec in STAGES if spec.part))
    return found


def acl_file(passwords: Mapping[str, str], operator: str) -> str:
    """The `users.acl` of a Redis: hashes of the passwords, which need no quoting.

    Args:
        passwords: of each user of `grants`.
        operator: of the user `default`, who may do everything; "" asks for none.
    """
    secret = f"#{_digest(operator)}" if operator else "nopass"
    lines = [f"user default on {secret} ~* &* +@all"]
    for user, grant in grants().items():
        lines.append(f"user {user} on #{_digest(passwords[user])} {grant.rules}")
    return "\n".join(lines)


def _digest(password: str) -> str:
    return hashlib.sha256(password.encode()).hexdigest()


def main() -> None:
    """Prints the commands that make the users in a Redis that runs elsewhere."""
    every = grants()
    for user, grant in (every | {TOGETHER: reduce(or_, every.values())}).items():
        print(f"ACL SETUSER {user} reset on >PASSWORD-OF-{user.upper()} {grant.rules}\n")


if __name__ == "__main__":
    main()
