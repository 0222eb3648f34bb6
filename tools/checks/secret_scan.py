"""The command that looks for keys and passwords in what is, or could be, committed."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tools.setup.shares import BuildError

# Left out: hashes of packages, written by `make lock`; weights and pictures; the licence.
_SKIPPED = re.compile(r"^requirements\.lock$|\.(onnx|pt|npz|png|jpg)$|^LICENSE$")
_ALLOWED = [
    # A manifest of Kubernetes names the Secret that it reads.
    "--exclude-lines=secretName: [\"']?facepipe-[a-z-]+",
    # Checksums of weights.
    "--exclude-lines=sha256[\"']?\\s*[:=]\\s*[\"'][0-9a-f]{64}[\"']",
    # Stands for a password, in an address that somebody is to write.
    "--exclude-secrets=^PASSWORD$",
    # The SHA-256 of "test": the image id in the examples of the API document.
    "--exclude-secrets=^9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08$",
]


def secret_scan(program: str, folder: Path) -> list[str]:
    """detect-secrets over a git work tree, run there; it exits with 1 when it finds something.

    A line that is meant to be as it is says so, and why:
    `# pragma: allowlist secret - made up for this test`.

    Raises:
        BuildError: git does not know the folder.
    """
    return [program, "--no-verify", *_ALLOWED, *_files(folder)]


def _files(folder: Path) -> list[str]:
    """What git knows, or would take, and is no generated list of hashes."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if listed.returncode:
        raise BuildError(f"the secret scan needs a git work tree: {listed.stderr.strip()}")
    names = filter(None, listed.stdout.split("\0"))
    return [name for name in names if not _SKIPPED.search(name) and (folder / name).is_file()]
