"""How far does it scale: worker hosts beside one Redis and one ledger, with models that sleep.

`python -m benchmarks.scale` starts a first host (Redis, ledger, API) and worker hosts, which are
processes with host names of their own. First the models sleep so long that the machine has time to
spare at 8 hosts: do 8 times the hosts do 8 times the images? Then they do not sleep: what can one
Redis and one ledger do, and what bounds them?
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path

import psutil

from benchmarks.scale_stack import ScaleStack, scale_stack, wait_until
from tools.paths import ROOT
from tools.stack_driver.api import upload_all
from tools.stack_driver.many_photos import photographs

HOSTS = (1, 2, 4, 8)
_SHORTEST = 64  # pixels
_RESULTS = ROOT / "benchmarks" / "results" / "scale.json"


@dataclass(frozen=True, slots=True)
class Run:
    """So many images, which were sent beforehand, until the last result.

    Attributes:
        sleep_s: in the place of the models, in each of the two stages.
        of_linear: share of what one host does, times their number.
        cpu_share: of all cores, that the processes of the stack used.
        machine_share: of all cores, that anything used, others' work included.
        cpu_ms: for an image, by kind of process.
    """

    database: str
    hosts: int
    sleep_s: float
    images: int
    seconds: float
    images_per_s: float
    of_linear: float
    cpu_share: float
    machine_share: float
    load_before: float
    redis_commands: float
    cpu_ms: dict[str, float]


class Images:
    """Small photographs, no two alike."""

    def __init__(self, count: int) -> None:
        self._all = photographs(count, _SHORTEST)

    def take(self, count: int) -> list[bytes]:
        return list(islice(self._all, count))


def measure(stack: ScaleStack, database: str, sleep_s: float, images: list[bytes]) -> Run:
    """Sends all images while the work is paused, then lets it go on.

    Counted is what comes after the first two of each host, when all of them are at work.
    """
    before = stack.stored()
    stack.api.pause()
    upload_all(stack.api, images)
    hosts = stack.api.stats().stages["landmark"].hosts
    load = os.getloadavg()[0]
    stack.api.resume()
    wait_until(lambda: stack.stored() - before >= 2 * hosts, 600)
    begun, begun_with = time.monotonic(), stack.stored() - before
    psutil.cpu_percent()
    cpu, commands = stack.cpu_s(), stack.commands()
    wait_until(lambda: stack.stored() - before >= len(images), 3600)
    seconds, count = time.monotonic() - begun, len(images) - begun_with
    machine_share = psutil.cpu_percent() / 100
    spent = {name: s - cpu[name] for name, s in stack.cpu_s().items()}
    return Run(
        database,
        hosts,
        sleep_s,
        count,
        round(seconds, 2),
        round(count / seconds, 2),
        1.0,
        round(sum(spent.values()) / seconds / (os.cpu_count() or 1), 3),
        round(machine_share, 3),
        round(load, 1),
        round((stack.commands() - commands) / count, 1),
        {name: round(1000 * s / count, 1) for name, s in sorted(spent.items()) if s > 0},
    )


def linear(stack: ScaleStack, images: Images, sleep_s: float, each: int) -> list[Run]:
    """One host and more, so many images for each."""
    runs: list[Run] = []
    for hosts in HOSTS:
        stack.set_hosts(hosts, sleep_s)
        warm_up(stack, images)
        run = measure(stack, "sqlite", sleep_s, images.take(each * hosts))
        first = runs[0].images_per_s if runs else run.images_per_s
        runs.append(replace(run, of_linear=round(run.images_per_s / first / hosts, 3)))
        print(line(runs[-1]), flush=True)
    return runs


def ceiling(stack: ScaleStack, images: Images, database: str, hosts: int, count: int) -> Run:
    """What gets done when the models take no time."""
    stack.set_hosts(hosts, 0.0)
    warm_up(stack, images)
    run = measure(stack, database, 0.0, images.take(count))
    print(line(run), flush=True)
    return run


def warm_up(stack: ScaleStack, images: Images) -> None:
    """Whatever is slow the first time."""
    before, few = stack.stored(), images.take(8)
    upload_all(stack.api, few)
    wait_until(lambda: stack.stored() - before >= len(few), 600)


def line(run: Run) -> str:
    costs = ", ".join(f"{name} {ms:g}" for name, ms in run.cpu_ms.items())
    return (
        f"{run.database:10} {run.hosts} hosts, sleep {run.sleep_s:g} s: {run.images} images in "
        f"{run.seconds:.1f} s, {run.images_per_s:.2f}/s, {run.of_linear:.0%} of linear; CPU "
        f"{run.cpu_share:.0%} ours, {run.machine_share:.0%} in all, load {run.load_before:g}\n"
        f"{'':11}ms an image: {costs}; {run.redis_commands:g} commands of Redis"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sleep", type=float, default=4.0, help="seconds, in each of two stages")
    parser.add_argument("--each", type=int, default=15, help="images for each host")
    parser.add_argument("--ceiling-hosts", type=int, default=4)
    parser.add_argument("--ceiling-images", type=int, default=500)
    parser.add_argument(
        "--postgres",
        default="",
        help="URL of an empty database: its ceiling alone, beside what --out holds already",
    )
    parser.add_argument("--out", type=Path, default=_RESULTS)
    given = parser.parse_args(arguments)
    images = Images(2_000)
    database = "postgresql" if given.postgres else "sqlite"
    figures = json.loads(given.out.read_text()) if given.postgres else {"ceiling": []}
    figures["cores"] = os.cpu_count()
    with (
        tempfile.TemporaryDirectory(prefix="facepipe-scale-") as folder,
        scale_stack(Path(folder), given.postgres) as stack,
    ):
        if not given.postgres:
            figures["linear"] = [asdict(r) for r in linear(stack, images, given.sleep, given.each)]
        top = ceiling(stack, images, database, given.ceiling_hosts, given.ceiling_images)
    others = [run for run in figures["ceiling"] if run["database"] != database]
    figures["ceiling"] = [*others, asdict(top)]
    given.out.write_text(json.dumps(figures, indent=1) + "\n")
    print(f"written to {given.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
