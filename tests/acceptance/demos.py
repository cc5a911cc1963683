"""Running a demo as a person would, in a pipe and on a terminal, and reading what it printed."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PATIENCE_S = 100
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")},
    "TERM": "xterm-256color",
    "COLUMNS": "80",
    "LINES": "24",
    "PYTHONIOENCODING": "utf-8",
}
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Ran(NamedTuple):
    folder: Path
    exit_code: int
    text: str
    """What it printed, without colours and cursor movements."""

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self.text.splitlines()]


def run(script: Path, folder: Path, *arguments: str | Path) -> Ran:
    done = subprocess.run(
        [sys.executable, script, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        encoding="utf-8",
        env=ENVIRONMENT,
        timeout=PATIENCE_S,
        check=False,
    )
    return Ran(folder, done.returncode, done.stdout + done.stderr)


def run_on_terminal(script: Path, folder: Path) -> Ran:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, script, folder], stdin=theirs, stdout=theirs, stderr=theirs, env=ENVIRONMENT
    ) as process:
        os.close(theirs)
        printed = b"".join(_read_all(ours))
        os.close(ours)
    return Ran(folder, process.returncode, ESCAPES.sub("", printed.decode()).replace("\r\n", "\n"))


def _read_all(terminal: int) -> Iterator[bytes]:
    """What comes until the last process has closed the other end, which Linux reports as an error."""
    while True:
        try:
            part = os.read(terminal, 65_536)
        except OSError:
            return
        if not part:
            return
        yield part


def in_order(patterns: list[str], lines: list[str]) -> list[str]:
    """The patterns up to the first that matches no line after the line of the one before it."""
    rest = iter(lines)
    found = []
    for pattern in patterns:
        if not any(re.fullmatch(pattern, line) for line in rest):
            break
        found.append(pattern)
    return found
