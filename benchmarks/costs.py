"""What a stack spends: CPU seconds by process, commands and bytes of its Redis, memory."""

from __future__ import annotations

import contextlib
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx
import psutil
from prometheus_client.parser import text_string_to_metric_families

from facepipe.queue.redis_connection import connect_redis
from tools.stack_driver.local_stack import LocalStack
from tools.stack_driver.process_sizes import name_of

# Whose processes decode photographs.
_DECODING = ("INPUT", "LANDMARK", "AGEGENDER", "STORAGE")


@dataclass(frozen=True, slots=True)
class Spent:
    """Counted since the stack began.

    Attributes:
        cpu_s: by kind of process; what a process did that has ended is not seen.
        redis_commands: that it was asked.
        redis_mb: that went in and out of it.
        store_calls: of gRPC FaceStore.
        jpeg_decodes: in all processes.
    """

    cpu_s: Counter[str] = field(default_factory=Counter)
    redis_commands: int = 0
    redis_mb: float = 0.0
    store_calls: int = 0
    jpeg_decodes: int = 0

    def __sub__(self, earlier: Spent) -> Spent:
        return Spent(
            Counter({name: s - earlier.cpu_s[name] for name, s in self.cpu_s.items()}),
            self.redis_commands - earlier.redis_commands,
            self.redis_mb - earlier.redis_mb,
            self.store_calls - earlier.store_calls,
            self.jpeg_decodes - earlier.jpeg_decodes,
        )


def spent_by(stack: LocalStack) -> Spent:
    cpu_s: Counter[str] = Counter()
    for process in stack.processes():
        with contextlib.suppress(psutil.Error):
            times = process.cpu_times()
            cpu_s[name_of(process)] += times.user + times.system  # type: ignore[assignment]  # fractions count as well
    redis = connect_redis(stack.redis)
    try:
        stats = redis.info("stats")
    finally:
        redis.close()
    moved = stats["total_net_input_bytes"] + stats["total_net_output_bytes"]
    return Spent(
        cpu_s,
        stats["total_commands_processed"],
        moved / 2**20,
        _counted(stack, "STORAGE", "facepipe_store_calls"),
        sum(_counted(stack, service, "facepipe_jpeg_decodes") for service in _DECODING),
    )


def spent_at_rest(stack: LocalStack, settle_s: float, seconds: float) -> dict[str, Any]:
    """What the stack spends while nobody asks anything of it, as shares of one core."""
    time.sleep(settle_s)  # what came before leaves something to do
    before, begin = spent_by(stack), time.perf_counter()
    time.sleep(seconds)
    spent, passed = spent_by(stack) - before, time.perf_counter() - begin
    return {
        "CPU, share of one core": round(spent.cpu_s.total() / passed, 4),
        "CPU by process, share of one core": {
            name: round(cpu_s / passed, 4) for name, cpu_s in spent.cpu_s.most_common() if cpu_s
        },
        "Redis commands/s": round(spent.redis_commands / passed, 1),
    }


def _counted(stack: LocalStack, service: str, metric: str) -> int:
    """What a counter of a service stands at, whatever its labels."""
    url = f"http://127.0.0.1:{stack.port(service)}/metrics"
    answer = httpx.get(url, headers=stack.inside_token.headers, trust_env=False)
    told = answer.raise_for_status().text
    families = {family.name: family for family in text_string_to_metric_families(told)}
    samples = families[metric].samples
    return round(sum(one.value for one in samples if one.name.endswith("_total")))


def memory_mb(stack: LocalStack) -> float:
    """Resident, of all processes; what they share counts once for each."""
    sizes = 0.0
    for process in stack.processes():
        with contextlib.suppress(psutil.Error):
            sizes += process.memory_info().rss
    return sizes / 2**20
