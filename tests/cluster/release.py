"""The release before, out of git."""

import io
import subprocess
import tarfile
from pathlib import Path

from tests.support.processes import ROOT

COMMIT = "b6bdea085852afde2b8adecf9844cfe849359e74"
"""1.0.0"""


def unpack(directory: Path) -> Path | None:
    """Its tree below the directory; None where git doesn't have it: a shallow clone, an archive."""
    command = ["git", "archive", "--format=tar", COMMIT]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True)
    if done.returncode:
        return None
    with tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(directory, filter="data")
    return directory
