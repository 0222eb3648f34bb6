"""Looks for what was promised, where it is kept: files, index, inbox, Redis."""

from __future__ import annotations

import json
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from redis import Redis

from facepipe.queue.jobs import ImageJob, live_job_ids
from facepipe.queue.redis_connection import connect_redis
from facepipe_client import ImageState
from tools.stack_driver.local_stack import LocalStack

# What a killed writer leaves is swept a minute later.
_SETTLE_S = 100.0
_WITH_RESULT = {"stored", "partial"}
_SCRATCH = ("*.tmp", "*.part", "temp-*", ".*-journal")


@dataclass
class Findings:
    """What the volumes, the index and Redis say of the images that were accepted."""

    status: dict[str, str] = field(default_factory=dict)
    lost: set[str] = field(default_factory=set)
    duplicates: set[str] = field(default_factory=set)
    broken: list[str] = field(default_factory=list)


def settled_audit(stack: LocalStack, ids: Sequence[str], findings: Findings) -> Findings:
    """Looks again while something is amiss: clean-up has its minute."""
    deadline = time.monotonic() + _SETTLE_S
    while findings.broken and not findings.lost and time.monotonic() < deadline:
        time.sleep(1)
        findings = audit(stack, ids)
    return findings


def audit(stack: LocalStack, ids: Sequence[str]) -> Findings:
    """One look at everything."""
    findings = Findings()
    listed = list(stack.api.images())
    by_id = {image.image_id: image for image in listed}
    findings.status = {image_id: by_id[image_id].status for image_id in ids if image_id in by_id}
    counts = Counter(image.image_id for image in listed)
    findings.duplicates = {image_id for image_id, number in counts.items() if number > 1}
    findings.duplicates |= {image_id for image_id, n in Counter(ids).items() if n > 1}
    saved = stack.volumes / "saved_data"
    findings.lost = {i for i in ids if findings.status.get(i) not in _WITH_RESULT}
    findings.lost |= {i for i in ids if not (saved / f"{i}.json").exists()}
    broken = findings.broken
    broken += [f"lost: {i[:12]} is {findings.status.get(i)}" for i in sorted(findings.lost)]
    broken += [f"listed twice: {image_id[:12]}" for image_id in sorted(findings.duplicates)]
    broken += _files_and_index(saved, by_id)
    broken += _index(saved / ".index" / "index.sqlite3")
    broken += [f"in the inbox: {path.name}" for path in _files(stack.volumes / "inbox")]
    broken += [f"temporary file: {path}" for path in _scratch(stack.volumes)]
    redis = connect_redis(stack.redis)
    with closing(redis):
        broken += _keys(redis)
    return findings


def _files_and_index(saved: Path, by_id: dict[str, ImageState]) -> Iterator[str]:
    with_result = {i for i, image in by_id.items() if image.status in _WITH_RESULT}
    kept = {i for i, image in by_id.items() if image.status != "deleted"}
    for name, found, expected in (
        ("json", {path.stem for path in saved.glob("*.json")}, with_result),
        ("jpg", {path.stem for path in saved.glob("*.jpg")}, with_result),
        ("source", {path.name for path in _files(saved / "source")}, kept),
    ):
        if found != expected:
            missing, extra = len(expected - found), len(found - expected)
            yield f"{name}: {missing} are missing, {extra} are not in the index"
    for image_id in with_result:
        path, image = saved / f"{image_id}.json", by_id[image_id].to_json()
        if path.exists():
            document = json.loads(path.read_bytes())
            for key in ("status", "generation", "num_faces"):
                if document[key] != image[key]:
                    yield f"{image_id[:12]}: {key} {document[key]} on disk, {image[key]} in index"


def _index(path: Path) -> Iterator[str]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=20)) as db:
        (verdict,) = db.execute("PRAGMA integrity_check").fetchone()
        if verdict != "ok":
            yield f"the index is damaged: {verdict}"
        (parts,) = db.execute("SELECT count(*) FROM stage_parts").fetchone()
        (unsettled,) = db.execute("SELECT count(*) FROM images WHERE NOT is_settled").fetchone()
        if parts or unsettled:
            yield f"the index holds {parts} parts and {unsettled} unsettled images"


def _keys(redis: Redis) -> Iterator[str]:
    for pattern in ("image:*", "crops:*"):
        for key in cast(list[bytes], redis.keys(pattern)):
            yield f"orphan key: {key.decode()[:20]}"
    live = live_job_ids(redis)
    prefix = "rq:job:"
    for key in cast(list[bytes], redis.keys(f"{prefix}*")):
        job = ImageJob.from_job_id(key.decode().removeprefix(prefix).partition(":")[0])
        if job is not None:
            kind = "unfinished" if job.job_id in live else "orphan"
            yield f"{kind} job: {job.job_id[:30]} generation {job.generation}"


def _scratch(volumes: Path) -> set[Path]:
    return {
        path.relative_to(volumes)
        for pattern in _SCRATCH
        for path in volumes.rglob(pattern)
        if path.is_file()
    }


def _files(folder: Path) -> list[Path]:
    return [p for p in folder.iterdir() if p.is_file() and p.name != ".gitkeep"]
