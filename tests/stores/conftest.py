"""Stores on real files, and real processes beside this one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from syncara.stores.sqlite import SqliteStore
from tests.stores.samples import define_welcome

CHILD = Path(__file__).with_name("child.py")
Start = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteStore]:
    """A new store that is its file's runner."""
    opened = SqliteStore(path, durability="fast")
    opened.acquire()
    define_welcome(opened)
    yield opened
    opened.close()


@pytest.fixture
def start(path: Path) -> Iterator[Start]:
    """Starts a process that does one of the things in child.py to the database."""
    processes: list[subprocess.Popen[str]] = []

    def start(command: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, CHILD, command, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def heard(process: subprocess.Popen[str]) -> Any:
    """The next thing that a child says."""
    assert process.stdout is not None
    return json.loads(process.stdout.readline())
