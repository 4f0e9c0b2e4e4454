"""Processes by their pid files: they may outlive the one that started them."""

import os
import signal
from contextlib import suppress
from pathlib import Path

import psutil

from tests.support.waiting import becomes


def of(file: Path, word: str) -> psutil.Process | None:
    """The process that the file names, if it is still there and this word is in its command."""
    try:
        process = psutil.Process(int(file.read_text().split("\n")[0]))
        is_ours = word in " ".join(process.cmdline())
    except (OSError, ValueError, psutil.Error):
        return None
    return process if is_ours and is_there(process) else None


def is_there(process: psutil.Process) -> bool:
    """Nobody may be there to wait for an orphan: a zombie is gone."""
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def end(file: Path, word: str, patience: float) -> None:
    """SIGTERM; and SIGKILL, for its workers too, if that takes longer than so many seconds."""
    process = of(file, word)
    if process is None:
        return
    process.terminate()
    if not becomes(lambda: not is_there(process), patience):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
