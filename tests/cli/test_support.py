"""The helpers that start commands: Ctrl-C reaches those, and one that hangs fails its test instead of keeping it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli import support
from tests.cli.support import CTRL_C, Terminal, read_until, running


@pytest.fixture
def deaf() -> Iterator[None]:
    """Whoever runs the tests ignores SIGINT, as a shell has it with `nohup … &`."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("deaf")
def test_a_command_does_not_ignore_ctrl_c_though_the_tests_do(folder: Path) -> None:
    """In a pipe and on a terminal."""
    with running("run", "bot.py", cwd=folder) as process:
        read_until(process, "Hold is called")
        process.send_signal(signal.SIGINT)
        code = process.wait(support.HANG_S)
    terminal = Terminal("start", "--handlers", "bot.py", cwd=folder)
    terminal.read_until("Hold is called")
    terminal.type(CTRL_C)

    assert (130, 130) == (code, terminal.end())


def test_a_command_that_hangs_fails_its_test(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is killed, so that nothing is left to wait for."""
    monkeypatch.setattr(support, "HANG_S", 0.1)
    terminal = Terminal("run", "bot.py", cwd=folder)
    with running("run", "bot.py", "-d", "b.db", cwd=folder) as process, pytest.raises(AssertionError, match="printed"):
        read_until(process, "never said")
    with pytest.raises(AssertionError, match="shown"):
        terminal.read_until("never said")

    assert (-signal.SIGKILL, -signal.SIGKILL) == (process.returncode, terminal.process.wait())
