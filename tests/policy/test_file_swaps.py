"""Files and folders that are swapped while an operation of an assistant's workflow is under way."""

from __future__ import annotations

import itertools
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from syncara import SyncaraError
from tests.policy.file_ground import (
    CANARY,
    PARAMS,
    RECORD,
    TEMPORARY,
    Ground,
    ground_at,
    tree,
    tried,
)

SWAPS = 2000
VICTIM = "a/notes.txt"


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    with ground_at(tmp_path) as made:
        yield made


def moved(path: Path) -> Path:
    """Its place, which is free now."""
    if os.path.lexists(path):
        path.rename(path.with_name(f"{path.name}.away"))
    return path


AT_CALLS: dict[str, Callable[[Path, Path], object]] = {
    "the file": lambda root, outside: moved(root / VICTIM).symlink_to(outside / "secret.txt"),
    "the file, for a hard link": lambda root, outside: moved(root / VICTIM).hardlink_to(outside / "secret.txt"),
    "the file, for a named pipe": lambda root, outside: os.mkfifo(moved(root / VICTIM)),
    "its folder": lambda root, outside: moved(root / "a").symlink_to(outside / "number-5" / "a"),
    "the chat's folder": lambda root, outside: moved(root).symlink_to(outside / "number-5"),
    "the chats' folder": lambda root, outside: moved(root.parent).symlink_to(outside),
    "the record": lambda root, outside: moved(root / "a" / RECORD).symlink_to(outside / "secret.txt"),
    "the temporary file": lambda root, outside: moved(root / "a" / TEMPORARY).symlink_to(outside / "secret.txt"),
    "the temporary file, for a hard link": lambda root, outside: moved(root / "a" / TEMPORARY).hardlink_to(
        outside / "secret.txt"
    ),
}
CALLS = ["access", "close", "fstat", "fsync", "lstat", "mkdir", "open", "pread", "rename", "stat", "unlink", "write"]


@contextmanager
def acting_before(number: int, act: Callable[[], object]) -> Iterator[Callable[[], bool]]:
    """Act right before the system call of that number; the function tells whether it came to that."""
    count = itertools.count(1)
    acted = False

    def spied(call: Callable[..., Any]) -> Callable[..., Any]:
        def spy(*args: Any, **kwargs: Any) -> Any:
            nonlocal acted
            if next(count) == number:
                acted = True
                act()
            return call(*args, **kwargs)

        return spy

    with pytest.MonkeyPatch.context() as patch:
        for name in CALLS:
            patch.setattr(os, name, spied(getattr(os, name)))
        patch.setattr(os, "supports_dir_fd", {*os.supports_dir_fd, os.open})
        yield lambda: acted


def act_before_every_call(
    base: Path, things: dict[str, str], operation: str, path: str, act: Callable[[Path, Path], object]
) -> None:
    """The operation once for each of its system calls, on a new ground, and once more without a disturbance."""
    for number in itertools.count(1):
        ground = Ground(base / str(number))
        ground.build(things)
        before = tree(ground.outside)

        with acting_before(number, partial(act, ground.root, ground.outside)) as acted:
            outcome = tried(ground.workspace, operation, path)

        assert before == tree(ground.outside), number
        assert CANARY not in str(outcome), number
        if not acted():
            assert not isinstance(outcome, SyncaraError)
            return


@pytest.mark.parametrize("swapped", AT_CALLS)
@pytest.mark.parametrize("operation", PARAMS)
def test_a_swap_before_any_system_call_leads_nowhere_else(tmp_path: Path, operation: str, swapped: str) -> None:
    """Between any two calls of the operation the tree may change; what lies outside is not read, and stays as it is."""
    act_before_every_call(tmp_path, {VICTIM: "file"}, operation, VICTIM, AT_CALLS[swapped])


@pytest.mark.parametrize("operation", ["write", "append"])
def test_a_link_in_the_place_of_a_folder_that_is_being_made_is_not_followed(tmp_path: Path, operation: str) -> None:
    """Neither before it is made nor right after."""
    act_before_every_call(
        tmp_path, {}, operation, "a/b/notes.txt", lambda root, outside: moved(root / "a").symlink_to(outside)
    )


def swap_file(root: Path, outside: Path) -> None:
    """There and back; the name is never free."""
    file, link = root / "a" / "file", root / "a" / "link"
    file.write_text("inside\n")
    link.symlink_to(outside / "secret.txt")
    link.rename(root / VICTIM)
    file.rename(root / VICTIM)


def swap_folder(root: Path, outside: Path) -> None:
    (root / "a").rename(root / "away")
    (root / "a").symlink_to(outside)
    (root / "a").unlink()
    (root / "away").rename(root / "a")


@pytest.fixture
def _eager_threads() -> Iterator[None]:
    """They take turns between any two system calls."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.usefixtures("_eager_threads")
@pytest.mark.parametrize("exchange", [swap_file, swap_folder])
def test_two_thousand_swaps_lead_nowhere_else(ground: Ground, exchange: Callable[[Path, Path], None]) -> None:
    """While a thread works on a file, it is swapped for a link, until each operation has both worked and been refused.

    What lies outside is never read, and stays as it is.
    """
    ground.build({VICTIM: "file"})
    before = ground.around()
    seen: set[tuple[str, bool]] = set()
    leaked: list[Any] = []
    stopped = threading.Event()

    def operate() -> None:
        for operation in itertools.cycle(PARAMS):
            if stopped.is_set():
                return
            params = {name: value for name, value in PARAMS[operation].items() if name == "content"}
            outcome = tried(ground.workspace, operation, VICTIM, **params)
            seen.add((operation, isinstance(outcome, SyncaraError)))
            leaked.extend([outcome] * (CANARY in str(outcome)))

    thread = threading.Thread(target=operate)
    thread.start()
    swaps = 0
    try:
        while swaps < SWAPS or (len(seen) < 2 * len(PARAMS) and swaps < 20 * SWAPS):
            exchange(ground.root, ground.outside)
            swaps += 1
    finally:
        stopped.set()
        thread.join()

    assert before == ground.around()
    assert [] == leaked
    assert 2 * len(PARAMS) == len(seen), seen
