"""`make bench`: images/s and latency of the running stack, beside the bare models.

The same images go through the API of the stack, one at a time for the latency and all at once
for the throughput, and then through the same models in one process without anything around
them. The images are removed from the stack afterwards.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from facepipe_client import Client, Result
from tools.paths import ROOT
from tools.stack.configuration import Stack, load_stack
from tools.stack.demo import astronaut
from tools.stack.errors import StackError
from tools.stack.lifecycle import start
from tools.stack.services import SERVICES

_SENDERS = 4
_INPUT = next(s for s in SERVICES if s.name == "input_service")


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured of one way to analyse the images."""

    images_per_s: float
    latency_median_ms: float
    latency_p95_ms: float
    faces: int


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=60)
    count: int = parser.parse_args().images
    try:
        stack, sources = load_stack(), _photos()
        start(stack)
        running = measure_stack(stack, sources, count)
        bare, models = measure_bare(stack, sources, count)
    except StackError as error:
        print(f"\n{error}\n", file=sys.stderr)
        return 1
    _report(running, bare, models, count, len(sources))
    return 0


def measure_stack(stack: Stack, sources: Sequence[bytes], count: int) -> Figures:
    """Latency of images that come one at a time, then throughput of as many at once."""
    with Client(stack.address(_INPUT)) as client:
        _send(client, _distinct(sources[0]))  # whatever is slow the first time
        seconds: list[float] = []
        ids: list[str] = []
        faces = 0
        for number in range(count):
            begin = time.perf_counter()
            entry = _send(client, _distinct(sources[number % len(sources)]))
            seconds.append(time.perf_counter() - begin)
            faces += entry.num_faces
            ids.append(entry.image.sha256)

        images = [_distinct(sources[number % len(sources)]) for number in range(count)]
        begin = time.perf_counter()
        with ThreadPoolExecutor(_SENDERS) as pool:
            ids += [entry.image.sha256 for entry in pool.map(lambda i: _send(client, i), images)]
        elapsed = time.perf_counter() - begin
        for image_id in ids:
            client.delete(image_id)
    return _figures(count / elapsed, seconds, faces)


def measure_bare(stack: Stack, sources: Sequence[bytes], count: int) -> tuple[Figures, list[str]]:
    """The same images through the models in a process of their own."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / str(number) for number in range(len(sources))]
        for path, data in zip(paths, sources, strict=True):
            path.write_bytes(data)
        order = [str(paths[number % len(paths)]) for number in range(count)]
        command = [sys.executable, "-m", "benchmarks.bare", *order]
        answer = subprocess.run(
            command, cwd=ROOT, env=stack.environment, capture_output=True, text=True, check=True
        )
    measured = json.loads(answer.stdout.splitlines()[-1])
    seconds: list[float] = measured["seconds"]
    return _figures(count / sum(seconds), seconds, measured["faces"]), measured["models"]


def _photos() -> list[bytes]:
    folder = Path(os.environ.get("FACEPIPE_TEST_DATA", ROOT.parent / "shared")) / "photos/london"
    portraits = sorted(folder.glob("*.jpg"))
    return [path.read_bytes() for path in portraits or [astronaut()]]


def _distinct(data: bytes) -> bytes:
    """The same picture under another id: decoders stop where the image ends."""
    return data + os.urandom(16)


def _send(client: Client, data: bytes) -> Result:
    accepted = client.upload(data, wait_s=240)
    if not accepted.result:
        raise StackError(f"an image was not analysed: {accepted}")
    return accepted.result


def _figures(images_per_s: float, seconds: list[float], faces: int) -> Figures:
    p95 = statistics.quantiles(seconds, n=20)[-1]
    return Figures(images_per_s, statistics.median(seconds) * 1000, p95 * 1000, faces)


def _report(running: Figures, bare: Figures, models: list[str], count: int, different: int) -> None:
    print(f"\n{count} images ({different} different), {os.cpu_count()} cores, {platform.machine()}")
    print(f"models: {', '.join(models)}\n")
    print(f"{'':22}{'images/s':>10}{'median ms':>11}{'95 % ms':>10}{'faces':>7}")
    for name, f in (("the running stack", running), ("the bare models", bare)):
        row = (
            f"{f.images_per_s:10.2f}{f.latency_median_ms:11.0f}{f.latency_p95_ms:10.0f}{f.faces:7}"
        )
        print(f"{name:22}{row}")
    print(f"\nthe stack reaches {running.images_per_s / bare.images_per_s:.0%} of the bare models")
    target = ROOT / "run" / "bench-throughput.json"
    target.parent.mkdir(exist_ok=True)
    report = {"images": count, "models": models, "stack": asdict(running), "bare": asdict(bare)}
    target.write_text(json.dumps(report, indent=2) + "\n")
    print(f"written to {target.relative_to(ROOT)}")


if __name__ == "__main__":
    sys.exit(main())
