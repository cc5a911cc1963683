"""Other processes that tests start: Ctrl-C reaches each of them, and none lets its test hang."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_INTERRUPTIBLE = (
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.executable, sys.argv[1:])"
)


def interruptible(*arguments: str | Path) -> list[str | Path]:
    """The command that runs Python with these arguments, which SIGINT ends.

    A process that is started by one that ignores SIGINT, as under `nohup … &`, would ignore it too.
    """
    return [sys.executable, "-c", _INTERRUPTIBLE, sys.executable, *arguments]


def doom(process: subprocess.Popen[Any], seconds: float) -> threading.Timer:
    """Kill a process that hangs: whoever reads from it, or waits for it, goes on and finds that it did not do its part.

    The timer is to be cancelled once the process has ended.
    """
    timer = threading.Timer(seconds, process.kill)
    timer.daemon = True
    timer.start()
    return timer


@contextmanager
def under_way(process: subprocess.Popen[str], seconds: float) -> Iterator[subprocess.Popen[str]]:
    """Kill a process if it outlives the block, or hangs for so many seconds within it."""
    timer = doom(process, seconds)
    with process:
        try:
            yield process
        finally:
            timer.cancel()
            process.kill()
