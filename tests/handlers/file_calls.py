"""What the tests of files share: one call of file_operation, a process beside it, and what the system sees of it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from syncara import NonRetryableError
from syncara.abc import Handler
from tests.handlers.support import HANG_S, Attempt, called

CHILD = Path(__file__).with_name("child.py")
ROOT = Path(__file__).parents[2]
NOBODY = 65534
"""The user that owns nothing."""


def do(handler: Handler, operation: str, path: str | Path, content: Any = None, key: str = "key", **params: Any) -> Any:
    given = {"operation": operation, "file_path": str(path), **params}
    if content is not None:
        given["content"] = content
    return called(handler, given, Attempt(key))


def error(handler: Handler, operation: str, path: str | Path, content: Any = None, **params: Any) -> str:
    """The error of an operation that no further attempt can help."""
    with pytest.raises(NonRetryableError) as caught:
        do(handler, operation, path, content, **params)
    return str(caught.value)


def child(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, CHILD, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        timeout=HANG_S,
        check=False,
    )


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def disk_steps(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is synced and renamed from now on, in that order."""
    steps = []
    fsync, rename = os.fsync, os.rename

    def spy_fsync(descriptor: int) -> None:
        steps.append("sync folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "sync file")
        fsync(descriptor)

    def spy_rename(source: str | Path, target: str | Path, **folders: int) -> None:
        steps.append(f"rename to {target.name if isinstance(target, Path) else target}")
        rename(source, target, **folders)

    monkeypatch.setattr(os, "fsync", spy_fsync)
    monkeypatch.setattr(os, "rename", spy_rename)
    return steps


@contextmanager
def unprivileged() -> Iterator[None]:
    """As a user to whom permissions apply, which they do not to root."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)
