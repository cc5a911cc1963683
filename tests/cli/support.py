"""The command line as real processes, in pipes and on a terminal."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.processes import doom, interruptible, under_way

HANG_S = 60
"""When a process counts as hung, and is killed. No test waits for it unless it fails."""
COMMAND = [sys.executable, "-m", "syncara"]
BOT = Path(__file__).with_name("programs") / "bot.py"
# Makes the terminal that it was given its own, as a shell would, so that Ctrl-C reaches it.
_ON_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.executable, sys.argv[1:])"
)
CTRL_C = b"\x03"


class Done(NamedTuple):
    """A command that ran in this process."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


Command = Callable[..., Done]


class Runs(NamedTuple):
    """A database, and the ids of what is in it."""

    folder: Path
    database: str
    workflow_id: str
    completed: str
    failed: str
    paused: str


_LOOKS = {"COLUMNS", "FORCE_COLOR", "LINES", "NO_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE"}


def ours(name: str) -> bool:
    """Whether a variable of whoever runs the tests would change what the command does or how it looks."""
    return name.startswith("SYNCARA_") or name in _LOOKS


def clean(env: Mapping[str, str] | None) -> dict[str, str]:
    """The environment of a process."""
    kept = {name: value for name, value in os.environ.items() if not ours(name)}
    return {**kept, "TERM": "xterm-256color", **(env or {})}


def finished(
    words: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    return subprocess.run(words, cwd=cwd, env=clean(env), capture_output=True, text=True, timeout=HANG_S, check=False)


def syncara(*arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return finished([*COMMAND, *arguments], cwd=cwd, env=env)


def document(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The JSON that a command printed."""
    read = json.loads(done.stdout)
    assert isinstance(read, dict)
    return read


@contextmanager
def running(*arguments: str, cwd: Path, env: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    """A command that is under way, whose output is read line by line; killed if it outlives the block."""
    process = subprocess.Popen(
        interruptible(*COMMAND[1:], *arguments),
        cwd=cwd,
        env=clean(env),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with under_way(process, HANG_S):
        yield process


def read_until(process: subprocess.Popen[str], text: str) -> None:
    """Read lines until one holds the text."""
    assert process.stdout is not None
    assert any(text in line for line in process.stdout), f"{text!r} was not printed"


class Terminal:
    """A command on a terminal of 80 columns and 24 rows."""

    def __init__(self, *arguments: str, cwd: Path) -> None:
        self._master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (24, 80))
        self.process = subprocess.Popen(
            interruptible("-c", _ON_TERMINAL, *COMMAND, *arguments),
            cwd=cwd,
            env=clean(None),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self._doom = doom(self.process, HANG_S)
        self.shown = ""

    def read(self) -> bool:
        """Take in what is shown next; False when the command has ended."""
        try:
            more = os.read(self._master, 65_536)
        except OSError:  # this is how a terminal says that nobody writes to it any more
            return False
        self.shown += more.decode(errors="replace")
        return bool(more)

    def read_until(self, text: str) -> None:
        while text not in self.shown:
            assert self.read(), f"{text!r} was not shown in {self.shown!r}"

    def type(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def text(self) -> str:
        """What was shown, without colours and movements."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.shown)

    def end(self) -> int:
        """Read to the end; returns the exit code."""
        while self.read():
            pass
        os.close(self._master)
        code = self.process.wait(HANG_S)
        self._doom.cancel()
        return code
