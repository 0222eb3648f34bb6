"""`make chaos`: images are sent while parts of the pipeline are killed; nothing may be lost.

A stack of its own is started on free ports with temporary volumes. While images are uploaded,
every few seconds one of its processes, chosen at random, is killed with SIGKILL. What was
promised is looked for at every poll and once more at the end, in the files, the index, the
inbox and Redis. Exits with 1 when a promise was broken.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from facepipe_client import WaitTimeoutError
from tools.chaos.audit import Findings, audit, settled_audit
from tools.chaos.kills import Kill, Killer, rss_mb
from tools.chaos.load import Uploader, Watcher
from tools.paths import ROOT
from tools.stack.demo import astronaut
from tools.stack_driver.local_stack import LocalStack
from tools.stack_driver.photos import batch_of, portrait_paths

_FINISH_S = 600.0
_RESULTS = ROOT / "benchmarks" / "results" / "chaos.json"


@dataclass(frozen=True, slots=True)
class Report:
    """What happened; `broken` says which promises were not kept, and is empty."""

    images: int
    seconds: float
    accepted: int
    by_status: dict[str, int]
    lost: int
    duplicates: int
    polls: int
    unanswered_polls: int
    refused_uploads: int
    kills: list[Kill]
    finished_after_s: float
    rss_mb: dict[str, tuple[float, float]]
    broken: list[str]

    @property
    def kills_by_kind(self) -> dict[str, list[Kill]]:
        kinds: dict[str, list[Kill]] = {}
        for kill in self.kills:
            kinds.setdefault(kill.kind, []).append(kill)
        return dict(sorted(kinds.items()))


def run_chaos(
    stack: LocalStack,
    images: Sequence[bytes],
    seconds: float,
    *,
    seed: int = 0,
    pause_s: tuple[float, float] = (2.0, 5.0),
    finish_s: float = _FINISH_S,
) -> Report:
    """Sends the images to a running stack and kills its processes for so many seconds."""
    before = stack.api.stats()
    first = rss_mb(stack)
    uploader, watcher = Uploader(stack.api, images, seconds), Watcher(stack.api, before)
    killer = Killer(stack, seed, pause_s)
    watcher.start()
    uploader.start()
    kills = killer.run(seconds)
    begin = time.monotonic()
    uploader.join(finish_s)
    broken = [] if uploader.is_done else [f"only {len(uploader.ids)} images were accepted"]
    findings = _until_finished(stack, uploader.ids, finish_s)
    finished_after_s = time.monotonic() - begin
    killer.join()
    findings = settled_audit(stack, uploader.ids, findings)
    watcher.stop()
    last = rss_mb(stack)
    accepted = stack.api.stats().accepted - before.accepted
    if accepted != len(uploader.ids):
        broken.append(f"the index counts {accepted} new images of {len(uploader.ids)} accepted")
    broken += watcher.broken + findings.broken
    broken += [f"{kill.kind}: not back in time" for kill in kills if kill.back_s is None]
    return Report(
        images=len(images),
        seconds=seconds,
        accepted=len(uploader.ids),
        by_status=dict(Counter(findings.status.values())),
        lost=len(findings.lost),
        duplicates=len(findings.duplicates) + len(watcher.finished_twice),
        polls=watcher.polls,
        unanswered_polls=watcher.unanswered,
        refused_uploads=uploader.refused,
        kills=kills,
        finished_after_s=round(finished_after_s, 1),
        rss_mb={name: (first[name], last[name]) for name in first if name in last},
        broken=broken,
    )


def table(report: Report) -> str:
    """The report for people."""
    status = ", ".join(f"{number} {name}" for name, number in sorted(report.by_status.items()))
    lines = [
        f"{report.accepted} of {report.images} images accepted, {status}",
        f"lost {report.lost}, duplicates {report.duplicates}",
        f"{len(report.kills)} kills in {report.seconds:g} s; the last image was finished "
        f"{report.finished_after_s:g} s later",
        f"accepted = stored + partial + failed + deleted + in_flight at {report.polls} polls "
        f"({report.unanswered_polls} more without an answer); "
        f"{report.refused_uploads} uploads sent again",
        "",
        f"{'killed':26}{'times':>7}{'slowest back':>15}{'slowest job taken up':>23}",
    ]
    for kind, kills in report.kills_by_kind.items():
        back = max((k.back_s or 0.0 for k in kills), default=0.0)
        jobs = [k.job_s for k in kills if k.job_s is not None]
        job = f"{max(jobs):.1f} s" if jobs else "-"
        lines.append(f"{kind:26}{len(kills):7}{back:13.1f} s{job:>23}")
    lines += ["", f"{'RSS, MB':42}{'first':>8}{'last':>8}"]
    lines += [f"{name:42}{a:8.0f}{b:8.0f}" for name, (a, b) in sorted(report.rss_mb.items())]
    lines += ["", *(f"BROKEN: {promise}" for promise in report.broken)]
    lines.append("promises broken" if report.broken else "every promise was kept")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=300)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    arguments = parser.parse_args()
    portraits = portrait_paths() or [astronaut()]
    with tempfile.TemporaryDirectory(prefix="facepipe-chaos-") as folder:
        stack = LocalStack.prepare(Path(folder))
        try:
            stack.verb("start")
            stack.wait_ready()
            report = run_chaos(
                stack,
                batch_of(portraits, arguments.images),
                arguments.seconds,
                seed=arguments.seed,
            )
        finally:
            stack.verb("stop", check=False)
    print(table(report))
    _RESULTS.parent.mkdir(exist_ok=True)
    figures = {"seed": arguments.seed, "cores": os.cpu_count(), **asdict(report)}
    _RESULTS.write_text(json.dumps(figures, indent=1) + "\n")
    print(f"written to {_RESULTS.relative_to(ROOT)}")
    return 1 if report.broken else 0


def _until_finished(stack: LocalStack, ids: Sequence[str], finish_s: float) -> Findings:
    try:
        stack.api.wait_all(ids, finish_s)
    except WaitTimeoutError as unfinished:
        findings = audit(stack, ids)
        findings.broken.append(str(unfinished))
        return findings
    return audit(stack, ids)


if __name__ == "__main__":
    sys.exit(main())
